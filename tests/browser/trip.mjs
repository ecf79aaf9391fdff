// The whole trip in Chromium (tests/trip/browser.rs starts the world): the marketplace, the connect page, the salon's phone that
// scans a screenshot, the journal, the client's phone. Pictures of every stage go to SHOTS.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./chrome.mjs";

const { PRODUCT: product, YCLIENTS: yclients, WHATSAPP: whatsapp, SALON_PHONE: salonPhone, CLIENT_PHONE: clientPhone, SHOTS: shots } = process.env;
const SECOND = { salon: 990102, phone: "79000000098" };
const ANDROID = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36";
const LONGEST = 60000;
const MOST_BYTES = 60 * 1024;
mkdirSync(shots, { recursive: true });

const text = (selector) => `document.querySelector(${JSON.stringify(selector)}).innerText`;
const state = (name) => `document.querySelector(".panel")?.dataset.state === "${name}"`;
const picture = "document.querySelector('.qr-box svg path:last-child')?.getAttribute('d')";
/** Loads the page anew, and waits until it is another document that shows this. */
const reload = async (tab, shown, what) => {
  await tab.evaluate("window.old = true");
  await tab.call("Page.reload");
  await until(tab, `!window.old && ${shown}`, what);
};
/** Once the page's socket is there: what is pressed before would only be answered that there is no connection. */
const live = (tab) => tab.until("document.getElementById('lost').hidden && performance.getEntriesByType('resource').length > 0");
const until = (tab, expression, what) => tab.until(expression, what, LONGEST);
/** For what shows in several tabs at once. */
const eventually = async (what, there) => {
  const end = Date.now() + LONGEST;
  while (!(await there())) {
    assert.ok(Date.now() < end, `waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
};
/** Presses what is seen, as soon as it is. */
const press = async (tab, selector) => {
  const seen = `[...document.querySelectorAll(${JSON.stringify(selector)})].find((element) => element.checkVisibility())`;
  await until(tab, seen, selector);
  await tab.evaluate(`${seen}.click()`);
};
const post = async (path, body) => {
  const answer = await fetch(`${whatsapp}${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const said = await answer.text();
  assert.ok(answer.ok, `${path}: ${said}`);
};
const size = (tab, width, height = width < 600 ? 844 : 900) =>
  tab.call("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });

/** Looks at a stage in three widths: the narrowest must not scroll sideways, the others are kept as pictures. */
const look = async (tab, name, kept = 1280) => {
  for (const width of [360, 390, 1280]) {
    await size(tab, width);
    const over = await tab.evaluate("document.documentElement.scrollWidth - innerWidth");
    assert.ok(over <= 0, `${name} at ${width}: ${over} px too wide`);
    if (width > 360) await tab.shoot(join(shots, `${name}.${width}.png`));
  }
  await size(tab, kept);
};

const browser = launch();
const tabs = [];
const open = async (url, options) => {
  const tab = await browser.tab(options);
  tabs.push(tab);
  await tab.open(url);
  return tab;
};

try {
  // The front page, in both languages.
  const desk = await open(product, { language: "ru" });
  assert.equal(await desk.evaluate("document.documentElement.lang"), "ru");
  await look(desk, "01-home");
  const foreign = await open(product, { language: "en" });
  assert.equal(await foreign.evaluate("document.documentElement.lang"), "en");
  await look(foreign, "01-home-en");

  // The marketplace: consent, and the browser is led to the connect page.
  await desk.open(yclients);
  await look(desk, "02-marketplace");
  desk.traffic.clear();
  await press(desk, "form[action$='/install'] button");
  await until(desk, `location.href.startsWith("${product}/connect") && ${state("qr")} && ${picture}`, "the code");
  await live(desk);
  const mine = [...desk.traffic.values()].filter(({ url, kind }) => url.startsWith(product) && kind !== "WebSocket");
  const bytes = mine.reduce((sum, it) => sum + it.bytes, 0);
  assert.ok(mine.length >= 4 && bytes > 5000 && bytes < MOST_BYTES, `the connect page weighs ${bytes} bytes: ${JSON.stringify(mine)}`);
  assert.match(await desk.evaluate(text("h1:not([hidden])")), /[а-я]/i);
  await look(desk, "03-code");

  // A second tab, in another language: the same code. A reload in the middle: the same code again.
  const address = await desk.evaluate("location.href");
  const second = await open(address, { language: "en" });
  await until(second, state("qr"));
  assert.equal(await second.evaluate("document.documentElement.lang"), "en");
  await look(second, "03-code-en");
  // Codes renew by themselves, so the two are compared until they agree.
  const same = async () => (await desk.evaluate(picture)) === (await second.evaluate(picture));
  await eventually("the second tab shows the first one's code", same);
  await reload(desk, `${state("qr")} && ${picture}`, "the code after a reload");
  await live(desk);
  await eventually("the same code after a reload", same);

  // The salon's phone: a picture without a code is answered in words, a screenshot of the connect page links.
  const phone = await open(`${whatsapp}/phone/${salonPhone}`);
  await look(phone, "04-phone");
  await press(phone, "[popovertarget='scan']");
  await until(phone, "document.activeElement.matches('#scan *')", "the sheet has the focus");
  await look(phone, "05-scan");
  const show = async (file) => {
    const { root } = await phone.call("DOM.getDocument");
    const { nodeId } = await phone.call("DOM.querySelector", { nodeId: root.nodeId, selector: "#scan [type=file]" });
    await phone.call("DOM.setFileInputFiles", { nodeId, files: [file] });
  };
  const fault = "document.querySelector('#scan .fault').textContent";
  await show(join(shots, "02-marketplace.1280.png"));
  await until(phone, `${fault}.includes("нет QR-кода")`, "what is wrong with the picture");
  await look(phone, "05-scan-nothing");
  // Then from the screen. Which one, a person says in a window of the browser's own; here it is the screenshot, as a video.
  // A code that is renewed between the screenshot and the scan is old: another one is taken, as a person would.
  const linked = "!document.getElementById('note').hidden";
  do {
    await desk.shoot(join(shots, "06-screen.png"));
    await phone.evaluate(`navigator.mediaDevices.getDisplayMedia = async () => {
      const bytes = Uint8Array.from(atob("${readFileSync(join(shots, "06-screen.png"), "base64")}"), (it) => it.charCodeAt(0));
      const picture = await createImageBitmap(new Blob([bytes]));
      const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height });
      const draw = () => canvas.getContext("2d").drawImage(picture, 0, 0);
      draw();
      const stream = canvas.captureStream();
      const timer = setInterval(() => (stream.active ? draw() : clearInterval(timer)), 50);
      return stream;
    }`);
    await phone.call("Page.bringToFront");
    await press(phone, "[data-screen]");
    await until(phone, `${linked} || ${fault}`, "the phone says that it is linked");
    assert.ok(await phone.evaluate(`${linked} || ${fault}.includes("истёк")`), await phone.evaluate(fault));
  } while (!(await phone.evaluate(linked)));
  assert.match(await phone.evaluate(text("#note")), /связано/);
  await look(phone, "07-phone-linked");

  // Both tabs know; the owner confirms in one of them.
  await Promise.all([until(desk, state("linked")), until(second, state("linked"))]);
  await look(desk, "08-linked");
  await look(second, "08-linked-en");
  await press(desk, "[data-do='confirm-number']");
  await Promise.all([until(desk, state("active")), until(second, state("active"))]);
  assert.match(await desk.evaluate(text(".bubble")), /здравствуйте/);
  await look(desk, "09-active");
  await look(second, "09-active-en");
  await reload(desk, state("active"), "the same after a reload");

  // Back to the journal, and a booking by its form.
  await press(desk, ".actions a.button");
  await until(desk, `location.href.startsWith("${yclients}/timetable/")`);
  await look(desk, "10-journal");
  const client = await open(`${whatsapp}/phone/${clientPhone}?chat=${salonPhone}`);
  const bubbles = "[...document.querySelectorAll('.bubble p')]";
  const told = async (count, words, name) => {
    await until(client, `${bubbles}.length >= ${count}`, name);
    assert.match(await client.evaluate(`${bubbles}.at(-1).innerText`), words);
    assert.equal(await client.evaluate(`${bubbles}.length`), count);
    await look(client, name);
  };
  const day = (ahead) => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
  const fill = (selector, value) => desk.evaluate(`document.querySelector(${JSON.stringify(selector)}).value = ${JSON.stringify(value)}`);
  await desk.evaluate("document.querySelector('details.new').open = true");
  await fill(".new [name='datetime']", `${day(3)}T15:00`);
  await press(desk, ".new button.main");
  await until(desk, "document.querySelector('article.record')", "the record in the journal");
  await told(1, /Вы записаны: .*15:00/, "11-confirmation");
  await look(desk, "11-journal-booked");

  await press(desk, "article.record summary");
  await fill("article.record .move [name='datetime']", `${day(4)}T11:30`);
  await press(desk, "article.record .move button");
  await until(desk, `location.search.includes("${day(4)}") && document.querySelector("article.record")`, "the record on its new day");
  await told(2, /изменилась.*11:30/s, "12-change");

  await press(desk, "article.record .danger");
  await told(3, /отменена/, "13-cancel");
  await until(desk, "document.querySelectorAll('#hooks li, #hooks tr').length >= 3", "the journal lists its hooks");
  await look(desk, "13-journal-deleted");

  // Another salon, on a phone, in English: nobody can scan the screen he holds, so the way by number comes first.
  await post("/phones", { number: SECOND.phone, name: "Barbershop" });
  const hand = await open(yclients, { width: 390, height: 844, touch: true, language: "en", agent: ANDROID });
  await hand.evaluate(`for (const box of document.querySelectorAll("[name=salon_ids]")) box.checked = box.value === "${SECOND.salon}"`);
  await press(hand, "form[action$='/install'] button");
  await until(hand, `location.href.startsWith("${product}/connect") && document.querySelector(".way-code")?.checkVisibility()`, "the way by number");
  await live(hand);
  assert.equal(await hand.evaluate("document.documentElement.scrollWidth"), 390);
  await hand.shoot(join(shots, "14-by-number.390.png"));
  await hand.evaluate("document.getElementById('phone').focus()");
  await hand.type(SECOND.phone);
  await hand.press("Enter", "Enter", 13);
  await until(hand, `${state("code")} && document.querySelector(".code")`, "eight characters");
  await hand.shoot(join(shots, "15-number-code.390.png"));
  const code = await hand.evaluate("document.querySelector('[data-copy]').dataset.copy");
  await post(`/phones/${SECOND.phone}/code`, { code });
  await until(hand, state("linked"));
  assert.match(await hand.evaluate(text("h1")), /^[^а-я]+$/i);
  await press(hand, "[data-do='confirm-number']");
  await until(hand, state("active"));
  await hand.shoot(join(shots, "16-second-active.390.png"));

  for (const tab of tabs) {
    // The browser notes as an error what the phone answered to a picture without a code, or with an old one.
    const wrong = tab.problems.filter((problem) => tab !== phone || !/status of 4(10|22)/.test(problem));
    assert.deepEqual(wrong, [], "the console is quiet");
    for (const { url } of tab.traffic.values()) {
      assert.ok(/^(data|about|blob):/.test(url) || new URL(url).hostname === "127.0.0.1", `a foreign host was asked: ${url}`);
    }
  }
  console.log(`ok   the trip; the connect page weighs ${bytes} bytes`);
} finally {
  await browser.close();
}
