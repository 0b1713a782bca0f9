// Elements are made of text only: nothing here reads markup, so nothing that comes from outside can become any.

const SVG = "http://www.w3.org/2000/svg";

/** An element. Names in `props` that begin with "on" are handlers, `key` tells siblings apart, the others are attributes. */
export function h(tag, props, ...children) {
  return build(document.createElement(tag), props, children);
}

export function svg(tag, props, ...children) {
  return build(document.createElementNS(SVG, tag), props, children);
}

/** An element whose content is made only when its version is another than that of the element which is there. */
export function lazy(tag, { key, version }, content) {
  return Object.assign(h(tag, { key }), { version, content });
}

function fill(element) {
  if (element.content) append(element, [element.content()]);
  element.content = null;
  for (const child of element.children ?? []) fill(child);
}

function build(element, props, children) {
  element.handlers = {};
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name === "key") element.key = value;
    else if (name.startsWith("on")) handle(element, name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  append(element, children);
  return element;
}

function handle(element, name, handler) {
  element.handlers[name] = handler;
  element[name] = handler;
}

function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false || child === "") continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Makes the container's content be like the children, and keeps every element that is there already: with it the focus, what somebody is
    typing, what is unfolded. */
export function render(container, ...children) {
  const fresh = document.createDocumentFragment();
  append(fresh, children);
  morphChildren(container, fresh);
}

function morphChildren(live, fresh) {
  const keyed = new Map();
  for (const node of live.childNodes) if (node.key !== undefined) keyed.set(node.key, node);
  let cursor = live.firstChild;
  for (const node of [...fresh.childNodes]) {
    let match = node.key !== undefined ? keyed.get(node.key) : cursor;
    if (match && !alike(match, node)) match = undefined;
    if (!match) {
      fill(node);
      live.insertBefore(node, cursor);
      continue;
    }
    if (match === cursor) cursor = cursor.nextSibling;
    else live.insertBefore(match, cursor);
    if (node.version !== undefined && node.version === match.version) continue;
    if (node.content) append(node, [node.content()]);
    morph(match, node);
    match.version = node.version;
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}

function alike(live, fresh) {
  return live.nodeType === fresh.nodeType && live.nodeName === fresh.nodeName && live.key === fresh.key;
}

function morph(live, fresh) {
  if (live.nodeType === Node.TEXT_NODE) {
    if (live.data !== fresh.data) live.data = fresh.data;
    return;
  }
  for (const { name } of [...live.attributes]) if (!fresh.hasAttribute(name) && !isOwn(live, name)) live.removeAttribute(name);
  for (const { name, value } of fresh.attributes) {
    if (live.getAttribute(name) !== value && !isOwn(live, name)) live.setAttribute(name, value);
  }
  for (const name of Object.keys(live.handlers ?? {})) if (!fresh.handlers[name]) live[name] = null;
  for (const [name, handler] of Object.entries(fresh.handlers ?? {})) live[name] = handler;
  live.handlers = fresh.handlers;
  if (live.nodeName !== "TEXTAREA") morphChildren(live, fresh);
}

// What people change themselves.
function isOwn(element, name) {
  return (
    (name === "open" && element.nodeName === "DETAILS") || ((name === "value" || name === "checked") && element.nodeName === "INPUT") ||
    (name === "selected" && element.nodeName === "OPTION")
  );
}

/** Says a text to people who hear the page. */
export function announce(text) {
  document.getElementById("announcements").textContent = text;
}
