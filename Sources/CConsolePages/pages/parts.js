// What several pages show in the same manner.

import { h, lazy } from "/console/dom.js";
import { fullMoment, micros, millis, moment, price, relative, span, word } from "/console/format.js";

const TONES = {
  RUNNING: "good", PENDING: "busy", PROVISIONING: "busy", STARTING: "busy", RESTARTING: "busy", UPDATING: "busy", STOPPING: "busy",
  MIGRATING: "busy", DELETING: "busy", STOPPED: "rest", DELETED: "rest", SUSPENDED: "warn", FAILED: "bad", UNRECOGNIZED: "warn",
};
const JOB_TONES = { SUCCEEDED: "good", FAILED: "bad", CANCELLED: "rest", RUNNING: "busy", READY: "busy", WAITING: "busy" };
const HEALTH_TONES = { healthy: "good", degraded: "warn", unhealthy: "bad" };

/** A state by colour and by its word. */
export const chip = (tone, text) => h("span", { class: `chip ${tone}` }, h("span", { class: "dot", "aria-hidden": "true" }), text);

export function stateChip(instance) {
  const state = instance.state?.replace("INSTANCE_STATE_", "") ?? "";
  if (instance.stateReason === "STATE_REASON_ORPHANED") return chip("bad", "Orphaned");
  if (state === "RUNNING") return instance.readiness === "READINESS_READY" ? chip("good", "Ready") : chip("busy", "Running, not ready");
  return chip(TONES[state] ?? "warn", word(instance.state, "INSTANCE_STATE"));
}

export const jobChip = (job) => chip(JOB_TONES[job.state?.replace("JOB_STATE_", "")] ?? "warn", word(job.state, "JOB_STATE"));

export const healthChip = (status) => chip(HEALTH_TONES[status] ?? "warn", status ? status.charAt(0).toUpperCase() + status.slice(1) : "Unknown");

/** A moment, with its distance on demand. */
export function when(timestamp, { isRelative = false, now = Date.now() } = {}) {
  const at = millis(timestamp);
  if (Number.isNaN(at)) return "–";
  return h("time", { datetime: timestamp, title: fullMoment(at) }, isRelative ? relative(at, now) : moment(at, now));
}

export const machine = (instance) => {
  const count = instance.spec?.gpuCount ?? 1;
  const product = instance.placement?.productName ?? instance.spec?.products?.[0] ?? "";
  return `${count} × ${product}`;
};

export const hourlyPrice = (instance) => micros(instance.placement?.hourlyPrice);

export const perHour = (amount) => [price(amount), h("span", { class: "unit" }, "/h")];

const STEPS = {
  PLACE: () => "Asks the provider for a machine", SETTLE: () => "Looks whether the machine came about", BOOT: () => "Looks whether it is ready",
  SEND: (verb) => `Asks the provider to ${verb} it`, CONFIRM: (verb) => `Looks whether the provider did ${verb} it`,
};
// A step that is due is about to run: not worth a countdown.
const DUE_MILLISECONDS = 1_500;

/** What happens next without anybody's doing: `{text, detail}`, or null when nothing does. `jobs` are those of `openJobs`. */
export function nextAction(instance, jobs, now = Date.now()) {
  const job = jobs.get(instance.id);
  if (job) {
    const verb = job.type.replace("JOB_TYPE_", "").split("_")[0].toLowerCase();
    const text = STEPS[job.step]?.(verb) ?? word(job.type, "JOB_TYPE");
    const due = millis(job.dueTime) - now;
    return { text: job.state !== "JOB_STATE_RUNNING" && due > DUE_MILLISECONDS ? `${text} in ${span(due)}` : text, detail: job.progress };
  }
  const action = instance.nextAction;
  if (action) {
    const verb = VERBS[action.kind] ?? action.kind;
    return { text: `${verb} ${relative(millis(action.time), now)}`, detail: CAUSES[action.cause] ?? action.cause };
  }
  if (instance.owedMachines?.length) return { text: "Repeats the delete until the machine is gone" };
  if (instance.state === "INSTANCE_STATE_RUNNING" && instance.readiness !== "READINESS_READY") return { text: "Asks the ports until they answer" };
  return null;
}

const VERBS = { NEXT_ACTION_KIND_STOP: "Stops it", NEXT_ACTION_KIND_DELETE: "Deletes it", NEXT_ACTION_KIND_START: "Starts it" };
const CAUSES = { IDLE: "nobody uses it", LEASE_LAPSED: "its lease has lapsed", LIFETIME: "the end of its lifetime", SCHEDULE: "as was said beforehand" };

/** The newest unfinished job of each instance. */
export function openJobs(jobs) {
  const newest = new Map();
  for (const job of jobs.values()) {
    const other = newest.get(job.instanceId);
    if (!other || job.createTime > other.createTime) newest.set(job.instanceId, job);
  }
  return newest;
}

/** Label and value, one under the other. */
export function figure(label, value, note) {
  return h("div", { class: "figure" }, h("dt", null, label), h("dd", null, value, note && h("span", { class: "note" }, note)));
}

/** A table whose cells say their column's name where there is no room for columns. A row that has a version makes its cells only when that
    has changed. */
export function table(caption, columns, rows, { empty = "Nothing." } = {}) {
  if (rows.length === 0) return h("p", { class: "empty" }, empty);
  return h(
    "div", { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" },
    h(
      "table", null, h("caption", { class: "unseen" }, caption),
      h("thead", null, h("tr", null, columns.map((column) => h("th", { scope: "col", class: column.class }, column.name)))),
      h(
        "tbody", null,
        rows.map(({ key, version, cells }) =>
          version === undefined
            ? h("tr", { key }, cells.map((content, index) => cell(columns[index], content)))
            : lazy("tr", { key, version }, () => cells().map((content, index) => cell(columns[index], content)))),
      ),
    ),
  );
}

function cell({ name, class: kind = "" }, content) {
  const isBlank = content === null || content === undefined || content === false || content === "–";
  return h("td", { class: `${kind} ${isBlank ? "blank" : ""}`.trim() || null, "data-column": name }, h("div", null, content));
}

export const section = (title, ...children) => h("section", { "aria-label": title, key: title }, h("h2", null, title), children);

/** A refusal as it is shown where it happened. */
export function problem(refused) {
  if (!refused) return null;
  return h(
    "div", { class: "problem", role: "alert" }, h("p", null, refused.message),
    refused.violations?.length > 0 && h("ul", null, refused.violations.map((one) => h("li", null, h("code", null, one.subject), " ", one.description))),
    refused.effect === "EFFECT_UNKNOWN" && h("p", null, "It is not known whether it was done. Trying again is safe: it is the same request."),
  );
}
