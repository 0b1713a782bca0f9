// What has happened to a machine, from its record, its jobs, the audit log (for whoever may read it) and the changes that this page has seen.

import { h } from "/console/dom.js";
import { fullMoment, millis, moment, sum, micros, word } from "/console/format.js";

// Entries that are drawn.
const ENTRIES_MAX = 100;

export function timeline({ instance, jobs, audit, seen, now }) {
  const entries = [...ofRecord(instance), ...jobs.flatMap(ofJob), ...audit.filter(isOwnNews).map(ofAudit), ...seen.map(ofChange)]
    .filter((entry) => !Number.isNaN(entry.at))
    .sort((left, right) => right.at - left.at || right.order - left.order);
  if (entries.length === 0) return h("p", { class: "empty" }, "Nothing yet.");
  return h(
    "ol", { class: "timeline" },
    entries.slice(0, ENTRIES_MAX).map((entry) =>
      h(
        "li", { key: `${entry.at} ${entry.title}`, class: entry.tone },
        h("time", { datetime: new Date(entry.at).toISOString(), title: fullMoment(entry.at) }, moment(entry.at, now)),
        h("div", null, h("span", { class: "what" }, entry.title), entry.text && h("span", { class: "note" }, entry.text)),
      )),
  );
}

function ofRecord(instance) {
  const entries = [
    { at: millis(instance.createTime), title: "Accepted", text: "written down before anything was asked of the provider", tone: "rest", order: 0 },
    { at: millis(instance.runningSince), title: "Container came up", tone: "good", order: 3 },
    { at: millis(instance.deleteTime), title: "Gone", text: "the provider has been seen without it", tone: "rest", order: 5 },
  ];
  for (const probe of instance.probes ?? []) {
    entries.push({ at: millis(probe.checkedAt), title: `Port ${probe.port} ${probe.healthy ? "answers" : "does not answer"}`, text: probe.detail, tone: probe.healthy ? "good" : "bad", order: 4 });
  }
  for (const owed of instance.owedMachines ?? []) {
    entries.push({ at: millis(owed.since), title: "A machine is owed", text: `${owed.upstreamId || "not known yet"} must go`, tone: "warn", order: 2 });
  }
  for (const wasted of instance.wastedMachines ?? []) {
    entries.push({ at: millis(wasted.until), title: "A machine too many is gone", text: `${wasted.upstreamId}, it cost ${sum(micros(wasted.cost))}`, tone: "warn", order: 2 });
  }
  return entries;
}

const VERBS = { CREATE: "Create", START: "Start", STOP: "Stop", RESTART: "Restart", DELETE: "Delete" };

function ofJob(job) {
  const type = job.type?.replace("JOB_TYPE_", "").split("_")[0];
  const name = VERBS[type] ?? word(job.type, "JOB_TYPE");
  const entries = [{ at: millis(job.createTime), title: `${name} asked for`, text: job.cause ? `by itself: ${word(job.cause, "").toLowerCase()}` : job.requestId && `request ${job.requestId}`, tone: "busy", order: 1 }];
  for (const attempt of job.attempts ?? []) {
    entries.push({ at: millis(attempt.startTime), title: `${name}: a call failed`, text: `${attempt.step ?? ""}: ${attempt.error ?? ""}`, tone: "bad", order: 2 });
  }
  if (job.endTime) {
    const isDone = job.state === "JOB_STATE_SUCCEEDED";
    const outcome = isDone ? "done" : word(job.state, "JOB_STATE").toLowerCase();
    entries.push({ at: millis(job.endTime), title: `${name} ${outcome}`, text: isDone ? job.progress : `${job.errorReason ?? ""} ${job.errorMessage ?? ""}`, tone: isDone ? "good" : "bad", order: 4 });
  }
  return entries;
}

/** What was asked for stands in the jobs already. */
const isOwnNews = (event) => event.cause !== "REQUESTED";

const ofAudit = (event) => ({
  at: millis(event.time), title: event.action.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase().replace(/^./, (letter) => letter.toUpperCase()),
  text: [event.actor, event.cause && word(event.cause, "").toLowerCase(), event.effect].filter(Boolean).join(" · "), tone: "warn", order: 2,
});

const ofChange = (instance) => ({
  at: millis(instance.updateTime),
  title: instance.readiness === "READINESS_READY" ? "Ready" : word(instance.state, "INSTANCE_STATE"),
  text: instance.stateMessage || instance.notReadyReason, tone: instance.readiness === "READINESS_READY" ? "good" : "busy", order: 3,
});
