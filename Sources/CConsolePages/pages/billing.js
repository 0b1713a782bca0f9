// When a machine was up, and at which price: from its record and its jobs. Prices are those that were quoted when it was asked for; the
// provider's bill has the last word.

import { micros, millis } from "/console/format.js";

const DONE = "JOB_STATE_SUCCEEDED";

/** The stretches in which an instance was up: `{from, to, price}`, in milliseconds and millionths of a dollar per hour. `jobs` are the
    instance's own, in any order. */
export function spans(instance, jobs, now) {
  const hourly = micros(instance.placement?.hourlyPrice);
  if (!hourly) return [];
  const spans = [];
  let from = null;
  for (const { at, isUp } of turns(instance, jobs, now)) {
    if (isUp && from === null) from = at;
    if (!isUp && from !== null) {
      if (at > from) spans.push({ from, to: at, price: hourly });
      from = null;
    }
  }
  if (from !== null && now > from) spans.push({ from, to: now, price: hourly });
  return spans;
}

function turns(instance, jobs, now) {
  const turns = [];
  for (const job of jobs) {
    if (job.state !== DONE) continue;
    if (job.type === "JOB_TYPE_CREATE_INSTANCE" || job.type === "JOB_TYPE_START_INSTANCE") turns.push({ at: millis(job.endTime), isUp: true });
    if (job.type === "JOB_TYPE_STOP_INSTANCE" || job.type === "JOB_TYPE_DELETE_INSTANCE") turns.push({ at: millis(job.endTime), isUp: false });
  }
  // A job has ended when its machine is ready, which may be long after it came up.
  const came = millis(instance.runningSince);
  if (!Number.isNaN(came)) turns.push({ at: came, isUp: true });
  // It went without one: reclaimed, vanished, failed.
  const gone = millis(instance.deleteTime);
  if (!Number.isNaN(gone)) turns.push({ at: gone, isUp: false });
  else if (["INSTANCE_STATE_STOPPED", "INSTANCE_STATE_FAILED"].includes(instance.state)) turns.push({ at: Math.min(now, millis(instance.updateTime)), isUp: false });
  return turns.sort((left, right) => left.at - right.at);
}

/** Millionths of a dollar within the window. */
export function cost(spans, from = -Infinity, to = Infinity) {
  return spans.reduce((total, span) => {
    const hours = (Math.min(span.to, to) - Math.max(span.from, from)) / 3_600_000;
    return hours > 0 ? total + hours * span.price : total;
  }, 0);
}

/** What ran per hour, as steps `{at, price}` within the window; the first is at its beginning. */
export function series(spans, from, to) {
  const changes = new Map();
  const add = (at, price) => changes.set(at, (changes.get(at) ?? 0) + price);
  for (const span of spans) {
    if (span.to <= from || span.from >= to) continue;
    add(Math.max(span.from, from), span.price);
    if (span.to < to) add(span.to, -span.price);
  }
  let price = 0;
  const steps = [...changes].sort((left, right) => left[0] - right[0]).map(([at, change]) => ({ at, price: (price += change) }));
  return steps[0]?.at === from ? steps : [{ at: from, price: 0 }, ...steps];
}
