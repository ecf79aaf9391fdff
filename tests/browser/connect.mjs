// The connect page in Chromium against a server whose state the test sets (BASE_URL; see src/live/tests.rs).
// SHOTS=<folder> keeps pictures.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./chrome.mjs";

const { BASE_URL: base, SHOTS: shots } = process.env;
if (shots) mkdirSync(shots, { recursive: true });
const post = (path) => fetch(`${base}${path}`, { method: "POST" });
const asked = async () => (await fetch(`${base}/asked`)).text();
const state = (name) => `document.querySelector(".panel")?.dataset.state === "${name}"`;
const shoot = (tab, name) => (shots ? tab.shoot(join(shots, `${name}.png`)) : undefined);
/** Clicks as a finger would: only on what is seen. */
const click = (tab, selector) => tab.evaluate(`(() => {
  const seen = [...document.querySelectorAll(${JSON.stringify(selector)})].find((element) => element.offsetParent);
  if (!seen) throw new Error("not seen: " + ${JSON.stringify(selector)});
  seen.click();
})()`);
const live = (tab) => tab.until("document.getElementById('lost').hidden && performance.getEntriesByType('resource').length > 0");

const browser = launch();
try {
  const desk = await browser.tab({ width: 1280, height: 900 });
  await post("/set/preparing");
  await desk.open(`${base}/connect`);

  // The box for the code is there before the code, and does not move when it comes.
  const box = "JSON.stringify(document.querySelector('.qr-box').getBoundingClientRect())";
  const before = await desk.evaluate(box);
  await desk.until("!document.querySelector('.slow').hidden", "a sentence after three seconds");
  await post("/set/qr");
  await desk.until(state("qr"), "the code arrives by itself");
  assert.equal(await desk.evaluate(box), before, "nothing moves when the code arrives");
  assert.ok(await desk.evaluate("document.querySelector('.qr-box svg path:last-child').getAttribute('d').length > 1000"));
  const count = "Number(document.querySelector('[data-count]').textContent)";
  const first = await desk.evaluate(count);
  await desk.until(`${count} < ${first}`, "the seconds run");
  await shoot(desk, "qr");

  // On the way by number, with a keyboard: the field keeps what is typed while codes renew behind it.
  await click(desk, ".way-qr [data-way='code']");
  await desk.until("document.activeElement.name === 'phone'", "the field has the focus");
  await desk.evaluate("document.activeElement.value = ''");
  await desk.type("8900");
  await post("/set/qr");
  await desk.type("0000001");
  assert.equal(await desk.evaluate("document.activeElement.value"), "+7 900 000-00-01");
  await desk.press("Enter", "Enter", 13);
  await desk.until(state("code"), "the code for the phone");
  await desk.until("document.querySelector('.code')", "eight characters");
  assert.equal(await desk.evaluate("document.activeElement.tagName"), "H1", "the focus is on what is new");
  assert.match(await asked(), /79000000001/);
  await shoot(desk, "code");

  // A wrong number is answered at the field.
  await post("/set/code-ask");
  await desk.until("document.querySelector('[data-key=code_ask]')");
  await desk.evaluate("document.querySelector('#phone').value = '12'");
  await click(desk, "[data-form] button");
  await desk.until("document.querySelector('#phone-fault').textContent.length > 5");
  assert.equal(await desk.evaluate("document.querySelector('#phone').getAttribute('aria-invalid')"), "true");
  await shoot(desk, "code-wrong");

  // A second tab sees the same; what is done in one is seen in the other; each reads its own language.
  const phone = await browser.tab({ width: 390, height: 844, touch: true });
  await post("/set/linked");
  await phone.open(`${base}/connect?lang=en`);
  await Promise.all([desk.until(state("linked")), phone.until(state("linked")), live(phone)]);
  await phone.until("document.title.includes('Connect')");
  await new Promise((resolve) => setTimeout(resolve, 300));
  await click(phone, "[data-do='confirm-number']");
  await Promise.all([desk.until(state("syncing")), phone.until(state("syncing"))]);
  assert.match(await desk.evaluate("document.querySelector('h1').textContent"), /Загружаем/);
  assert.match(await phone.evaluate("document.querySelector('h1').textContent"), /Loading/);

  // A refusal has words; a deed that was done says so.
  await post("/set/yclients-silent");
  await phone.until(state("yclients_silent"));
  await click(phone, "[data-do='try-again']");
  await phone.until("!document.getElementById('fault').hidden", "the server's words");
  assert.match(await phone.evaluate("document.getElementById('fault').textContent"), /YClients does not answer/);
  await shoot(phone, "refusal");
  await post("/set/active");
  await desk.until(state("active"));
  await click(desk, "[data-do='send-trial']");
  await desk.until("document.getElementById('fault').className.includes('say-done')", "the trial is on its way");
  await shoot(desk, "active");

  // The server goes away: the page says so, comes back by itself, and shows what happened meanwhile.
  await post("/down/true");
  await desk.until("!document.getElementById('lost').hidden", "the page says that it reconnects");
  await shoot(desk, "lost");
  await click(desk, "[data-do='send-trial']");
  await desk.until("document.getElementById('fault').textContent.includes('Нет связи')", "a button says why it does nothing");
  await post("/set/already-active");
  await post("/down/false");
  await desk.until(`${state("already_active")} && document.getElementById("lost").hidden`, "back within seconds", 15000);

  // A token whose hour is over: the page says so, and stops asking.
  const late = await browser.tab();
  await late.open(`${base}/connect?token=old`);
  await late.until(state("link_expired"));
  await shoot(late, "expired");

  // A phone sees the way by number first, and can have the code.
  await post("/set/qr");
  const small = await browser.tab({ width: 390, height: 844, touch: true });
  await small.open(`${base}/connect`);
  assert.ok(await small.evaluate("document.querySelector('.way-code').offsetParent !== null"));
  await click(small, ".way-code [data-way='qr']");
  assert.ok(await small.evaluate("document.querySelector('.qr-box').offsetParent !== null"));
  await small.until("document.activeElement.tagName === 'H1'");
  await shoot(small, "phone-qr");

  await post("/set/linked");
  await small.until(state("linked"));
  for (const tab of [desk, phone, small]) {
    const wrong = tab.problems.filter((problem) => !/socket\.io|503/.test(problem));
    assert.deepEqual(wrong, [], "the console is quiet");
  }
  console.log("ok   the connect page");
} finally {
  await browser.close();
}
