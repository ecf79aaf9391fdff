// Pictures of every page: BASE_URL=http://127.0.0.1:4100 node tests/browser/gallery.mjs <folder> [part of a name]
// BASE_URL is the gallery (`cargo run --example gallery`). Fails on a page that overflows sideways or that the policy stops.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./chrome.mjs";

const base = process.env.BASE_URL ?? "http://127.0.0.1:4100";
const [folder = "data/gallery", only = ""] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const listing = await (await fetch(base)).text();
const pages = [...listing.matchAll(/href="\/(\w+)\/([^"]+)"/g)].map(([, lang, name]) => ({ lang, name }));
const shapes = [
  { tag: "390", width: 390, height: 844, touch: true },
  { tag: "1280", width: 1280, height: 900 },
  { tag: "390-dark", width: 390, height: 844, touch: true, dark: true, lang: "ru" },
  { tag: "1280-dark", width: 1280, height: 900, dark: true, lang: "en" },
  { tag: "320", width: 320, height: 700, touch: true, lang: "en" },
];

const browser = launch();
const faults = [];
try {
  for (const shape of shapes) {
    const tab = await browser.tab(shape);
    for (const { lang, name } of pages.filter(({ lang, name }) => name.includes(only) && (shape.lang ?? lang) === lang)) {
      tab.problems.length = 0;
      await tab.open(`${base}/${lang}/${name}`);
      const over = await tab.evaluate("document.documentElement.scrollWidth - innerWidth");
      if (over > 0) faults.push(`${lang}/${name} at ${shape.tag}: ${over} px too wide`);
      // The gallery has no socket; everything else that complains is a fault.
      for (const problem of tab.problems) if (!problem.includes("socket.io")) faults.push(`${lang}/${name}: ${problem}`);
      await tab.shoot(join(folder, `${name}.${lang}.${shape.tag}.png`));
    }
    await tab.close();
  }
} finally {
  await browser.close();
}
if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exitCode = 1;
} else {
  console.log(`${pages.length} pages in ${folder}`);
}
