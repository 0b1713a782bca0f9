// What needs attention: the server's checks, machines that nobody wants and that are not proven gone, machines without a record, the freeze.

import { Refused, call } from "/console/api.js";
import { confirmChange } from "/console/dialog.js";
import { h } from "/console/dom.js";
import { fleet } from "/console/feed.js";
import { micros, millis, plural, price, relative, span } from "/console/format.js";
import { figure, healthChip, hourlyPrice, machine, perHour, problem, section, stateChip, table, when } from "/console/parts.js";

let details = null;
let refused = null;

export const title = () => "Health";

/** The server's own account of itself; asked for when the page is opened and when something that it sums up has changed. */
export async function enter(context) {
  if (!context.isLetIn) return;
  try {
    details = await call("GetHealth");
    refused = null;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refused = error;
  }
  context.redraw();
}

export function content(context) {
  const { health } = fleet;
  return [
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Health"), health ? healthChip(health.status) : null),
    !health && h("p", { class: "empty" }, "Waiting for the sidecar…"),
    health && section("Checks", checks(health, context.now)),
    context.isLetIn && [problem(refused), control(context), owed(context), orphans()],
    context.server && section("Server", facts(context)),
  ];
}

function checks(health, now) {
  const rows = Object.entries(health.checks ?? {}).map(([name, check]) => ({
    key: name,
    cells: [
      name, healthChip(check.status), check.detail || "–", check.latency_ms ? `${check.latency_ms.toFixed(check.latency_ms < 10 ? 1 : 0)} ms` : "–",
      check.checked_at ? when(check.checked_at, { isRelative: true, now }) : "–",
    ],
  }));
  return table("Checks", [{ name: "Check" }, { name: "Status" }, { name: "Detail", class: "wide" }, { name: "Took", class: "number" }, { name: "Checked" }], rows);
}

function control(context) {
  const freeze = details?.control?.freeze;
  const observation = details?.control?.observation;
  return section(
    "Control",
    observation && h("p", { class: "problem" }, `The deployment only observes, ${relative(millis(observation.since), context.now)}: ${observation.reason ?? ""}`),
    h(
      "p", null,
      freeze
        ? `Frozen by ${freeze.actor || "somebody"} ${relative(millis(freeze.since), context.now)}${freeze.reason ? `: ${freeze.reason}` : ""}. Nothing is created or started, and nothing is stopped or deleted that nobody asks for.`
        : "Not frozen: machines are created and started as they are asked for.",
    ),
    context.isAdmin && h("button", { onclick: () => askFreeze(!freeze, context) }, freeze ? "End the freeze" : "Freeze"),
  );
}

function askFreeze(frozen, context) {
  const reason = h("input", { type: "text", id: "reason", maxlength: "500", autocomplete: "off" });
  confirmChange({
    title: frozen ? "Freeze the fleet?" : "End the freeze?",
    body: [
      h("p", null, frozen ? "Creates, starts and everything automatic stop until the freeze is ended. Stops and deletes that people ask for go on." : "What waits goes on at once."),
      h("label", { class: "field" }, h("span", null, "Reason, for whoever looks next"), reason),
    ],
    action: frozen ? "Freeze" : "End the freeze",
    perform: (requestId) => call("SetFreeze", { requestId, frozen, reason: reason.value }),
    done: () => enter(context),
  });
}

function owed({ now }) {
  const machines = [...fleet.instances.values()].flatMap((instance) => (instance.owedMachines ?? []).map((one) => ({ ...one, instance })));
  const total = machines.reduce((price, one) => price + micros(one.hourlyPrice), 0);
  const rows = machines.map((one) => ({
    key: one.instance.id + one.upstreamId,
    cells: [
      h("a", { href: `#/instances/${encodeURIComponent(one.instance.id)}` }, one.instance.name), one.upstreamId || "not known yet",
      one.kind === "OWED_KIND_EXTRA" ? "A second one for the same request" : "To be deleted", perHour(micros(one.hourlyPrice)),
      when(one.since, { isRelative: true, now }),
    ],
  }));
  return section(
    "Debts", rows.length > 0 && h("p", null, `${plural(rows.length, "machine")} at ${price(total)} per hour that nobody wants. Their delete is repeated until the provider has been seen without them.`),
    table(
      "Debts", [{ name: "Instance" }, { name: "Provider's id" }, { name: "Why" }, { name: "Per hour", class: "number" }, { name: "Since" }], rows,
      { empty: "None: every machine that must go has been seen gone." },
    ),
  );
}

function orphans() {
  const rows = [...fleet.instances.values()].filter((instance) => instance.stateReason === "STATE_REASON_ORPHANED").map((instance) => ({
    key: instance.id,
    cells: [
      h("a", { href: `#/instances/${encodeURIComponent(instance.id)}` }, instance.name || instance.id), stateChip(instance), machine(instance),
      instance.upstream?.id ?? "–", perHour(hourlyPrice(instance)),
    ],
  }));
  return section(
    "Orphans", rows.length > 0 && h("p", null, "Machines with this deployment's token and no record. They are billed, and left alone until somebody decides."),
    table(
      "Orphans", [{ name: "Name" }, { name: "State" }, { name: "Machine" }, { name: "Provider's id" }, { name: "Per hour", class: "number" }], rows,
      { empty: "None: every machine with our token has a record." },
    ),
  );
}

function facts({ server, now }) {
  const limits = server.limits ?? {};
  return h(
    "dl", { class: "figures" }, figure("Version", server.version), figure("Up", span(now - millis(server.startTime))),
    figure("Deployment", h("code", null, server.deploymentId)), figure("Store", server.store), figure("Provider", server.upstream),
    figure("Machines at most", limits.maxInstances), figure("Spend at most", perHour(Number(limits.maxHourlySpendMicros ?? 0))),
  );
}
