// The desk in Chromium (tests/trip/desk_pages.rs starts it): an owner takes up an invitation and walks the pages with the keyboard
// alone, in both languages; then an operator. Pictures at 390 and 1280 px go to SHOTS; nothing scrolls sideways at 320.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./chrome.mjs";

const { PRODUCT: product, LINK: link, EMAIL: email, OPERATOR: operator, PASSWORD: password, SHOTS: shots } = process.env;
mkdirSync(shots, { recursive: true });

const look = async (tab, name) => {
  for (const width of [320, 390, 1280]) {
    await tab.call("Emulation.setDeviceMetricsOverride", { width, height: width < 600 ? 844 : 900, deviceScaleFactor: 1, mobile: false });
    const over = await tab.evaluate("document.documentElement.scrollWidth - innerWidth");
    assert.ok(over <= 0, `${name} at ${width}: ${over} px too wide`);
    // A finger needs room: what is pressed is 44 px high at least. Links inside a sentence are not meant.
    const small = await tab.evaluate(`[...document.querySelectorAll("button, .button, .tabs a, input:not([type=hidden], [type=radio]), .pick label, select, summary")]
      .filter((it) => it.checkVisibility() && it.getBoundingClientRect().height < 43).map((it) => it.outerHTML.slice(0, 80))`);
    assert.deepEqual(small, [], `${name} at ${width}: too small to press`);
    if (width > 320) await tab.shoot(join(shots, `${name}.${width}.png`));
  }
};
const heading = (tab) => tab.evaluate("document.querySelector('h1').innerText.replaceAll('\\u00a0', ' ')");
/** Goes by Tab until this has the focus. What has it must be seen to have it. */
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
  await tab.until(`!window.leftBehind && document.readyState === 'complete' && (${expression})`, what, 20000);
};
const fill = async (tab, what, words) => {
  await reach(tab, what);
  await tab.type(words);
};

