// The facade's calls. Every request carries a header that a foreign page cannot send; the cookie is the browser's affair.

const HEADERS = { "content-type": "application/json", "x-novitai-console": "1" };

/** A refused call: gRPC's code, a word for programs, what is wrong with which field, and whether anything may have happened. */
export class Refused extends Error {
  constructor({ code = "UNKNOWN", message = "the request was refused", reason = "", effect = "", violations = [] }) {
    super(message);
    Object.assign(this, { code, reason, effect, violations });
  }
}

async function send(path, method, body) {
  let response;
  try {
    response = await fetch(`/console/api/${path}`, { method, headers: HEADERS, body: body && JSON.stringify(body) });
  } catch {
    throw new Refused({ code: "UNAVAILABLE", message: "the sidecar does not answer", effect: "EFFECT_UNKNOWN" });
  }
  let answer = {};
  try {
    answer = await response.json();
  } catch {
    if (response.ok) throw new Refused({ message: "the answer is not complete", effect: "EFFECT_UNKNOWN" });
  }
  if (!response.ok) throw new Refused(answer);
  return answer;
}

/** Calls a method of the API as whoever is signed in. */
export const call = (method, request = {}) => send(method, "POST", request);

export const session = () => send("session", "GET");
export const signIn = (token) => send("session", "POST", { token });
export const signOut = () => send("session", "DELETE");

/** Names one wish of a person. It goes with every attempt to fulfil it, so that two clicks, or a repeat after a lost answer, are one. */
export function requestId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return "console-" + [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** All pages of a list, at most `limit` items of it. */
export async function listAll(method, field, request, limit) {
  const items = [];
  let pageToken = "";
  do {
    const page = await call(method, { ...request, pageSize: Math.min(1000, limit), pageToken });
    items.push(...(page[field] ?? []));
    pageToken = page.nextPageToken ?? "";
  } while (pageToken && items.length < limit);
  return items;
}
