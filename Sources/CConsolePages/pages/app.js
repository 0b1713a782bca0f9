// The shell: who looks at the console, which page is shown, and drawing it anew when something has changed.

import { Refused, session, signOut } from "/console/api.js";
import { announce, h, render } from "/console/dom.js";
import { fleet, start, subscribe } from "/console/feed.js";
import * as fleetPage from "/console/fleet.js";
import { chip, problem } from "/console/parts.js";

// Countdowns and costs go on by themselves.
const TICK_MILLISECONDS = 1_000;

const PAGES = [
  { path: "", name: "Fleet", load: async () => fleetPage },
  { path: "jobs", name: "Jobs", load: () => import("/console/jobs.js") },
  { path: "prices", name: "Prices", load: () => import("/console/prices.js") },
  { path: "spend", name: "Spend", load: () => import("/console/spend.js") },
  { path: "health", name: "Health", load: () => import("/console/health.js"), isOpen: true },
  { path: "instances", parent: "", load: () => import("/console/instance.js") },
  { path: "create", parent: "", load: () => import("/console/create.js") },
  { path: "signin", load: () => import("/console/signin.js"), isOpen: true },
];

const main = document.getElementById("main");
const context = {
  now: Date.now(), server: null, mayChange: false, isAdmin: false, isLetIn: false, isSignedIn: false, needsToken: false, argument: "",
  redraw: draw, signedInOrOut,
};
let page = null;
let entry = PAGES[0];
let refused = null;

/** Finds out as whom the server takes this browser. */
async function identify() {
  try {
    const answer = await session();
    refused = null;
    Object.assign(context, {
      server: answer.server ?? null, mayChange: answer.mayChange ?? false, isAdmin: (answer.mayChange && answer.server?.caller?.role === "admin") ?? false,
      isSignedIn: answer.signedIn ?? false, needsToken: answer.needsToken ?? false,
      // A monitor reads health and nothing else.
      isLetIn: answer.server !== undefined && answer.server.caller?.role !== "monitor",
    });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refused = error;
    // Who comes by a name, without a session, is let in by a token only.
    const needsToken = error.code === "PERMISSION_DENIED";
    Object.assign(context, { server: null, mayChange: false, isAdmin: false, isLetIn: false, isSignedIn: false, needsToken });
  }
}

async function signedInOrOut(hash) {
  await identify();
  start();
  if (location.hash === hash) await route();
  else location.hash = hash;
}

async function route() {
  const [path = "", ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const found = PAGES.find((one) => one.path === path) ?? PAGES[0];
  entry = !context.isLetIn && !found.isOpen ? PAGES.find((one) => one.path === (context.needsToken ? "signin" : "health")) : found;
  context.argument = decodeURIComponent(rest.join("/"));
  page?.leave?.();
  const loaded = await entry.load();
  page = loaded;
  main.scrollTop = 0;
  window.scrollTo(0, 0);
  render(main);
  draw();
  main.querySelector("h1")?.focus({ preventScroll: true });
  page.enter?.(context);
}

function draw() {
  if (!page) return;
  context.now = Date.now();
  render(main, refused && problem(refused), page.content(context));
  document.title = `${page.title(context)} · Novitai`;
  drawBar();
}

function drawBar() {
  const current = entry.parent ?? entry.path;
  const shown = PAGES.filter((one) => one.name && (context.isLetIn || one.isOpen));
  render(
    document.getElementById("nav"),
    h("ul", null, shown.map((one) => h("li", null, h("a", { href: `#/${one.path}`, "aria-current": one.path === current ? "page" : null }, one.name)))),
  );
  const caller = context.server?.caller;
  render(
    document.getElementById("who"), fleet.isConnected ? chip("good", "Live") : chip("warn", "Not connected"),
    context.isSignedIn && h("span", { class: "person" }, caller?.id ?? "", h("span", { class: "note" }, caller?.role ?? "")),
    context.isSignedIn && h("button", { class: "quiet", id: "signout", onclick: leave }, "Sign out"),
    context.needsToken && h("a", { class: "button", href: "#/signin", id: "signin" }, "Sign in"),
  );
}

let refusal = null;

/** The server no longer lets this person watch: a token that was revoked, another role. */
async function lookAgain() {
  refusal = fleet.refusal;
  if (!context.isLetIn) return;
  await identify();
  await route();
}

let isLookingOnceMore = false;

/** Whoever came while the server was away is told who they are once it is back. */
async function lookOnceMore() {
  if (isLookingOnceMore) return;
  isLookingOnceMore = true;
  try {
    await identify();
    if (!refused) await route();
  } finally {
    isLookingOnceMore = false;
  }
}

async function leave() {
  await signOut();
  await signedInOrOut("#/signin");
  announce("You are signed out.");
}

document.getElementById("skip").onclick = (event) => {
  event.preventDefault();
  main.focus();
};
subscribe(() => {
  if (fleet.refusal && fleet.refusal !== refusal) lookAgain();
  if (refused?.code === "UNAVAILABLE" && fleet.isConnected) lookOnceMore();
  draw();
});
setInterval(() => document.hidden || draw(), TICK_MILLISECONDS);
window.addEventListener("hashchange", route);

// Who it is, and what there is, at the same time: neither waits for the other.
const identified = identify();
start();
await identified;
await route();
