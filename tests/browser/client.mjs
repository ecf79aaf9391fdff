// A client's pages in Chromium (tests/trip/client_pages.rs starts the world): the salon's page, the code on the phone, a booking by
// the salon's own form, the dialogue that its hook brings, the list, the profile; by keyboard, in both languages. Pictures at 390 and
// 1280 px go to SHOTS; nothing scrolls sideways at 320.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./chrome.mjs";

const { PRODUCT: product, YCLIENTS: yclients, WHATSAPP: whatsapp, TENANT: tenant, SALON_PAGE: home, CLIENT_PHONE: phone, SHOTS: shots } = process.env;
mkdirSync(shots, { recursive: true });
const LONGEST = 30000;

const look = async (tab, name) => {
  for (const width of [320, 390, 1280]) {
    await tab.call("Emulation.setDeviceMetricsOverride", { width, height: width < 600 ? 844 : 900, deviceScaleFactor: 1, mobile: false });
    const over = await tab.evaluate("document.documentElement.scrollWidth - innerWidth");
    assert.ok(over <= 0, `${name} at ${width}: ${over} px too wide`);
    const small = await tab.evaluate(`[...document.querySelectorAll("button, .button, .tabs a, input:not([type=hidden], [type=radio])")]
      .filter((it) => it.checkVisibility() && it.getBoundingClientRect().height < 43).map((it) => it.outerHTML.slice(0, 80))`);
    assert.deepEqual(small, [], `${name} at ${width}: too small to press`);
    if (width > 320) await tab.shoot(join(shots, `${name}.${width}.png`));
  }
  await tab.call("Emulation.setDeviceMetricsOverride", { width: 390, height: 844, deviceScaleFactor: 1, mobile: false });
};
const plain = (text) => text.replaceAll("\u00a0", " ").replaceAll("\u2011", "-");
const text = async (tab, selector) => plain(await tab.evaluate(`document.querySelector(${JSON.stringify(selector)}).innerText`));
/** Goes by Tab until this has the focus, and it must be seen to have it. */
const reach = async (tab, what) => {
  for (let steps = 0; !(await tab.evaluate(`Boolean(document.activeElement?.matches(${JSON.stringify(what)}))`)); steps++) {
    assert.ok(steps < 80, `${what} is never reached by the keyboard`);
    await tab.press("Tab", "Tab", 9);
  }
  const seen = "(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2; })()";
  assert.ok(await tab.evaluate(seen), `${what} has the focus and does not show it`);
};
const enter = async (tab, expression, what) => {
  await tab.evaluate("window.leftBehind = true");
  await tab.press("Enter", "Enter", 13);
  await tab.until(`!window.leftBehind && document.readyState === 'complete' && (${expression})`, what, LONGEST);
};
const fill = async (tab, what, words) => {
  await reach(tab, what);
  await tab.evaluate("document.activeElement.select?.()");
  await tab.type(words);
};
/** The code on the client's phone, once so many came. */
const code = async (count) => {
  const end = Date.now() + LONGEST;
  for (;;) {
    const said = await (await fetch(`${whatsapp}/phones/${phone}/messages`)).json();
    const codes = (Array.isArray(said) ? said : said.messages).filter((it) => it.direction === "in").map((it) => /\b\d{6}\b/.exec(it.text)?.[0]).filter(Boolean);
    if (codes.length >= count) return codes.at(-1);
    assert.ok(Date.now() < end, "the code never came");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
const path = (tab) => tab.evaluate("location.pathname");

const browser = launch();
try {
  const tab = await browser.tab({ language: "ru", width: 390, height: 844 });
  // Whoever is not signed in may book all the same.
  await tab.open(home);
  assert.equal(await path(tab), `/salons/${tenant}/book`);
  assert.equal(await text(tab, "h1"), "Выберите услугу");
  assert.equal(await tab.evaluate("document.querySelectorAll('.of-service').length"), 3, "what is switched off is not offered");
  await look(tab, "50-client-stranger");

  // The number, then the code; a wrong one first.
  await reach(tab, "main a[href*='sign-in']");
  await enter(tab, "document.querySelector('#phone')", "the way in");
  await look(tab, "51-client-sign-in");
  await fill(tab, "#phone", "8 900 000-00-01");
  await enter(tab, "document.querySelector('#code')", "the code's page");
  await tab.until("!document.querySelector('[data-left-ms]').hidden", "the code's time runs");
  assert.match(await text(tab, "[data-left-ms]"), /^Код действует ещё (5:00|4:\d\d)$/);
  await look(tab, "52-client-code");
  const given = await code(1);
  await fill(tab, "#code", String((Number(given) + 1) % 1000000).padStart(6, "0"));
  await enter(tab, "document.querySelector('.fault[role=alert]')", "refused");
  assert.ok(await tab.evaluate("document.activeElement.matches('#code')"), "where to go on");
  await tab.until("!document.querySelector('[data-left-ms]').hidden", "the code's time still runs");
  assert.ok(await tab.evaluate("document.querySelector('[data-left-over]').hidden"));
  await look(tab, "53-client-code-wrong");
  await fill(tab, "#code", given);
  await enter(tab, "document.querySelector('[data-book]')", "the booking page");
  assert.equal(await tab.evaluate("document.cookie"), "", "no script reads the cookie");
  const comment = await text(tab, ".comment .own-code");
  assert.match(comment, /^Код клиента: [2-9DFJNQRVW]{8}$/);
  await look(tab, "54-client-book");

  // The salon's own form opens beside; what came of it the page hears by itself.
  const link = await tab.evaluate(`(() => {
    const link = document.querySelector("[data-form]");
    link.addEventListener("click", (event) => event.preventDefault(), { once: true });
    link.click();
    return link.href;
  })()`);
  assert.equal(await tab.evaluate("document.querySelector('[data-form]').target"), "_blank");
  assert.match(await text(tab, "#waiting"), /Ждём вашу запись/);
  await look(tab, "55-client-waiting");
  const form = await browser.tab({ language: "ru", width: 390, height: 844 });
  await form.open(link);
  assert.ok((await form.evaluate("location.href")).startsWith(`${yclients}/form/n30501/company/990101/personal/menu?o=s77002`));
  await fill(form, "#name", "Анна");
  await fill(form, "#phone", "+7 900 000-00-01");
  await fill(form, "#comment", comment);
  await look(form, "56-yclients-form");
  const service = await form.evaluate("document.querySelector('#service').selectedOptions[0].text.split(',')[0]");
  await reach(form, "#place");
  await enter(form, "document.querySelector('#placed')", "placed");
  await tab.until("document.querySelector('dialog[open] [data-record]')", "the dialogue", LONGEST);
  await tab.until("document.activeElement.matches('#arrived-title')", "the focus is where the news is");
  const dialogue = await text(tab, "dialog");
  assert.ok(dialogue.includes("Вы записаны") && dialogue.includes(service) && /\d\d:\d\d/.test(dialogue), dialogue);
  assert.match(dialogue, /Мастер\s+(Мария Тестова|Ольга Образцова)/);
  await look(tab, "57-client-arrived");
  await reach(tab, "dialog .button");
  await enter(tab, "document.querySelector('.of-record')", "the list");
  const listed = await text(tab, ".of-record");
  assert.ok(listed.includes(service) && listed.includes("YClients") && listed.includes("ждёт вас"), listed);
  await look(tab, "58-client-records");
  await reach(tab, ".tabs a[href$='show=all']");
  await enter(tab, "document.querySelectorAll('.of-record').length === 2", "all of them");
  await look(tab, "59-client-records-all");

  // A page that is opened later knows of it, and shows no old news.
  await reach(tab, ".tabs a[href$='/book']");
  await enter(tab, "document.querySelector('[data-book]')", "the booking page again");
  assert.equal(await tab.evaluate("document.querySelector('[data-book]').dataset.known.split(' ').length"), 1);

  await reach(tab, ".tabs a[href$='/profile']");
  await enter(tab, "document.querySelector('[data-code]')", "the profile");
  assert.equal(await text(tab, "[data-balance]"), "225 ₽");
  assert.ok(comment.endsWith(await text(tab, "[data-code] span")));
  assert.match(await text(tab, ".of-posting"), /Начислено за визит.*\+225/s);
  await reach(tab, "[data-copy]");
  await look(tab, "60-client-profile");

  // English, and it stays English from page to page.
  await reach(tab, ".language");
  await enter(tab, "document.documentElement.lang === 'en'", "the other language");
  await look(tab, "61-client-profile-en");
  for (const [part, name] of [["/book", "62-client-book-en"], ["/bookings", "63-client-records-en"]]) {
    await reach(tab, `.tabs a[href$='${part}']`);
    await enter(tab, `location.pathname.endsWith('${part}')`, part);
    assert.equal(await tab.evaluate("document.documentElement.lang"), "en");
    assert.doesNotMatch(await text(tab, "h1"), /[а-я]/i);
    await look(tab, name);
  }
  await reach(tab, "form[action$='/sign-out'] button");
  await enter(tab, "location.pathname.endsWith('/book') && !document.querySelector('[data-book]')", "signed out");
  await reach(tab, ".who a");
  await enter(tab, "document.querySelector('#phone')", "the way in, in English");
  await look(tab, "64-client-sign-in-en");

  // At night, and a service that is gone.
  const night = await browser.tab({ language: "en", dark: true, width: 390, height: 844 });
  await night.open(`${product}/salons/${tenant}/book`);
  await look(night, "65-client-book-dark");
  await night.open(`${product}/salons/${tenant}/book/1`);
  assert.match(await text(night, "main"), /not linked/);
  await look(night, "66-client-form-trouble-dark");

  for (const it of [tab, form, night]) {
    assert.deepEqual(it.problems.filter((problem) => !/status of 40[14]/.test(problem)), [], "the console is quiet");
    for (const { url } of it.traffic.values()) {
      assert.ok(/^(data|about|blob):/.test(url) || new URL(url).hostname === "127.0.0.1", `a foreign host was asked: ${url}`);
    }
  }
  console.log("ok   a client signs in, books and sees it come");
} finally {
  await browser.close();
}
