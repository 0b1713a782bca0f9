// A new machine: what is wanted on the left, what the provider has for it on the right, with the price before anything is asked for.

import { Refused, call } from "/console/api.js";
import { confirmChange } from "/console/dialog.js";
import { h } from "/console/dom.js";
import { micros, price, word } from "/console/format.js";
import { chip, figure, perHour, problem, table } from "/console/parts.js";
import { catalogue, readCatalogue, stockChip } from "/console/prices.js";

// A plan is asked for when somebody has stopped typing.
const PAUSE_MILLISECONDS = 300;

const VERDICTS = {
  ELIGIBLE: "good", UNAVAILABLE: "rest", TOO_EXPENSIVE: "warn", DISK_OUT_OF_RANGE: "warn", NOT_IN_REGION: "rest", NO_PRICE: "rest", COOLING_DOWN: "warn",
};

const state = { plan: null, refused: null, mistakes: [], timer: 0, asked: 0 };

export const title = () => "New machine";

export async function enter(context) {
  Object.assign(state, { plan: null, refused: null, mistakes: [] });
  await readCatalogue();
  context.redraw();
}

export function leave() {
  clearTimeout(state.timer);
}

export function content(context) {
  const { products, refused } = catalogue;
  return [
    h("p", { class: "crumb" }, h("a", { href: "#/" }, "Fleet")), h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "New machine")), problem(refused),
    !context.mayChange && h("p", { class: "remark" }, "You may plan, but not create: that takes the role operator."),
    products
      ? h(
          "form", { id: "create", class: "columns wide-left", oninput: () => planSoon(context), onsubmit: (event) => submit(event, context) },
          h("div", null, machineFields(products), programFields(), identityFields()),
          h("div", null, h("div", { class: "card stuck", "aria-live": "polite" }, h("h2", null, "Plan"), planned(context))),
        )
      : !refused && h("p", { class: "empty" }, "Asking the provider for its prices…"),
  ];
}

const field = (label, control, note) => h("label", { class: "field" }, h("span", null, label), control, note && h("span", { class: "note" }, note));

function machineFields(products) {
  return [
    h(
      "fieldset", { class: "products" }, h("legend", null, "Products; any of those that are chosen will do"),
      h(
        "div", { class: "scroll keeps" },
        h(
          "table", { class: "compact" },
          h("thead", null, h("tr", null, ["Product", "On demand", "Spot", "Stock"].map((name, index) => h("th", { scope: "col", class: index === 1 || index === 2 ? "number" : null }, name)))),
          h("tbody", null, products.map(productRow)),
        ),
      ),
    ),
    h(
      "div", { class: "row" }, field("GPUs", h("select", { name: "gpus" }, [1, 2, 4, 8].map((count) => h("option", { value: String(count) }, String(count))))),
      field("Disk in GB", h("input", { name: "disk", type: "number", min: "10", max: "6144", value: "60", inputmode: "numeric" })),
      field("At most, dollars per hour", h("input", { name: "maxPrice", type: "text", inputmode: "decimal", placeholder: "any price", autocomplete: "off" })),
    ),
    h(
      "fieldset", null, h("legend", null, "Billing"),
      h(
        "div", { class: "choices" }, h("label", { class: "check" }, h("input", { type: "radio", name: "billing", value: "BILLING_MODE_ON_DEMAND", checked: true }), "On demand"),
        h("label", { class: "check" }, h("input", { type: "radio", name: "billing", value: "BILLING_MODE_SPOT" }), "Spot: cheaper, and may be reclaimed"),
      ),
    ),
    field("Regions, in order", h("input", { name: "regions", type: "text", placeholder: "any", autocomplete: "off", spellcheck: "false" }), regionNote(products)),
  ];
}

const regionNote = (products) => [...new Set(products.flatMap((product) => product.regionIds ?? []))].sort().join(", ");

function productRow(product) {
  const amount = (money) => (money ? price(micros(money)) : "–");
  return h(
    "tr", { key: product.id },
    h("td", { "data-column": "Product" }, h("label", { class: "check" }, h("input", { type: "checkbox", name: "product", value: product.id, disabled: !product.available }), product.name)),
    h("td", { class: "number", "data-column": "On demand" }, amount(product.onDemandPrice)), h("td", { class: "number", "data-column": "Spot" }, amount(product.spotPrice)),
    h("td", { "data-column": "Stock" }, stockChip(product)),
  );
}