const browser = launch();
try {
  const tab = await browser.tab({ language: "ru" });
  // The invitation: a weak password is refused in words, a good one leads in.
  await tab.open(link);
  assert.equal(await heading(tab), "Придумайте пароль");
  await look(tab, "30-invitation");
  await fill(tab, "#password", "qwertyuiop12");
  await fill(tab, "#repeated", "qwertyuiop12");
  await enter(tab, "document.querySelector('.fault')", "the password is refused");
  assert.match(await tab.evaluate("document.querySelector('.fault').innerText"), /подбирают/);
  await look(tab, "30-invitation-weak");
  await fill(tab, "#password", password);
  await fill(tab, "#repeated", password);
  await enter(tab, "location.pathname.startsWith('/desk/companies/')", "the owner's company");
  assert.equal(await heading(tab), "Ирис на Садовой");
  assert.equal(await tab.evaluate("document.cookie"), "", "no script reads the cookie");
  await look(tab, "31-overview");

  // The first Tab leads past the bar.
  await tab.evaluate("document.activeElement.blur()");
  await tab.press("Tab", "Tab", 9);
  assert.ok(await tab.evaluate("document.activeElement.matches('.skip')"));

  await reach(tab, ".tabs a[href$='/records']");
  await enter(tab, "document.querySelector('.of-record')", "the records");
  assert.equal(await tab.evaluate("document.querySelectorAll('.of-record').length"), 3);
  assert.equal(await tab.evaluate("document.querySelector('.tabs [aria-current]').getAttribute('href')").then((it) => it.endsWith("/records")), true);
  await look(tab, "32-records");
  await reach(tab, "a.of-record[href$='/501']");
  await enter(tab, "document.querySelector('.doubt')", "the record's history inside the desk");
  assert.ok(await tab.evaluate("document.querySelector('.bar .tabs')"));
  await look(tab, "33-history");

  await reach(tab, ".tabs a[href$='/messages']");
  await enter(tab, "document.querySelector('.of-message button')", "what is in doubt");
  await look(tab, "34-doubt");
  await reach(tab, ".of-message button[value='sent']");
  await enter(tab, "!document.querySelector('.of-message')", "settled");
  await look(tab, "34-settled");
  await reach(tab, ".tabs a[href*='state=failed']");
  await enter(tab, "document.querySelector('.of-message')", "what failed");
  await look(tab, "35-failed");

  // A client by the beginning of her name; her bonuses in two steps: what will happen, and that it happens.
  await reach(tab, ".tabs a[href$='/clients']");
  await enter(tab, "document.querySelectorAll('.of-client').length === 2", "the clients");
  await look(tab, "44-clients");
  await fill(tab, "#q", "анн");
  await enter(tab, "document.querySelectorAll('.of-client').length === 1 && location.search.includes('q=')", "Anna is found");
  await reach(tab, ".of-client");
  await enter(tab, "document.querySelector('#amount')", "her page");
  await look(tab, "45-client");
  await fill(tab, "#amount", "500");
  await enter(tab, "document.querySelector('.fault')", "there is not so much");
  assert.match(await tab.evaluate("document.querySelector('.fault').innerText"), /не.больше 100/);
  assert.ok(await tab.evaluate("document.activeElement.matches('#amount[aria-invalid]')"), "where to go on");
  await look(tab, "45-client-refused");
  await tab.evaluate("document.querySelector('#amount').select()");
  await tab.type("30");
  await enter(tab, "document.querySelector('input[name=once]')", "whether it is meant");
  assert.match(await heading(tab), /^Списать 30 · Анна$/);
  assert.ok(await tab.evaluate("document.activeElement.matches('.button.primary')"), "one key more");
  await look(tab, "46-spend");
  await enter(tab, "document.querySelector('.told[role=status]')", "spent");
  assert.match(await tab.evaluate("document.querySelector('.told[role=status]').innerText"), /Списано 30\. Осталось 70\./);
  await look(tab, "46-spent");

  // Whose a record is, by arrows and the space bar.
  await reach(tab, ".tabs a[href$='/clients']");
  await enter(tab, "document.querySelector('.of-client')", "the clients again");
  await reach(tab, ".tabs a[href$='/unmatched']");
  await enter(tab, "document.querySelectorAll('.of-unmatched').length === 1", "what is nobody's");
  await look(tab, "47-unmatched");
  await reach(tab, ".pick input[type=radio]");
  await tab.press("ArrowDown", "ArrowDown", 40);
  assert.ok(await tab.evaluate("document.activeElement.checked && document.activeElement.value.startsWith('cli_')"), "the second of them");
  await reach(tab, ".of-unmatched button");
  await enter(tab, "!document.querySelector('.of-unmatched')", "it is somebody's");
  await look(tab, "47-settled");

  // The journal is read, and the page says by itself what came of it.
  await reach(tab, ".tabs a[href$='/syncs']");
  await enter(tab, "document.querySelector('[data-follow]')", "the log of the sync");
  // Begun elsewhere: the open page shows it, and how it goes on, by itself.
  await tab.evaluate(`(() => {
    const form = document.querySelector("form[action$='/syncs']");
    return fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) }).then(() => true);
  })()`);
  await tab.until("/YClients не.ответил/.test(document.querySelector('#runs').innerText)", "a run and its trouble, without a reload", 20000);
  assert.match(await tab.evaluate("document.querySelector('#announce').textContent"), /очереди|Идёт/, "it is said aloud");
  await reach(tab, "form[action$='/syncs'] button");
  await enter(tab, "document.querySelectorAll('#runs [data-run]').length === 1", "one at a time");
  await look(tab, "48-syncs");

  await reach(tab, ".tabs a[href$='/team']");
  await enter(tab, "document.querySelector('#email')", "the team");
  await fill(tab, "#email", "oleg@iris.example");
  await fill(tab, "#name", "Олег");
  await enter(tab, "document.querySelector('.link-out')", "a link for Oleg");
  assert.match(await tab.evaluate("document.querySelector('.link-out').value"), /\/desk\/invitation\/[0-9a-f]{64}$/);
  await look(tab, "36-team");

  await reach(tab, "a[href='/desk/account']");
  await enter(tab, "document.querySelector('#old')", "the account");
  await look(tab, "37-account");
  await reach(tab, "form[action='/desk/account/codes'] button");
  await enter(tab, "document.querySelector('.qr svg')", "the code to scan");
  await look(tab, "38-codes");

  // English, and it stays English from page to page.
  await reach(tab, ".language");
  await enter(tab, "document.documentElement.lang === 'en'", "the other language");
  await reach(tab, ".tabs a[href$='/records']");
  await enter(tab, "document.querySelector('.of-record')", "the records in English");
  assert.equal(await heading(tab), "Bookings");
  await look(tab, "39-records-en");
  for (const [path, title] of [["clients", "Clients"], ["unmatched", "Bookings of nobody"], ["syncs", "Sync"]]) {
    await tab.open(`${await tab.evaluate("location.href.replace(/[^/]+$/, '')")}${path}`);
    assert.equal(await heading(tab), title);
    await look(tab, `49-${path}-en`);
  }
  await tab.open(`${await tab.evaluate("location.href.replace(/[^/]+$/, '')")}clients`);
  await reach(tab, ".of-client");
  await enter(tab, "document.querySelector('.of-posting')", "a client in English");
  await look(tab, "49-client-en");
  await reach(tab, "form[action='/desk/sign-out'] button");
  await enter(tab, "location.pathname === '/desk/sign-in'", "signed out");
  await look(tab, "40-sign-in-en");

  // A wrong password, then the right one.
  await fill(tab, "#email", email);
  await fill(tab, "#password", "not this one at all");
  await enter(tab, "document.querySelector('.fault')", "refused");
  assert.ok(await tab.evaluate("document.activeElement.matches('#password')"), "where to go on");
  await look(tab, "41-refused-en");
  await fill(tab, "#password", password);
  await enter(tab, "location.pathname.startsWith('/desk/companies/')", "signed in");
  assert.deepEqual(tab.problems.filter((it) => !/status of 4(01|22)/.test(it)), [], "the console is quiet");
  for (const { url } of tab.traffic.values()) assert.equal(new URL(url).hostname, "127.0.0.1", `a foreign host was asked: ${url}`);

  // An operator finds a salon by its name.
  const boss = await browser.tab({ language: "ru", dark: true });
  await boss.call("Network.clearBrowserCookies");
  await boss.open(`${product}/desk`);
  await fill(boss, "#email", operator);
  await fill(boss, "#password", password);
  await enter(boss, "document.querySelectorAll('.of-company').length === 2", "all companies");
  await look(boss, "42-companies-dark");
  await fill(boss, "#q", "роза");
  await enter(boss, "document.querySelectorAll('.of-company').length === 1", "one company");
  await reach(boss, ".of-company");
  await enter(boss, "document.querySelector('.light')", "its page");
  assert.equal(await heading(boss), "Роза");
  await look(boss, "43-company-dark");
  console.log("ok   the desk by keyboard");
} finally {
  await browser.close();
}
