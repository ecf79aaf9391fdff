// The page of the API in Chromium (tests/trip/api_page.rs gives PRODUCT, COMPANY and TOKEN): nothing of it comes from elsewhere, the
// content policy has nothing to complain about, and a call made there is answered.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./chrome.mjs";

const { PRODUCT: product, COMPANY: company, TOKEN: token, SHOTS: shots } = process.env;
mkdirSync(shots, { recursive: true });

const browser = launch();
try {
  const tab = await browser.tab({ language: "en" });
  const type = async (selector, text) => {
    await tab.evaluate(`document.querySelector(${JSON.stringify(selector)}).focus()`);
    await tab.type(text);
    // The page waits for the end of the typing, or for the field to be left.
    await tab.evaluate("document.activeElement.blur()");
  };
  await tab.open(`${product}/api/docs`);
  await tab.until("document.querySelectorAll('.opblock').length > 20", "the operations", 20000);
  assert.match(await tab.evaluate("document.querySelector('.info .title').innerText"), /Salonbridge/);
  await tab.shoot(join(shots, "40-api.1280.png"));

  await tab.evaluate("document.querySelector('.authorize').click()");
  await tab.until("document.querySelector('.auth-container input')");
  await type(".auth-container input", token);
  await tab.evaluate("document.querySelector('.auth-btn-wrapper .authorize').click()");
  await tab.evaluate("document.querySelector('.auth-btn-wrapper .btn-done').click()");

  const health = "[...document.querySelectorAll('.opblock')].find((it) => it.innerText.includes('/health'))";
  await tab.evaluate(`${health}.querySelector('.opblock-summary-control').click()`);
  await tab.until(`${health}.querySelector('.parameters input')`);
  await type(".opblock.is-open .parameters input", company);
  await tab.evaluate(`${health}.querySelector('.execute').click()`);
  await tab.until(`${health}.querySelector('.live-responses-table .response-col_status')`, "an answer");
  const answer = await tab.evaluate(`${health}.querySelector('.live-responses-table').innerText`);
  assert.match(answer, /200/);
  assert.match(answer, /"light"/);

  await tab.call("Emulation.setDeviceMetricsOverride", { width: 390, height: 844, deviceScaleFactor: 1, mobile: true });
  await tab.shoot(join(shots, "40-api.390.png"));
  const foreign = [...tab.traffic.values()].map((it) => it.url).filter((url) => !url.startsWith(product) && !url.startsWith("data:"));
  assert.deepEqual(foreign, []);
  assert.deepEqual(tab.problems, []);
} finally {
  await browser.close();
}