function programFields() {
  return [
    field("Image", h("input", { name: "image", type: "text", required: true, maxlength: "500", placeholder: "docker.io/library/nginx:1.27", autocomplete: "off", spellcheck: "false" })),
    field("Command", h("input", { name: "command", type: "text", maxlength: "2047", placeholder: "the image's own", autocomplete: "off", spellcheck: "false" })),
    field("Ports", h("input", { name: "ports", type: "text", placeholder: "8080/http, 22/tcp", autocomplete: "off", spellcheck: "false" }), "8080/healthz also asks that path whether the program is ready."),
    field("Environment", h("textarea", { name: "environment", rows: "3", spellcheck: "false", placeholder: "NAME=value, one a line" }), "Values are sealed in the database and never shown again."),
  ];
}

function identityFields() {
  return [
    field("Name", h("input", { name: "name", type: "text", maxlength: "63", placeholder: "made from its id", autocomplete: "off", spellcheck: "false" })),
    field("Labels", h("textarea", { name: "labels", rows: "2", spellcheck: "false", placeholder: "team=search, one a line" })),
    h("label", { class: "check field" }, h("input", { type: "checkbox", name: "protected" }), "Protect it from being deleted by mistake"),
  ];
}

// MARK: the plan

function planSoon(context) {
  clearTimeout(state.timer);
  state.timer = setTimeout(() => plan(context), PAUSE_MILLISECONDS);
}

async function plan(context) {
  const form = document.getElementById("create");
  if (!form) return;
  const { request, mistakes } = read(form);
  const isReady = request.spec.products.length > 0 && mistakes.length === 0;
  const asked = ++state.asked;
  state.mistakes = mistakes;
  try {
    // An image is needed to create, not to know the price.
    const answer = isReady ? await call("PlanInstance", { spec: { ...request.spec, image: request.spec.image || "none" } }) : null;
    if (asked !== state.asked) return;
    Object.assign(state, { plan: answer, refused: null });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (asked !== state.asked) return;
    Object.assign(state, { plan: null, refused: error });
  }
  context.redraw();
}

const eligible = () => (state.plan?.candidates ?? []).filter((one) => one.verdict === "CANDIDATE_VERDICT_ELIGIBLE");

function planned(context) {
  const mistakes = state.mistakes.length > 0 && h("ul", { class: "problem" }, state.mistakes.map((text) => h("li", null, text)));
  if (!state.plan) return [mistakes, problem(state.refused), !state.refused && h("p", { class: "empty" }, "Choose a product to see what there is, and what it costs.")];
  const fits = eligible();
  const others = state.plan.candidates.filter((one) => one.verdict !== "CANDIDATE_VERDICT_ELIGIBLE" && one.verdict !== "CANDIDATE_VERDICT_NOT_REQUESTED");
  return [
    mistakes, problem(state.refused),
    fits.length > 0
      ? h("dl", { class: "figures one" }, figure("Comes to", perHour(micros(fits[0].hourlyPrice)), `${fits[0].productName} in ${fits[0].regionName ?? fits[0].regionId}`))
      : h("p", { class: "problem" }, "Nothing that the provider has fits."),
    context.mayChange && h("button", { class: "primary", type: "submit", disabled: fits.length === 0 || state.mistakes.length > 0 }, fits.length > 0 ? `Create at ${price(micros(fits[0].hourlyPrice))}/h…` : "Create…"),
    candidates("In this order", fits), candidates("Not these", others),
  ];
}

