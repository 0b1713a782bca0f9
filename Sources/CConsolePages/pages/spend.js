// What the machines cost per hour over time.

import { Refused, listAll } from "/console/api.js";
import { cost, series, spans } from "/console/billing.js";
import { spendChart } from "/console/chart.js";
import { h } from "/console/dom.js";
import { fleet } from "/console/feed.js";
import { price, sum } from "/console/format.js";
import { figure, machine, perHour, problem, section, table } from "/console/parts.js";

const HOUR = 3_600_000;
const WINDOWS = [
  { name: "Hour", text: "the last hour", length: HOUR }, { name: "Day", text: "the last day", length: 24 * HOUR },
  { name: "Week", text: "the last week", length: 7 * 24 * HOUR },
];
// Instances and jobs of the past that are read, the newest.
const HISTORY_MAX = 5_000;

let past = null;
let refused = null;
/** What somebody chose; until then the shortest that has everything, at most the day. */
let chosen = null;

export const title = () => "Spend";

export async function enter(context) {
  try {
    const [instances, jobs] = await Promise.all([
      listAll("ListInstances", "instances", { showDeleted: true, orderBy: "create_time desc" }, HISTORY_MAX), listAll("ListJobs", "jobs", {}, HISTORY_MAX),
    ]);
    past = { instances, jobs };
    refused = null;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refused = error;
  }
  context.redraw();
}

/** What was read, and over it what has been pushed since. */
function everything(now) {
  const instances = new Map(past.instances.map((instance) => [instance.id, instance]));
  for (const map of [fleet.instances, fleet.endedInstances]) for (const [id, instance] of map) instances.set(id, instance);
  const jobs = new Map(past.jobs.map((job) => [job.id, job]));
  for (const [id, job] of fleet.endedJobs) jobs.set(id, job);
  const jobsOf = Map.groupBy(jobs.values(), (job) => job.instanceId);
  return [...instances.values()].map((instance) => ({ instance, spans: spans(instance, jobsOf.get(instance.id) ?? [], now) }));
}

export function content(context) {
  const all = past ? everything(context.now) : [];
  const first = Math.min(...all.flatMap((one) => one.spans.map((span) => span.from)));
  const shown = chosen ?? (context.now - first < HOUR ? WINDOWS[0] : WINDOWS[1]);
  return [
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Spend"), choice(shown, context)), problem(refused),
    past ? overview(all, shown, context) : !refused && h("p", { class: "empty" }, "Reading what has been…"),
  ];
}

const choice = (shown, context) =>
  h(
    "div", { class: "segments", role: "group", "aria-label": "Shown" },
    WINDOWS.map((window) =>
      h("button", { type: "button", "aria-pressed": String(window === shown), onclick: () => { chosen = window; context.redraw(); } }, window.name)),
  );

function overview(all, shown, { now, server }) {
  const from = now - shown.length;
  const steps = series(all.flatMap((one) => one.spans), from, now);
  const highest = Math.max(...steps.map((step) => step.price));
  const total = all.reduce((total, one) => total + cost(one.spans, from, now), 0);
  const current = steps.at(-1).price;
  const ceiling = Number(server?.limits?.maxHourlySpendMicros ?? 0);
  return [
    h(
      "dl", { class: "figures" }, figure("Now", perHour(current)), figure(`In ${shown.text}`, sum(total)), figure("Highest", perHour(highest)),
      figure("At most", perHour(ceiling), "what all machines may cost together"),
    ),
    h(
      "figure", { class: "card" },
      spendChart({ steps, from, to: now, ceiling, label: `Dollars per hour over ${shown.text}: now ${price(current)}, at the highest ${price(highest)}` }),
    ),
    h("p", { class: "note" }, "By the prices that were quoted when each machine was asked for, while it was up. The provider's bill has the last word."),
    section("By machine", byMachine(all, shown, now)),
  ];
}

function byMachine(all, shown, now) {
  const from = now - shown.length;
  const rows = all
    .map(({ instance, spans }) => ({ instance, amount: cost(spans, from, now) }))
    .filter((one) => one.amount > 0)
    .sort((left, right) => right.amount - left.amount);
  return table(
    "Cost by machine", [{ name: "Name" }, { name: "Machine" }, { name: "Region" }, { name: "Per hour", class: "number" }, { name: "Cost", class: "number" }],
    rows.slice(0, 50).map(({ instance, amount }) => ({
      key: instance.id,
      cells: [
        h("a", { class: "name", href: `#/instances/${encodeURIComponent(instance.id)}` }, instance.name || instance.id), machine(instance),
        instance.placement?.regionId ?? "–", perHour(Number(instance.placement?.hourlyPrice?.micros ?? 0)), sum(amount),
      ],
    })),
    { empty: `Nothing was up in ${shown.text}.` },
  );
}
