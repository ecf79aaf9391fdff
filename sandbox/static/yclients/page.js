// Keeps the journal and the list of hooks as the server has them. Without this the page still works, by reloading.
"use strict";

const EVERY_MS = 1000;

document.querySelectorAll("[data-submit]").forEach((field) => {
  field.addEventListener("change", () => field.form.submit());
});

document.querySelectorAll("[data-poll]").forEach((place) => {
  let shown = null;

  async function look() {
    try {
      const response = await fetch(place.dataset.poll, { headers: { Accept: "text/html" } });
      if (response.ok) show(await response.text());
    } catch {
      // The server is away; the next look will tell.
    }
    setTimeout(look, EVERY_MS);
  }

  function show(html) {
    // Nobody wants the field he types in to be swapped under his hands.
    if (html === shown || place.querySelector("input:focus, select:focus")) return;
    const open = [...place.querySelectorAll("details[open]")].map((d) => d.id);
    const focused = document.activeElement && document.activeElement.closest("details[id]");
    const focusId = focused && place.contains(focused) ? focused.id : null;
    shown = html;
    place.innerHTML = html;
    open.forEach((id) => {
      const details = place.ownerDocument.getElementById(id);
      if (details) details.open = true;
    });
    const again = focusId && document.getElementById(focusId);
    if (again) again.querySelector("summary").focus();
  }

  look();
});
