// The log of the sync follows what happens: over the socket, and without it by asking again every few seconds while something runs.
// A line comes drawn by the server; here it only finds its place.

import { Socket } from "./socket.js";

const ASK_EVERY = 3000;

const runs = document.getElementById("runs");
const announcer = document.getElementById("announce");
const company = document.querySelector("[data-follow]").dataset.follow;
const socket = new Socket("/desk", { company_id: company, locale: document.documentElement.lang });

socket.on("sync-progress", ({ html }) => place(html)).on("connect", ask).on("refused", () => socket.close());

function place(html) {
  const box = document.createElement("template");
  box.innerHTML = html.trim();
  put(box.content.firstElementChild);
}

function put(line) {
  const old = runs.querySelector(`[data-run="${line.dataset.run}"]`);
  if (old?.outerHTML === line.outerHTML) return;
  // What has ended does not begin again: an answer to an older question came late.
  if (old && !isOpen(old) && isOpen(line)) return;
  if (old?.dataset.state !== line.dataset.state) announcer.textContent = line.querySelector(".chip").textContent;
  if (old) {
    old.replaceWith(line);
  } else {
    document.getElementById("no-runs")?.remove();
    runs.prepend(line);
  }
}

function isOpen(line) {
  return ["waiting", "running"].includes(line.dataset.state);
}

/** What may have happened meanwhile. */
async function ask() {
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const line of [...page.querySelectorAll("#runs > li")].reverse()) put(line);
  } catch {
    // Offline: the next question is soon.
  }
}

setInterval(() => { if (!socket.connected && [...runs.children].some(isOpen)) ask(); }, ASK_EVERY);
