// The connect page. The server draws the panel; this swaps it in, counts down, sends what is pressed, and says when it is offline.

import { Socket } from "./socket.js";

const page = document.querySelector("[data-connect]");
const panelBox = document.getElementById("panel");
const fault = document.getElementById("fault");
const lost = document.getElementById("lost");
const announcer = document.getElementById("announce");
const text = (name) => document.querySelector(`template[data-say="${name}"]`).content.textContent;

let asked = null; // the phone form that waits for a code
const drawnAt = new WeakMap();

const socket = new Socket("/whatsapp", { token: page.dataset.token, company_id: page.dataset.companyId, locale: document.documentElement.lang });
let lostTimer = 0;

socket
  .on("connect", () => {
    clearTimeout(lostTimer);
    lost.hidden = true;
  })
  .on("lost", () => {
    clearTimeout(lostTimer);
    // A blink of the network is no news.
    lostTimer = setTimeout(() => { lost.textContent = lost.dataset.text; lost.hidden = false; }, 1000);
  })
  .on("refused", (why) => {
    const words = { "too-many-tabs": "crowded" }[why];
    socket.close();
    clearTimeout(lostTimer);
    lost.hidden = true;
    show(document.querySelector(`template[data-refused="${words ?? "expired"}"]`).innerHTML, Infinity);
  })
  .on("state", ({ html, as_of }) => show(html, as_of))
  .on("error", ({ code, message }) => {
    asked = null;
    settle();
    const field = code === "bad-phone" && panelBox.querySelector("[data-form]");
    if (field) complain(field, message);
    else say(message);
  });

// --- drawing -------------------------------------------------------------------------------------------------------------

function show(html, asOf) {
  const box = document.createElement("template");
  box.innerHTML = html;
  const next = box.content.querySelector(".panel");
  const now = panelBox.querySelector(".panel");
  if (!next || asOf < Number(now.dataset.asOf)) return;
  const changed = next.dataset.state !== now.dataset.state;
  if (changed) fault.hidden = true;
  if (next.dataset.key === now.dataset.key) swapParts(now, next);
  else swapPanel(now, next);
  start();
  if (changed) announcer.textContent = visible(panelBox, ".lead")?.textContent ?? "";
}

/** The same panel with other parts: what is being typed, and the focus, stay. */
function swapParts(now, next) {
  Object.assign(now.dataset, next.dataset);
  for (const part of next.querySelectorAll("[data-part]")) {
    const old = now.querySelector(`[data-part="${part.dataset.part}"]`);
    if (old && old.outerHTML !== part.outerHTML) old.replaceWith(part);
  }
}

function swapPanel(now, next) {
  const typed = now.querySelector("input")?.value;
  const typing = document.activeElement?.matches("#panel input");
  now.replaceWith(next);
  const field = next.querySelector("input");
  if (field && typed) field.value = typed;
  const form = field?.closest("[data-form]");
  if (asked && form && next.dataset.state === "code") busy(form.querySelector("button"));
  if (next.dataset.key !== "code_ask") asked = null;
  focus(typing && field?.checkVisibility() ? field : visible(next, "h1"));
}

function visible(root, selector) {
  return [...root.querySelectorAll(selector)].find((element) => element.offsetParent !== null);
}

/** Keyboard and screen reader go to what is new, unless they are busy outside the panel. */
function focus(target) {
  const at = document.activeElement;
  if (!at || at === document.body || panelBox.contains(at)) target?.focus({ preventScroll: target.tagName === "H1" });
}

// --- time ----------------------------------------------------------------------------------------------------------------

/** Gives every clock on the panel the moment it was drawn: the server sends how much is left, not when it ends. */
function start() {
  for (const clock of panelBox.querySelectorAll("[data-left-ms], [data-elapsed-ms]")) {
    if (!drawnAt.has(clock)) drawnAt.set(clock, performance.now());
  }
  tick();
}

