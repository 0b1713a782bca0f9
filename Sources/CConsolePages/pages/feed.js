// What the server pushes: instances and jobs as they are and as they change, and its health. The browser takes the stream up again by itself
// where it was (Last-Event-ID); a page that nobody looks at lets go of it and comes back to the same place.

import { announce } from "/console/dom.js";
import { word } from "/console/format.js";

// Ended jobs and ended instances that are remembered, the newest.
const ENDED_MAX = 500;
// Changes of one instance that are remembered.
const SEEN_MAX = 40;
// A page in the background keeps its stream for so long.
const HIDDEN_MILLISECONDS = 20_000;
// After a stream that the browser has given up.
const REOPEN_MILLISECONDS = 3_000;

export const fleet = {
  instances: new Map(),
  jobs: new Map(),
  /** Deleted and failed ones, as they became, since the page was opened. */
  endedInstances: new Map(),
  endedJobs: new Map(),
  /** The changes of each instance that this page has seen. */
  seen: new Map(),
  isComplete: false,
  isConnected: false,
  /** Why nothing is told, or null. */
  refusal: null,
  health: null,
};

const listeners = new Set();
let source = null;
let position = "";
let hiddenTimer = 0;
let isScheduled = false;
const complete = { instances: false, jobs: false };

export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function changed() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    for (const listener of listeners) listener();
  });
}

/** Opens the stream; from the beginning when somebody else is signed in now. */
export function open({ fromTheBeginning = false } = {}) {
  close();
  if (fromTheBeginning) forget();
  source = new EventSource("/console/api/events" + (position ? `?after=${encodeURIComponent(position)}` : ""));
  source.onopen = () => set({ isConnected: true });
  source.onerror = () => {
    set({ isConnected: false });
    if (source?.readyState === EventSource.CLOSED) setTimeout(() => source?.readyState === EventSource.CLOSED && open(), REOPEN_MILLISECONDS);
  };
  on("begin", ({ source: name }) => begin(name));
  on("instances", (response) => takeInstances(response));
  on("jobs", (response) => takeJobs(response));
  // The sidecar answers also when the server does not.
  on("health", (health) => set({ health, isConnected: health.checks?.rpc?.status !== "unhealthy" }));
  on("cutoff", () => set({ isConnected: false }));
  on("refused", (refusal) => set({ refusal }));
  on("over", () => {
    close();
    location.reload();
  });
}

function on(name, take) {
  source.addEventListener(name, (event) => {
    take(JSON.parse(event.data));
    position = event.lastEventId;
  });
}

export function close() {
  source?.close();
  source = null;
}

function forget() {
  position = "";
  for (const map of [fleet.instances, fleet.jobs, fleet.endedInstances, fleet.endedJobs, fleet.seen]) map.clear();
  set({ isComplete: false, refusal: null, health: null });
}

function set(values) {
  Object.assign(fleet, values);
  changed();
}

function begin(name) {
  fleet[name].clear();
  complete[name] = false;
  set({ isComplete: false });
}

function finish(name, response) {
  if (response.snapshotComplete || response.resumeToken) complete[name] = true;
  set({ isComplete: complete.instances && complete.jobs, isConnected: true, refusal: null });
}

function takeInstances(response) {
  for (const { kind, instance } of response.events ?? []) {
    if (kind !== "INSTANCE_EVENT_KIND_SNAPSHOT") noteChange(instance);
    if (kind === "INSTANCE_EVENT_KIND_REMOVED") {
      fleet.instances.delete(instance.id);
      remember(fleet.endedInstances, instance.id, instance);
    } else {
      fleet.instances.set(instance.id, instance);
    }
  }
  finish("instances", response);
}

function takeJobs(response) {
  for (const { job } of response.events ?? []) {
    if (job.endTime) {
      fleet.jobs.delete(job.id);
      remember(fleet.endedJobs, job.id, job);
    } else {
      fleet.jobs.set(job.id, job);
    }
  }
  finish("jobs", response);
}

function remember(map, key, value) {
  map.delete(key);
  map.set(key, value);
  if (map.size > ENDED_MAX) map.delete(map.keys().next().value);
}

function noteChange(instance) {
  const before = fleet.instances.get(instance.id);
  const isSame = before && before.state === instance.state && before.readiness === instance.readiness && before.stateMessage === instance.stateMessage;
  if (isSame) return;
  const list = fleet.seen.get(instance.id) ?? [];
  list.push(instance);
  if (list.length > SEEN_MAX) list.shift();
  remember(fleet.seen, instance.id, list);
  const isReady = instance.readiness === "READINESS_READY" && before?.readiness !== "READINESS_READY";
  if (isReady || before?.state !== instance.state) {
    announce(`${instance.name} is ${isReady ? "ready" : word(instance.state, "INSTANCE_STATE").toLowerCase()}`);
  }
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(close, HIDDEN_MILLISECONDS);
  else if (!source && isStarted) open();
});

let isStarted = false;
export function start() {
  isStarted = true;
  open({ fromTheBeginning: true });
}
