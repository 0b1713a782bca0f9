// One machine: what it is, what it costs, what has happened to it and what happens next.

import { Refused, call, listAll } from "/console/api.js";
import { cost, spans } from "/console/billing.js";
import { confirmChange } from "/console/dialog.js";
import { h } from "/console/dom.js";
import { fleet } from "/console/feed.js";
import { micros, millis, moment, plural, relative, sentence, span, sum, word } from "/console/format.js";
import { attempts } from "/console/jobs.js";
import { chip, figure, hourlyPrice, jobChip, machine, nextAction, openJobs, perHour, problem, section, stateChip, table, when } from "/console/parts.js";
import { timeline } from "/console/timeline.js";

// Of one instance; the newest.
const JOBS_MAX = 1_000;
const AUDIT_MAX = 200;

let shown = { id: "", instance: null, jobs: [], audit: [], refused: null };

export const title = () => current()?.name || "Machine";

const current = () => fleet.instances.get(shown.id) ?? fleet.endedInstances.get(shown.id) ?? shown.instance;

export async function enter(context) {
  const id = context.argument;
  shown = { id, instance: null, jobs: [], audit: [], refused: null };
  context.redraw();
  try {
    const instance = await call("GetInstance", { id });
    const filter = `instance_id = ${instance.id}`;
    const [jobs, audit] = await Promise.all([
      listAll("ListJobs", "jobs", { filter }, JOBS_MAX),
      context.isAdmin ? listAll("ListAuditEvents", "events", { filter }, AUDIT_MAX) : [],
    ]);
    if (shown.id === id) shown = { id: instance.id, instance, jobs, audit, refused: null };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    shown.refused = error;
  }
  context.redraw();
}

/** The jobs that were read, and over them what has been pushed since; newest first. */
function jobsOf(id) {
  const jobs = new Map(shown.jobs.map((job) => [job.id, job]));
  for (const map of [fleet.jobs, fleet.endedJobs]) for (const job of map.values()) if (job.instanceId === id) jobs.set(job.id, job);
  return [...jobs.values()].sort((left, right) => (left.createTime < right.createTime ? 1 : -1));
}

export function content(context) {
  const instance = current();
  const crumb = h("p", { class: "crumb" }, h("a", { href: "#/" }, "Fleet"));
  if (!instance) {
    return [crumb, h("h1", { tabindex: "-1" }, "Machine"), shown.refused ? problem(shown.refused) : h("p", { class: "empty" }, "Asking the server…")];
  }
  const jobs = jobsOf(instance.id);
  return [
    crumb,
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, instance.name || instance.id), stateChip(instance), context.mayChange && actions(instance)),
    problem(shown.refused), figures(instance, jobs, context.now), notice(instance),
    h(
      "div", { class: "columns" },
      h("div", null, reach(instance), section("Timeline", timeline({ instance, jobs, audit: shown.audit, seen: fleet.seen.get(instance.id) ?? [], now: context.now }))),
      h("div", null, probes(instance, context.now), specification(instance), machineFacts(instance, context.now), debts(instance, context.now)),
    ),
    section("Jobs", jobTable(jobs, context.now)),
  ];
}

function figures(instance, jobs, now) {
  const next = nextAction(instance, openJobs(fleet.jobs), now);
  const running = millis(instance.runningSince);
  const isUp = ["INSTANCE_STATE_RUNNING", "INSTANCE_STATE_RESTARTING"].includes(instance.state);
  return h(
    "dl", { class: "figures" },
    figure("Price", perHour(hourlyPrice(instance)), instance.placement?.billingMode === "BILLING_MODE_SPOT" ? "spot" : "on demand"),
    figure("Cost so far", sum(cost(spans(instance, jobs, now))), "by the quoted price, while it was up"),
    figure("Up", isUp && !Number.isNaN(running) ? span(now - running) : "–", isUp && !Number.isNaN(running) ? `since ${moment(running, now)}` : null),
    figure("Next, by itself", next?.text ?? "Nothing", next?.detail),
  );
}

