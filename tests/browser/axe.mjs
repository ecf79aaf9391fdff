// Every page under axe-core: BASE_URL is the gallery (tests/trip/browser.rs starts it). Fails on what it calls serious or critical.

import { readFileSync } from "node:fs";
import { launch } from "./chrome.mjs";

const base = process.env.BASE_URL;
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const listing = await (await fetch(base)).text();
const pages = [...listing.matchAll(/href="\/(\w+)\/([^"]+)"/g)].map(([, lang, name]) => ({ lang, name }));
const shapes = [
  { width: 390, height: 844, touch: true, lang: "ru" },
  { width: 1280, height: 900, lang: "en" },
  { width: 390, height: 844, touch: true, dark: true, lang: "en" },
];
const RUN = `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations
  .filter(({ impact }) => impact === "serious" || impact === "critical")
  .flatMap(({ id, help, nodes }) => nodes.map((node) => id + ": " + help + ": " + node.html.slice(0, 120))))`;

const browser = launch();
const found = new Set();
let looked = 0;
try {
  for (const shape of shapes) {
    const tab = await browser.tab(shape);
    for (const { lang, name } of pages.filter(({ lang }) => lang === shape.lang)) {
      await tab.open(`${base}/${lang}/${name}`);
      await tab.evaluate(axe);
      for (const fault of await tab.evaluate(RUN)) found.add(`${name}${shape.dark ? ", dark" : ""}: ${fault}`);
      looked += 1;
    }
    await tab.close();
  }
} finally {
  await browser.close();
}
if (looked < 100) throw new Error(`only ${looked} pages looked at`);
if (found.size > 0) throw new Error([...found].join("\n"));
