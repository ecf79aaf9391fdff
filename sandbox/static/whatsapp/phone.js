// Keeps what is shown fresh: the server says whose phone changed, the part that shows it is fetched anew.
(() => {
  const parts = [...document.querySelectorAll("[data-live]")];
  // The server's clock may stand in another zone than the reader's.
  const ownClock = (part) => {
    for (const time of part.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (!Number.isNaN(at.getTime())) time.textContent = at.toTimeString().slice(0, 5);
    }
  };
  const toEnd = (part) => {
    const list = part.querySelector(".bubbles");
    if (list) list.scrollTop = list.scrollHeight;
  };
  const refresh = async (part) => {
    try {
      const answer = await fetch(part.dataset.live, { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const html = await answer.text();
      if (html === part.dataset.shown) return;
      part.dataset.shown = html;
      part.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
      ownClock(part);
      toEnd(part);
    } catch {
      // The server is away; the event stream tries again by itself, and opens with a refresh.
    }
  };
  parts.forEach(ownClock);
  parts.forEach(toEnd);

  if (parts.length) {
    const source = new EventSource("/events");
    source.onopen = () => parts.forEach(refresh);
    source.onmessage = (event) => {
      const whose = event.data.split(" ");
      for (const part of parts) {
        const phone = part.dataset.phone;
        if (!phone || whose.includes(phone) || whose.includes("*")) refresh(part);
      }
    };
  }

  // Another page sent a code along: ?qr=…&scan=1 is a phone held up to it.
  const waiting = document.querySelector("form[data-submit]");
  if (waiting && waiting.elements.qr.value) {
    history.replaceState(null, "", location.pathname);
    waiting.requestSubmit();
  }

  // A tap on a bubble quotes it.
  const answer = document.querySelector(".answer");
  document.addEventListener("click", (event) => {
    const bubble = event.target.closest(".bubble");
    if (!bubble || !answer) return;
    const chosen = answer.elements.quoted.value === bubble.dataset.id ? "" : bubble.dataset.id;
    answer.elements.quoted.value = chosen;
    answer.elements.text.placeholder = chosen ? "Ответ на сообщение" : "Сообщение";
    answer.elements.text.focus();
  });
})();