function candidates(caption, list) {
  if (list.length === 0) return null;
  return h(
    "div", { class: "candidates", key: caption }, h("h3", null, caption),
    h(
      "ol", null,
      list.slice(0, 12).map((one) => {
        const verdict = one.verdict.replace("CANDIDATE_VERDICT_", "");
        return h(
          "li", { key: one.productId + one.regionId + one.billingMode }, h("span", null, one.productName, h("span", { class: "note" }, one.regionName ?? one.regionId, verdict === "ELIGIBLE" && one.stock && `, stock ${one.stock}`)),
          h("span", { class: "number" }, one.hourlyPrice ? perHour(micros(one.hourlyPrice)) : "–"),
          verdict !== "ELIGIBLE" && chip(VERDICTS[verdict] ?? "rest", word(one.verdict, "CANDIDATE_VERDICT")),
          verdict !== "ELIGIBLE" && one.reason && h("span", { class: "note reason" }, one.reason),
        );
      }),
    ),
  );
}

// MARK: the form

/** The form as a request, and what of it cannot be read. */
function read(form) {
  const values = form.elements;
  const mistakes = [];
  const text = (name) => values[name].value.trim();
  const pairs = (name) => {
    const lines = values[name].value.split("\n").map((line) => line.trim()).filter(Boolean);
    for (const line of lines) if (line.indexOf("=") < 1) mistakes.push(`${name === "labels" ? "Labels" : "Environment"}: “${line}” is not NAME=value.`);
    return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
  };
  const maxPrice = text("maxPrice") && dollars(text("maxPrice"));
  if (maxPrice === null) mistakes.push(`At most: “${text("maxPrice")}” is no amount like 0.50.`);
  const spec = {
    products: [...form.querySelectorAll("input[name=product]:checked")].map((box) => box.value), gpuCount: Number(values.gpus.value), diskGb: Number(values.disk.value),
    regions: text("regions").split(",").map((region) => region.trim()).filter(Boolean), image: text("image"), command: text("command"), billingMode: values.billing.value,
    ports: text("ports").split(",").map((port) => port.trim()).filter(Boolean).map((port) => readPort(port, mistakes)).filter(Boolean), environment: pairs("environment"),
  };
  if (maxPrice) spec.maxHourlyPrice = { micros: String(maxPrice) };
  return { request: { name: text("name"), labels: pairs("labels"), deletionProtection: values.protected.checked, spec }, mistakes };
}

/** Millionths of a dollar; null for what is no amount. */
function dollars(text) {
  const match = /^\$?(\d{1,6})(?:\.(\d{1,6}))?$/.exec(text);
  return match ? Number(match[1]) * 1e6 + Number((match[2] ?? "").padEnd(6, "0")) : null;
}

/** `8080`, `8080/http`, `22/tcp`, `8080/healthz`. */
function readPort(text, mistakes) {
  const match = /^(\d{1,5})(?:\/(.*))?$/.exec(text);
  if (!match) {
    mistakes.push(`Ports: “${text}” is not like 8080/http.`);
    return null;
  }
  const port = { port: Number(match[1]), protocol: "PORT_PROTOCOL_HTTP" };
  if (match[2] === "tcp") port.protocol = "PORT_PROTOCOL_TCP";
  else if (match[2] && match[2] !== "http") port.probe = { path: `/${match[2]}` };
  return port;
}

function submit(event, context) {
  event.preventDefault();
  const { request } = read(event.target);
  const fits = eligible();
  if (fits.length === 0 || state.mistakes.length > 0) return;
  const prices = fits.map((one) => micros(one.hourlyPrice));
  const highest = Math.max(...prices);
  // Never more than what the question showed.
  request.spec.maxHourlyPrice = { micros: String(Math.min(highest, micros(request.spec.maxHourlyPrice) || highest)) };
  confirmChange({
    title: request.name ? `Create ${request.name}?` : "Create a machine?",
    body: [
      h("dl", { class: "figures" }, figure("Billed", perHour(prices[0]), `${request.spec.gpuCount} × ${fits[0].productName}, ${fits[0].regionName ?? fits[0].regionId}`)),
      highest > prices[0] && h("p", null, "When the first offers turn out to be taken, at most ", perHour(highest), "."),
      h("p", { class: "note" }, "From when it comes up until it is stopped or deleted."),
    ],
    action: `Create at ${price(prices[0])}/h`,
    perform: (requestId) => call("CreateInstance", { requestId, ...request }),
    done: ({ instance }) => { location.hash = `#/instances/${encodeURIComponent(instance.id)}`; },
  });
}