function notice(instance) {
  const texts = [instance.stateMessage, instance.state === "INSTANCE_STATE_RUNNING" && instance.notReadyReason, instance.upstream?.error].filter(Boolean);
  if (texts.length === 0) return null;
  const reason = instance.stateReason === "STATE_REASON_REQUESTED" ? "" : word(instance.stateReason, "STATE_REASON");
  return h("p", { class: instance.state === "INSTANCE_STATE_FAILED" ? "problem" : "remark" }, reason && h("strong", null, `${reason}. `), sentence([...new Set(texts)].join(". ")));
}

function actions(instance) {
  const state = instance.state.replace("INSTANCE_STATE_", "");
  const isOver = state === "DELETED" || (state === "FAILED" && instance.desiredState === "DESIRED_STATE_DELETED");
  if (isOver) return null;
  return h(
    "div", { class: "actions" }, state === "STOPPED" && h("button", { id: "start", onclick: () => askStart(instance) }, "Start"),
    ["RUNNING"].includes(state) && h("button", { id: "restart", onclick: () => askRestart(instance) }, "Restart"),
    ["RUNNING", "STARTING", "RESTARTING"].includes(state) && h("button", { id: "stop", onclick: () => askStop(instance) }, "Stop"),
    state !== "DELETING" && h("button", { id: "delete", class: "danger", onclick: () => askDelete(instance) }, "Delete"),
  );
}

const priceFigure = (label, instance) => h("dl", { class: "figures" }, figure(label, perHour(hourlyPrice(instance)), machine(instance)));

function askStart(instance) {
  confirmChange({
    title: `Start ${instance.name}?`, body: [priceFigure("Billed from then on", instance)], action: "Start",
    perform: (requestId) => call("StartInstance", { requestId, id: instance.id }),
  });
}

function askRestart(instance) {
  confirmChange({
    title: `Restart ${instance.name}?`, body: [h("p", null, "The container ends and begins anew; what runs in it is interrupted."), priceFigure("Goes on being billed", instance)],
    action: "Restart", perform: (requestId) => call("RestartInstance", { requestId, id: instance.id }),
  });
}

function askStop(instance) {
  confirmChange({
    title: `Stop ${instance.name}?`, body: [h("p", null, "What runs on it ends. Its disk stays, and it can be started again."), priceFigure("No longer billed for the GPU", instance)],
    action: "Stop", perform: (requestId) => call("StopInstance", { requestId, id: instance.id }),
  });
}

function askDelete(instance) {
  const force = h("input", { type: "checkbox", id: "force" });
  confirmChange({
    title: `Delete ${instance.name}?`,
    body: [
      h("p", null, "The machine and its disk are gone for good."), priceFigure("No longer billed", instance),
      instance.deletionProtection && h("label", { class: "check" }, force, "It is protected: delete it all the same"),
    ],
    action: "Delete", isDangerous: true, perform: (requestId) => call("DeleteInstance", { requestId, id: instance.id, force: force.checked }),
  });
}

function reach(instance) {
  const endpoints = instance.endpoints ?? [];
  return section(
    "Reach it",
    endpoints.length === 0
      ? h("p", { class: "empty" }, instance.spec?.ports?.length ? "The provider has given no addresses yet." : "No port was asked for.")
      : h(
          "dl", { class: "facts" },
          endpoints.map((one) => [h("dt", null, `${one.port} ${word(one.protocol, "PORT_PROTOCOL").toUpperCase()}`), h("dd", null, h("code", null, one.address))]),
        ),
  );
}

