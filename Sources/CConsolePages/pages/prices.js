// What the provider sells, and at which price.

import { Refused, listAll } from "/console/api.js";
import { h } from "/console/dom.js";
import { micros, price, sentence } from "/console/format.js";
import { chip, problem, table } from "/console/parts.js";

const PRODUCTS_MAX = 1_000;
const STOCK_TONES = { high: "good", normal: "good", low: "warn", none: "rest" };

export const catalogue = { products: null, refused: null };

export async function readCatalogue() {
  try {
    catalogue.products = await listAll("ListProducts", "products", {}, PRODUCTS_MAX);
    catalogue.refused = null;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    catalogue.refused = error;
  }
}

export const stockChip = (product) => chip(product.available ? (STOCK_TONES[product.stock] ?? "good") : "rest", sentence(product.available ? product.stock || "available" : "none"));

const amount = (money) => (money ? price(micros(money)) : "–");

export const title = () => "Prices";

export async function enter(context) {
  await readCatalogue();
  context.redraw();
}

export function content(context) {
  const { products, refused } = catalogue;
  return [
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Prices"), context.mayChange && h("a", { class: "button primary", href: "#/create" }, "New machine")),
    problem(refused),
    products
      ? table(
          "Prices per GPU and hour",
          [
            { name: "Product" }, { name: "On demand", class: "number" }, { name: "Spot", class: "number" }, { name: "Stock" }, { name: "CPUs", class: "number" },
            { name: "Memory", class: "number" }, { name: "Disk", class: "number" }, { name: "Regions", class: "wide" },
          ],
          products.map((product) => ({
            key: product.id,
            cells: [
              [h("span", { class: "name" }, product.name), h("span", { class: "note" }, h("code", null, product.id))],
              amount(product.onDemandPrice), amount(product.spotPrice), stockChip(product), String(product.cpuCount ?? "–"), `${product.memoryGb ?? "–"} GB`,
              `${product.minDiskGb ?? 0}–${product.maxDiskGb ?? 0} GB`, (product.regionIds ?? []).join(", ") || "–",
            ],
          })),
          { empty: "The provider offers nothing." },
        )
      : !refused && h("p", { class: "empty" }, "Asking the provider…"),
    products && h("p", { class: "note" }, "Per GPU and hour, in dollars. CPUs and memory are for each GPU."),
  ];
}
