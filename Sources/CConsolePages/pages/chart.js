// A step line over time, by hand: one line, its area, a few quiet rules.

import { svg } from "/console/dom.js";
import { price } from "/console/format.js";

const HEIGHT = 260;
// As wide as it is shown, roughly: the text in it is to be as large as the text around it.
const WIDTHS = { wide: 1100, narrow: 420 };
const NARROW = window.matchMedia("(max-width: 720px)");
const EDGE = { left: 60, right: 24, top: 16, bottom: 32 };
const HOUR = 3_600_000;
const TICKS_MAX = { wide: 8, narrow: 4 };
// The ceiling is drawn only where it does not press the line flat.
const CEILING_SHARE = 3;

/** `steps` as `billing.series` makes them, between `from` and `to`. `label` is what who cannot see it is told. */
export function spendChart({ steps, from, to, ceiling, label }) {
  const form = NARROW.matches ? "narrow" : "wide";
  const width = WIDTHS[form];
  const highest = Math.max(...steps.map((step) => step.price), 1e4);
  const top = niceTop(ceiling > 0 && ceiling <= highest * CEILING_SHARE ? Math.max(highest, ceiling) : highest);
  const x = (at) => EDGE.left + ((at - from) / (to - from)) * (width - EDGE.left - EDGE.right);
  const y = (amount) => HEIGHT - EDGE.bottom - (amount / top) * (HEIGHT - EDGE.top - EDGE.bottom);
  const line = linePath(steps, to, x, y);
  return svg(
    "svg", { class: "chart", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": label },
    [0, 0.25, 0.5, 0.75, 1].map((share) => rule(y(top * share), price(top * share), width)),
    ticks(from, to, TICKS_MAX[form]).map((at) => svg("text", { class: "tick", x: x(at).toFixed(1), y: HEIGHT - 8, "text-anchor": "middle" }, tickText(at, to - from))),
    svg("path", { class: "area", d: `${line} L${x(to).toFixed(1)} ${y(0)} L${x(from).toFixed(1)} ${y(0)} Z` }),
    svg("path", { class: "line", d: line }),
    ceiling > 0 && ceiling <= top && svg("line", { class: "ceiling", x1: EDGE.left, x2: width - EDGE.right, y1: y(ceiling), y2: y(ceiling) }),
  );
}

function linePath(steps, to, x, y) {
  let path = "";
  for (const [index, step] of steps.entries()) {
    path += index === 0 ? `M${x(step.at).toFixed(1)} ${y(step.price).toFixed(1)}` : ` H${x(step.at).toFixed(1)} V${y(step.price).toFixed(1)}`;
  }
  return `${path} H${x(to).toFixed(1)}`;
}

function rule(y, text, width) {
  return [
    svg("line", { class: "rule", x1: EDGE.left, x2: width - EDGE.right, y1: y.toFixed(1), y2: y.toFixed(1) }),
    svg("text", { class: "tick", x: EDGE.left - 10, y: (y + 4).toFixed(1), "text-anchor": "end" }, text),
  ];
}

/** The next number above that is 1, 2, 4 or 8 times a power of ten: quarters of it read well. */
function niceTop(amount) {
  const power = 10 ** Math.floor(Math.log10(amount));
  return [1, 2, 4, 8, 10].map((factor) => factor * power).find((top) => top >= amount);
}

function ticks(from, to, most) {
  const length = to - from;
  const step = [HOUR / 6, HOUR / 4, HOUR, 4 * HOUR, 8 * HOUR, 24 * HOUR].find((step) => length / step <= most) ?? 48 * HOUR;
  const first = new Date(from);
  if (step >= 24 * HOUR) first.setHours(24, 0, 0, 0);
  else first.setTime(Math.ceil(from / step) * step);
  const ticks = [];
  for (let at = first.getTime(); at <= to; at += step) ticks.push(at);
  return ticks;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric" });
const tickText = (at, length) => (length > 48 * HOUR ? day : clock).format(at);
