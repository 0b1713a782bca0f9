// Nothing is changed without a question that shows what it costs.

import { Refused, requestId } from "/console/api.js";
import { h, render } from "/console/dom.js";
import { problem } from "/console/parts.js";

/** Asks, and does it when the answer is yes. The request has one id from the question on: however often it is sent, it is one.
    `body` is elements, `perform` takes the id and makes the call, `done` is told its answer. */
export function confirmChange({ title, body, action, isDangerous = false, perform, done }) {
  const id = requestId();
  const opener = document.activeElement;
  const state = { refused: null, isBusy: false };
  const place = h("div", { class: "place" });
  const content = h("div", { class: "question" }, body);
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, h("h2", { id: "dialog-title" }, title), content, place);

  const draw = () =>
    render(
      place, problem(state.refused),
      h(
        "div", { class: "actions" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        h("button", { type: "button", class: isDangerous ? "danger" : "primary", id: "confirm", disabled: state.isBusy, onclick: perform1 }, state.isBusy ? "Asking…" : action),
      ),
    );

  async function perform1() {
    if (state.isBusy) return;
    state.isBusy = true;
    draw();
    try {
      const answer = await perform(id);
      dialog.close();
      await done?.(answer);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      state.refused = error;
    } finally {
      state.isBusy = false;
      if (dialog.open) draw();
    }
  }

  dialog.addEventListener("close", () => {
    dialog.remove();
    opener?.focus?.();
  });
  draw();
  document.body.append(dialog);
  dialog.showModal();
  // Enter must not do by accident what cannot be taken back.
  dialog.querySelector(isDangerous ? "button" : "#confirm").focus();
}
