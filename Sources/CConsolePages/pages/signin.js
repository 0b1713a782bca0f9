// Signing in: the token goes to the sidecar, which keeps it; the page has it no longer than the form.

import { Refused, signIn } from "/console/api.js";
import { h } from "/console/dom.js";
import { problem } from "/console/parts.js";

let refused = null;
let isBusy = false;

export const title = () => "Sign in";

export function content(context) {
  return [
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Sign in")),
    h(
      "form", { class: "card narrow", onsubmit: (event) => submit(event, context) },
      h("p", null, "With the token that you use for the command line. You see and may do what its role allows."),
      h(
        "label", { class: "field" }, h("span", null, "Token"),
        h("input", { type: "password", name: "token", id: "token", required: true, autocomplete: "current-password", maxlength: "4096", spellcheck: "false" }),
      ),
      problem(refused),
      h("button", { class: "primary", type: "submit", disabled: isBusy }, isBusy ? "Signing in…" : "Sign in"),
    ),
  ];
}

async function submit(event, context) {
  event.preventDefault();
  const field = event.target.elements.token;
  const token = field.value.trim();
  isBusy = true;
  context.redraw();
  try {
    await signIn(token);
    refused = null;
    field.value = "";
    await context.signedInOrOut("#/");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refused = error.code === "UNAUTHENTICATED" ? { message: "The token is not known, or no longer valid." } : error;
    field.select();
  } finally {
    isBusy = false;
    context.redraw();
  }
}