function tick() {
  for (const clock of panelBox.querySelectorAll("[data-left-ms]")) {
    const all = Number(clock.dataset.leftMs);
    const left = Math.max(0, all - (performance.now() - drawnAt.get(clock)));
    const seconds = Math.ceil(left / 1000);
    const count = clock.querySelector("[data-count]");
    if (count) count.textContent = seconds;
    const written = clock.querySelector("[data-clock]");
    if (written) written.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    // The first code lives a minute, the next ones twenty seconds.
    const whole = all > 20000 ? 60000 : 20000;
    clock.querySelector(".ring-left")?.setAttribute("stroke-dashoffset", 100 - Math.min(100, (left / whole) * 100));
  }
  for (const late of panelBox.querySelectorAll("[data-after][hidden]")) {
    const waited = Number(late.dataset.elapsedMs) + performance.now() - drawnAt.get(late);
    if (waited >= Number(late.dataset.after) * 1000) {
      late.hidden = false;
      if (!late.querySelector("button")) announcer.textContent = late.textContent;
    }
  }
}

// --- what people do ------------------------------------------------------------------------------------------------------

function busy(button) {
  button.setAttribute("aria-busy", "true");
}

function settle() {
  for (const button of panelBox.querySelectorAll('[aria-busy="true"]')) button.removeAttribute("aria-busy");
}

function say(message, done = false) {
  fault.className = done ? "say say-done" : "say";
  fault.textContent = message;
  fault.hidden = false;
}

function complain(form, message) {
  const field = form.querySelector("input");
  form.querySelector(".field-fault").textContent = message;
  field.setAttribute("aria-invalid", "true");
  field.focus();
}

/** The answer is `{ok: true}`; a refusal also comes as an `error` event, with its words. */
async function send(button, event, ...args) {
  if (button.getAttribute("aria-busy") === "true") return false;
  busy(button);
  fault.hidden = true;
  try {
    const { ok } = await socket.ask(event, ...args);
    if (ok && button.dataset.done) say(button.dataset.done, true);
    if (ok && event === "request-code") return true;
  } catch {
    say(text("offline"));
  }
  button.removeAttribute("aria-busy");
  return false;
}

panelBox.addEventListener("click", async ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  const { do: event, way, copy } = button.dataset;
  if (way) page.dataset.way = way;
  if (copy) await copyCode(button, copy);
  if (event) await send(button, event);
  else if (way) focus(way === "code" ? visible(panelBox, "input") : visible(panelBox, "h1"));
});

panelBox.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const phone = form.elements.phone.value;
  const digits = phone.replace(/\D/g, "");
  if (digits.length < 9 || digits.length > 15) return complain(form, text("bad-phone"));
  form.querySelector(".field-fault").textContent = "";
  form.elements.phone.removeAttribute("aria-invalid");
  asked = form;
  if (!(await send(form.querySelector("button"), "request-code", { phone }))) asked = null;
});

async function copyCode(button, code) {
  try {
    await navigator.clipboard.writeText(code);
    const words = button.textContent;
    button.textContent = announcer.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = words; }, 2000);
  } catch {
    // No permission (a frame, plain http): select it, so that one more key copies.
    getSelection().selectAllChildren(panelBox.querySelector(".code"));
  }
}

/** +7 900 000-00-00 while it is typed at its end; other countries are left as written. */
panelBox.addEventListener("input", ({ target }) => {
  if (target.name !== "phone" || target.selectionStart !== target.value.length) return;
  target.removeAttribute("aria-invalid");
  const digits = target.value.replace(/\D/g, "").replace(/^8(?=\d{3})/, "7");
  if (!digits.startsWith("7") || digits.length > 11 || target.dataset.last?.length > target.value.length) {
    target.dataset.last = target.value;
    return;
  }
  const [area, a, b, c] = [digits.slice(1, 4), digits.slice(4, 7), digits.slice(7, 9), digits.slice(9, 11)];
  target.value = `+7 ${area}${a && ` ${a}`}${b && `-${b}`}${c && `-${c}`}`;
  target.dataset.last = target.value;
});

start();
setInterval(tick, 250);