function probes(instance, now) {
  const rows = (instance.probes ?? []).map((probe) => ({
    key: String(probe.port),
    cells: [
      String(probe.port), probe.healthy ? chip("good", "Healthy") : chip("bad", "Not healthy"), probe.detail ?? "",
      probe.latency ? `${Math.round(Number.parseFloat(probe.latency) * 1000)} ms` : "–", when(probe.checkedAt, { isRelative: true, now }),
    ],
  }));
  return section(
    "Probes",
    table(
      "Probes", [{ name: "Port" }, { name: "Health" }, { name: "Answer" }, { name: "Took", class: "number" }, { name: "Turned" }], rows,
      { empty: instance.spec?.ports?.some((port) => port.probe) ? "No port has been asked yet." : "No port is asked; an address from the provider makes it ready." },
    ),
  );
}

const facts = (pairs) => h("dl", { class: "facts" }, pairs.filter(([, value]) => value).map(([name, value]) => [h("dt", { key: name }, name), h("dd", { key: `${name}.` }, value)]));

function specification(instance) {
  const spec = instance.spec ?? {};
  const labels = Object.entries(instance.labels ?? {});
  return section(
    "Specification",
    facts([
      ["Machine", machine(instance)], ["Image", h("code", null, spec.image)], ["Command", spec.command && h("code", null, spec.command)],
      ["Disk", spec.diskGb && `${spec.diskGb} GB`], ["Region", instance.placement?.regionId && [instance.placement.regionName || instance.placement.regionId, h("span", { class: "note" }, instance.placement.regionId)]],
      ["At most", spec.maxHourlyPrice && perHour(micros(spec.maxHourlyPrice))],
      ["Ports", spec.ports?.map((port) => `${port.port}/${word(port.protocol, "PORT_PROTOCOL").toLowerCase() || "http"}`).join(", ")],
      ["Environment", instance.environmentNames?.length > 0 && [h("code", null, instance.environmentNames.join(", ")), h("span", { class: "note" }, "names only; values are sealed")]],
      ["Labels", labels.length > 0 && h("span", { class: "labels" }, labels.map(([key, value]) => h("span", { class: "label" }, `${key}=${value}`)))],
      ["Protected", instance.deletionProtection && "a delete has to say so twice"],
    ]),
  );
}

function machineFacts(instance, now) {
  return section(
    "Record",
    facts([
      ["Id", h("code", null, instance.id)], ["Wanted", word(instance.desiredState, "DESIRED_STATE")], ["Created", when(instance.createTime, { now })],
      ["Changed", when(instance.updateTime, { now })], ["Deleted", instance.deleteTime && when(instance.deleteTime, { now })],
      ["At the provider", instance.upstream?.id && [h("code", null, instance.upstream.id), ` ${instance.upstream.status ?? ""}`]], ["Revision", instance.revision],
    ]),
  );
}

function debts(instance, now) {
  const owed = instance.owedMachines ?? [];
  const wasted = instance.wastedMachines ?? [];
  if (owed.length === 0 && wasted.length === 0) return null;
  return section(
    "Debts and waste",
    owed.map((one) => h("p", { key: one.upstreamId }, `${one.upstreamId || "A machine"} must go, `, perHour(micros(one.hourlyPrice)), `, since ${relative(millis(one.since), now)}.`)),
    wasted.length > 0 && h("p", null, `${plural(wasted.length, "machine")} too many cost ${sum(micros(instance.wastedCost))} until ${wasted.length === 1 ? "it was" : "they were"} gone.`),
  );
}

function jobTable(jobs, now) {
  return table(
    "Jobs of this machine",
    [{ name: "Job" }, { name: "State" }, { name: "What came of it", class: "wide" }, { name: "Failed calls", class: "number" }, { name: "Asked for" }, { name: "Ended" }],
    jobs.map((job) => ({
      key: job.id,
      cells: [
        [word(job.type, "JOB_TYPE").replace(/ instance$/, ""), h("span", { class: "note" }, h("code", null, job.id))], jobChip(job),
        [job.errorReason ? h("span", null, h("code", null, job.errorReason), " ", job.errorMessage ?? "") : job.progress || "Done", attempts(job)],
        String(job.attemptCount ?? 0), when(job.createTime, { now }), job.endTime ? when(job.endTime, { now }) : "–",
      ],
    })),
  );
}
