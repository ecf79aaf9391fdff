// A client's pages: copies a code, counts a code's time down, and on the booking page tells when a record has come. The page never
// guesses: the server says over the socket that something changed, and the page asks what.

import { Socket } from "./socket.js";

const announcer = document.getElementById("announce");

// --- copying -------------------------------------------------------------------------------------------------------------

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      const words = button.textContent;
      button.textContent = announcer.textContent = button.dataset.done;
      setTimeout(() => { button.textContent = words; }, 2000);
    } catch {
      // No permission: select it, so that one more key copies.
      getSelection().selectAllChildren(button.parentElement.querySelector(".own-code"));
    }
  });
}

// --- the time a code has left --------------------------------------------------------------------------------------------

const clock = document.querySelector("[data-left-ms]");
if (clock) {
  const end = performance.now() + Number(clock.dataset.leftMs);
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    clock.querySelector("[data-clock]").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    clock.hidden = seconds === 0;
    document.querySelector("[data-left-over]").hidden = seconds > 0;
    if (seconds === 0) clearInterval(timer);
  };
  const timer = setInterval(tick, 250);
  tick();
}

// --- booking -------------------------------------------------------------------------------------------------------------

const page = document.querySelector("[data-book]");
if (page) watch();

function watch() {
  const dialog = document.getElementById("arrived");
  const waiting = document.getElementById("waiting");
  const lost = document.getElementById("lost");
  let known = page.dataset.known.split(" ").filter(Boolean);
  let asking = false;
  let again = false;
  let lostTimer = 0;

  for (const link of page.querySelectorAll("[data-form]")) {
    link.addEventListener("click", () => { waiting.hidden = false; });
  }
  dialog.addEventListener("close", () => { waiting.hidden = true; });

  // One question at a time; what changes meanwhile is one more question.
  const ask = async () => {
    if (asking) { again = true; return; }
    asking = true;
    do {
      again = false;
      try {
        const answer = await fetch(`${page.dataset.url}?known=${known.join(",")}`, { headers: { accept: "text/html" } });
        if (answer.status === 401) { location.reload(); return; }
        if (answer.status === 200) show(await answer.text());
      } catch {
        // The connection is gone: the socket says so, and asks when it is back.
      }
    } while (again);
    asking = false;
  };

  const show = (html) => {
    const box = document.createElement("template");
    box.innerHTML = html;
    const news = box.content.querySelector("[data-record]");
    known.push(news.dataset.record);
    dialog.replaceChildren(news);
    if (!dialog.open) dialog.showModal();
    dialog.querySelector("h2").focus();
  };

  const socket = new Socket("/client", { company_id: page.dataset.companyId });
  socket
    .on("connect", () => { clearTimeout(lostTimer); lost.hidden = true; ask(); })
    .on("changed", ask)
    .on("lost", () => {
      clearTimeout(lostTimer);
      // A blink of the network is no news.
      lostTimer = setTimeout(() => { lost.hidden = false; }, 1000);
    })
    .on("refused", (why) => {
      if (why !== "not-signed-in") return;
      socket.close();
      location.reload();
    });
}
