// The list of machines.

import { h } from "/console/dom.js";
import { fleet } from "/console/feed.js";
import { micros, plural, price, word } from "/console/format.js";
import { figure, hourlyPrice, machine, nextAction, openJobs, perHour, stateChip, table } from "/console/parts.js";

// Rows that are drawn; whoever has more machines narrows the list.
const ROWS_MAX = 400;
const COLUMNS = [
  { name: "Name" }, { name: "State" }, { name: "Machine" }, { name: "Region" }, { name: "Per hour", class: "number" }, { name: "Next", class: "wide" },
];

const filter = { text: "", state: "" };

export const title = () => "Fleet";

export function content(context) {
  const all = [...fleet.instances.values()];
  const jobs = openJobs(fleet.jobs);
  const shown = all.filter(fits).sort((left, right) => (left.createTime < right.createTime ? 1 : -1));
  return [
    h(
      "div", { class: "head" }, h("h1", { tabindex: "-1" }, "Fleet"),
      context.mayChange && h("a", { class: "button primary", href: "#/create" }, "New machine"),
    ),
    figures(all, context),
    h(
      "form", { class: "filter", role: "search", "aria-label": "Machines", onsubmit: (event) => event.preventDefault() },
      h(
        "label", null, h("span", { class: "unseen" }, "Search"),
        h("input", {
          type: "search", id: "search", placeholder: "Name, label, product, region, id", autocomplete: "off", spellcheck: "false", value: filter.text,
          oninput: (event) => change(context, { text: event.target.value.trim().toLowerCase() }),
        }),
      ),
      h(
        "label", null, h("span", { class: "unseen" }, "State"),
        h(
          "select", { id: "state", onchange: (event) => change(context, { state: event.target.value }) },
          h("option", { value: "" }, "Every state"), states(all).map((state) => h("option", { value: state, key: state }, word(state, "INSTANCE_STATE"))),
        ),
      ),
      h("span", { class: "note", role: "status" }, shown.length === all.length ? "" : `${shown.length} of ${plural(all.length, "machine")}`),
    ),
    fleet.isComplete || all.length > 0
      ? table("Machines", COLUMNS, shown.slice(0, ROWS_MAX).map((instance) => row(instance, nextAction(instance, jobs, context.now))), { empty: emptyText(all, context) })
      : h("p", { class: "empty" }, "Waiting for the server…"),
    shown.length > ROWS_MAX && h("p", { class: "note" }, `The newest ${ROWS_MAX} are shown; narrow the list to see others.`),
  ];
}

function change(context, values) {
  Object.assign(filter, values);
  context.redraw();
}

function fits(instance) {
  if (filter.state && instance.state !== filter.state) return false;
  if (!filter.text) return true;
  const labels = Object.entries(instance.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const texts = [instance.name, instance.id, machine(instance), instance.placement?.regionId, instance.placement?.regionName, ...labels];
  return texts.some((text) => text?.toLowerCase().includes(filter.text));
}

const states = (all) => [...new Set(all.map((instance) => instance.state))].sort();

function emptyText(all, context) {
  if (all.length > 0) return "No machine fits.";
  return context.mayChange ? "No machines. Begin with “New machine”." : "No machines.";
}

function figures(all, { server }) {
  const billed = all.filter((instance) => instance.upstream?.id && instance.state !== "INSTANCE_STATE_STOPPED");
  const spend = billed.reduce((total, instance) => total + hourlyPrice(instance), 0);
  const owed = all.flatMap((instance) => instance.owedMachines ?? []);
  const limits = server?.limits;
  const limit = Number(limits?.maxHourlySpendMicros ?? 0);
  return h(
    "dl", { class: "figures" },
    figure("Being billed", perHour(spend), limit > 0 && `of at most ${price(limit)}`),
    figure("Machines", all.length.toLocaleString("en-US"), limits?.maxInstances && `of at most ${limits.maxInstances.toLocaleString("en-US")}`),
    figure("Ready", all.filter((instance) => instance.readiness === "READINESS_READY").length.toLocaleString("en-US")),
    figure(
      "Owed", perHour(owed.reduce((total, one) => total + micros(one.hourlyPrice), 0)),
      owed.length > 0 ? h("a", { href: "#/health" }, plural(owed.length, "machine")) : "nothing waits to be proven gone",
    ),
  );
}

function row(instance, next) {
  const labels = Object.entries(instance.labels ?? {});
  return {
    key: instance.id,
    version: `${instance.revision} ${next?.text} ${next?.detail}`,
    cells: () => [
      [
        h("a", { class: "name", href: `#/instances/${encodeURIComponent(instance.id)}` }, instance.name || instance.id),
        labels.length > 0 && h("span", { class: "labels" }, labels.slice(0, 3).map(([key, value]) => h("span", { class: "label" }, `${key}=${value}`))),
      ],
      [stateChip(instance), instance.stateMessage && h("span", { class: "note" }, instance.stateMessage)],
      [machine(instance), instance.placement?.billingMode === "BILLING_MODE_SPOT" && h("span", { class: "note" }, "spot")],
      instance.placement?.regionId ?? "–",
      perHour(hourlyPrice(instance)),
      next ? [next.text, next.detail && h("span", { class: "note" }, next.detail)] : "–",
    ],
  };
}
