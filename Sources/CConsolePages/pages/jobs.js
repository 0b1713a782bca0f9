// The durable work: what is going on, and what has been.

import { Refused, call } from "/console/api.js";
import { confirmChange } from "/console/dialog.js";
import { h } from "/console/dom.js";
import { fleet } from "/console/feed.js";
import { micros, millis, plural, relative, span, word } from "/console/format.js";
import { hourlyPrice, jobChip, perHour, problem, section, table, when } from "/console/parts.js";

const PAGE_SIZE = 100;
const OPEN_COLUMNS = [{ name: "Job" }, { name: "State" }, { name: "Machine" }, { name: "What is going on", class: "wide" }, { name: "Next step" }, { name: "Failed calls", class: "number" }, { name: "" }];
const ENDED_COLUMNS = [{ name: "Job" }, { name: "State" }, { name: "Machine" }, { name: "Outcome", class: "wide" }, { name: "Took", class: "number" }, { name: "Ended" }, { name: "" }];

let past = [];
let pageToken = "";
let refused = null;

export const title = () => "Jobs";

export async function enter(context) {
  past = [];
  pageToken = "";
  await more(context);
}

async function more(context) {
  try {
    const page = await call("ListJobs", { pageSize: PAGE_SIZE, pageToken });
    past.push(...(page.jobs ?? []));
    pageToken = page.nextPageToken ?? "";
    refused = null;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refused = error;
  }
  context.redraw();
}

export function content(context) {
  const open = [...fleet.jobs.values()].sort((left, right) => (left.createTime < right.createTime ? 1 : -1));
  const ended = new Map(past.filter((job) => job.endTime).map((job) => [job.id, job]));
  for (const [id, job] of fleet.endedJobs) ended.set(id, job);
  const sorted = [...ended.values()].sort((left, right) => (left.createTime < right.createTime ? 1 : -1));
  return [
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Jobs")), problem(refused),
    section("Going on", table("Jobs that go on", OPEN_COLUMNS, open.map((job) => openRow(job, context)), { empty: "Nothing is going on." })),
    section(
      "Ended", table("Jobs that have ended", ENDED_COLUMNS, sorted.map((job) => endedRow(job, context)), { empty: "None yet." }),
      pageToken && h("p", null, h("button", { onclick: () => more(context) }, "Show older ones")),
    ),
  ];
}

const jobName = (job) => [
  word(job.type, "JOB_TYPE").replace(/ instance$/, ""), h("span", { class: "note" }, h("code", null, job.id)),
  job.cause && h("span", { class: "note" }, `by itself: ${word(job.cause, "").toLowerCase()}`),
];

function machineLink(job) {
  const instance = fleet.instances.get(job.instanceId) ?? fleet.endedInstances.get(job.instanceId);
  return h("a", { href: `#/instances/${encodeURIComponent(job.instanceId)}` }, instance?.name ?? job.instanceId);
}

function openRow(job, context) {
  const due = millis(job.dueTime);
  return {
    key: job.id,
    cells: [
      jobName(job), jobChip(job), machineLink(job), [job.progress || job.step, attempts(job)],
      job.state === "JOB_STATE_RUNNING" ? "now" : relative(due, context.now), String(job.attemptCount ?? 0),
      context.mayChange && h("button", { class: "quiet", onclick: () => askCancel(job) }, "Cancel"),
    ],
  };
}

function endedRow(job, context) {
  const isRetryable = ["JOB_STATE_FAILED", "JOB_STATE_CANCELLED"].includes(job.state);
  return {
    key: job.id,
    cells: [
      jobName(job), jobChip(job), machineLink(job),
      [job.errorReason ? h("span", null, h("code", null, job.errorReason), " ", job.errorMessage ?? "") : job.progress || "Done", attempts(job)],
      span(millis(job.endTime) - millis(job.createTime)), when(job.endTime, { now: context.now }),
      isRetryable && context.mayChange && h("button", { class: "quiet", onclick: () => askRetry(job) }, "Try again"),
    ],
  };
}

/** The provider calls that failed or stayed unclear. */
export function attempts(job) {
  const list = job.attempts ?? [];
  if (list.length === 0) return null;
  return h(
    "details", { class: "attempts" }, h("summary", null, plural(list.length, "failed call")),
    h("ol", null, list.map((one) => h("li", { key: one.number }, h("span", { class: "note" }, when(one.startTime), ` · ${one.step ?? ""}`), one.error))),
  );
}

function askCancel(job) {
  confirmChange({
    title: `Cancel “${word(job.type, "JOB_TYPE").toLowerCase()}”?`,
    body: [h("p", null, "What has been asked of the provider cannot be taken back. A create that may have brought a machine about becomes a delete.")],
    action: "Cancel the job", isDangerous: true,
    perform: (requestId) => call("CancelJob", { requestId, id: job.id }),
  });
}

function askRetry(job) {
  const instance = fleet.instances.get(job.instanceId) ?? fleet.endedInstances.get(job.instanceId);
  const costs = ["JOB_TYPE_CREATE_INSTANCE", "JOB_TYPE_START_INSTANCE"].includes(job.type);
  const price = instance ? hourlyPrice(instance) || micros(instance.spec?.maxHourlyPrice) : 0;
  confirmChange({
    title: `Try “${word(job.type, "JOB_TYPE").toLowerCase()}” again?`,
    body: [h("p", null, costs ? ["It makes a machine that is billed", price ? [" at ", perHour(price)] : " at the price that is valid then", "."] : "It costs nothing by itself.")],
    action: "Try again",
    perform: (requestId) => call("RetryJob", { requestId, id: job.id }),
  });
}
