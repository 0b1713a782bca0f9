// How values read.

/** `Running` of `INSTANCE_STATE_RUNNING`. */
export function word(name, prefix) {
  if (!name || name === `${prefix}_UNSPECIFIED`) return "";
  const text = name.startsWith(`${prefix}_`) ? name.slice(prefix.length + 1) : name;
  return sentence(text.toLowerCase().replaceAll("_", " "));
}

export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

const two = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", minimumFractionDigits: 2, maximumFractionDigits: 2 });
const four = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", minimumFractionDigits: 2, maximumFractionDigits: 4 });

/** Millionths of a dollar of a Money message; 0 when it is absent. */
export const micros = (money) => Number(money?.micros ?? 0);

/** A price, to the last digit that counts. */
export const price = (amount) => four.format(amount / 1e6);

/** A sum, to the cent; less than a cent in full. */
export const sum = (amount) => (amount !== 0 && Math.abs(amount) < 1e4 ? four : two).format(amount / 1e6);

export const millis = (timestamp) => (timestamp ? Date.parse(timestamp) : NaN);

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });

/** `14:03:09`, with the day in front when it is not today. */
export function moment(at, now = Date.now()) {
  if (Number.isNaN(at)) return "–";
  const isToday = new Date(at).toDateString() === new Date(now).toDateString();
  return isToday ? clock.format(at) : `${day.format(at)} ${clock.format(at)}`;
}

export const fullMoment = (at) => (Number.isNaN(at) ? "" : full.format(at));

/** `42 s`, `3 min 20 s`, `5 h 12 min`, `2 d 4 h`. */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${Math.floor(hours / 24)} d`;
}

/** `in 5 s`, `3 min ago`, `now`. */
export function relative(at, now = Date.now()) {
  if (Number.isNaN(at)) return "";
  const distance = at - now;
  if (Math.abs(distance) < 1000) return "now";
  return distance > 0 ? `in ${span(distance)}` : `${span(-distance)} ago`;
}

export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
