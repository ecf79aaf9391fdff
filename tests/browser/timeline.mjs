// One record's history in Chromium (tests/trip/settling.rs starts the world and gives the LINK): the link leaves the address bar,
// the page fits every width, a message in doubt is settled with the keyboard alone. Pictures go to SHOTS.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./chrome.mjs";

const { LINK: link, SHOTS: shots } = process.env;
mkdirSync(shots, { recursive: true });
const clean = new URL(link).pathname;

const look = async (tab, name) => {
  for (const width of [320, 390, 1280]) {
    await tab.call("Emulation.setDeviceMetricsOverride", { width, height: width < 600 ? 844 : 900, deviceScaleFactor: 1, mobile: false });
    const over = await tab.evaluate("document.documentElement.scrollWidth - innerWidth");
    assert.ok(over <= 0, `${name} at ${width}: ${over} px too wide`);
    if (width > 320) await tab.shoot(join(shots, `${name}.${width}.png`));
  }
};
const titles = (tab) => tab.evaluate("[...document.querySelectorAll('.event .title b')].map((it) => it.innerText.replaceAll('\\u00a0', ' '))");

const browser = launch();
try {
  const tab = await browser.tab({ language: "ru" });
  await tab.open(link);
  assert.equal(await tab.evaluate("location.pathname + location.search"), clean, "no token in the address bar");
  assert.equal(await tab.evaluate("document.cookie"), "", "no script reads the cookie");
  assert.equal(await tab.evaluate("document.documentElement.lang"), "ru");
  assert.ok(await tab.evaluate("document.querySelector('.doubt').checkVisibility()"));
  assert.equal((await titles(tab)).at(-1), "Неизвестно, дошло ли");
  await look(tab, "20-doubt");
  await tab.evaluate("document.querySelector('.doubt summary').click()");
  assert.match(await tab.evaluate("document.querySelector('.doubt blockquote').innerText"), /15:00/);
  await look(tab, "20-doubt-text");

  // The other language, and back.
  await tab.evaluate("document.querySelector('.language').click()");
  await tab.until("document.documentElement.lang === 'en' && document.querySelector('.doubt')");
  assert.doesNotMatch(await tab.evaluate("document.querySelector('.doubt h2').innerText"), /[а-я]/i);
  await look(tab, "20-doubt-en");
  await tab.evaluate("document.querySelector('.language').click()");
  await tab.until("document.documentElement.lang === 'ru' && document.querySelector('.doubt')");

  // By keyboard alone: to the second button, and pressed.
  for (let steps = 0; !(await tab.evaluate("document.activeElement.value === 'again'")); steps++) {
    assert.ok(steps < 20, "the button is never reached by the keyboard");
    await tab.press("Tab", "Tab", 9);
  }
  await tab.press("Enter", "Enter", 13);
  await tab.until("!document.querySelector('.doubt') && document.querySelector('.event')", "the page after the answer", 20000);
  assert.equal(await tab.evaluate("location.pathname"), clean);
  // What follows is a worker's: the page is asked until it shows it.
  const end = Date.now() + 30000;
  while (!(await titles(tab)).includes("Доставлено")) {
    assert.ok(Date.now() < end, `never delivered: ${await titles(tab)}`);
    await tab.evaluate("window.old = true");
    await tab.call("Page.reload");
    await tab.until("!window.old && document.querySelector('.event')");
  }
  const all = await titles(tab);
  assert.ok(all.includes("Решил человек") && all.lastIndexOf("Решили написать") > all.indexOf("Решил человек"), String(all));
  await look(tab, "21-settled");
  assert.deepEqual(tab.problems, [], "the console is quiet");
  for (const { url } of tab.traffic.values()) assert.equal(new URL(url).hostname, "127.0.0.1", `a foreign host was asked: ${url}`);

  // Who has no cookie sees nothing. (Tabs share them: this one throws them away.)
  const stranger = await browser.tab({ language: "ru" });
  await stranger.call("Network.clearBrowserCookies");
  await stranger.open(new URL(clean, link).href);
  assert.match(await stranger.evaluate("document.querySelector('h1').innerText"), /устарела$/);
  await look(stranger, "22-lost");
  console.log("ok   one record's history");
} finally {
  await browser.close();
}
