// Chromium, driven over its debugging pipe: no package needed, only the browser itself.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
  "--disable-renderer-backgrounding", "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows",
  "--force-color-profile=srgb", "--remote-debugging-pipe",
];

/** Starts the browser named by CHROMIUM, or the installed `chromium`. */
export function launch() {
  const profile = mkdtempSync(join(tmpdir(), "salonbridge-browser-"));
  const child = spawn(process.env.CHROMIUM ?? "chromium", [...FLAGS, `--user-data-dir=${profile}`, "about:blank"], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
  });
  child.on("error", (error) => { throw new Error(`no browser (bin/test installs it): ${error.message}`); });
  const [, , , out, into] = child.stdio;
  const waiting = new Map();
  const listeners = new Map();
  let next = 1;
  let rest = "";
  into.setEncoding("utf8").on("data", (chunk) => {
    const messages = (rest + chunk).split("\0");
    rest = messages.pop();
    for (const message of messages.map((text) => JSON.parse(text))) {
      if (message.id) {
        const { resolve, reject, method } = waiting.get(message.id);
        waiting.delete(message.id);
        message.error ? reject(new Error(`${method}: ${message.error.message}`)) : resolve(message.result);
      } else {
        listeners.get(message.sessionId)?.(message.method, message.params);
      }
    }
  });
  const send = (method, params = {}, sessionId = undefined) => {
    const id = next++;
    out.write(JSON.stringify({ id, method, params, sessionId }) + "\0");
    return new Promise((resolve, reject) => waiting.set(id, { resolve, reject, method }));
  };
  const close = async () => {
    await send("Browser.close").catch(() => {});
    await new Promise((resolve) => (child.exitCode === null ? child.once("exit", resolve) : resolve()));
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  return { send, listeners, close, tab: (options) => tab({ send, listeners }, options) };
}

/**
 * A page of a given size. `problems` gathers what the console and the content policy complained about, `traffic` what was
 * asked for, and how many bytes came. `agent` names another browser.
 */
async function tab({ send, listeners }, { width = 1280, height = 900, dark = false, touch = false, language = "ru", agent } = {}) {
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  const call = (method, params) => send(method, params, sessionId);
  const problems = [];
  const traffic = new Map();
  listeners.set(sessionId, (method, params) => {
    if (method === "Log.entryAdded" && params.entry.level === "error") problems.push(params.entry.text);
    if (method === "Runtime.exceptionThrown") problems.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    if (method === "Runtime.consoleAPICalled" && params.type === "error") problems.push(params.args.map((it) => it.value ?? it.description).join(" "));
    // A redirect keeps its number, so the last address is the one that was loaded.
    if (method === "Network.requestWillBeSent") traffic.set(params.requestId, { url: params.request.url, kind: params.type, bytes: 0 });
    if (method === "Network.webSocketCreated") traffic.set(params.requestId, { url: params.url, kind: "WebSocket", bytes: 0 });
    if (method === "Network.loadingFinished" && traffic.has(params.requestId)) traffic.get(params.requestId).bytes = params.encodedDataLength;
  });
  const userAgent = agent ?? (await send("Browser.getVersion")).userAgent;
  await Promise.all([
    call("Page.enable"), call("Runtime.enable"), call("Log.enable"), call("Network.enable"),
    call("Emulation.setUserAgentOverride", { userAgent, acceptLanguage: language }),
    call("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: touch }),
    call("Emulation.setTouchEmulationEnabled", { enabled: touch }),
    call("Emulation.setLocaleOverride", { locale: language }),
    call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }] }),
  ]);

  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  const until = async (expression, what = expression, ms = 8000) => {
    const end = Date.now() + ms;
    while (!(await evaluate(`Boolean(${expression})`).catch(() => false))) {
      if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  };
  return {
    call, evaluate, until, problems, traffic,
    async open(url) {
      await call("Page.navigate", { url });
      await until("document.readyState === 'complete' && location.href !== 'about:blank'", url);
    },
    /** The whole page, however long. */
    async shoot(file) {
      // A tab behind another one draws no frames, and the picture would wait for one.
      await call("Page.bringToFront");
      const { data } = await call("Page.captureScreenshot", { format: "png", captureBeyondViewport: true });
      writeFileSync(file, Buffer.from(data, "base64"));
    },
    async type(words) {
      for (const text of words) await call("Input.dispatchKeyEvent", { type: "char", text });
    },
    async press(key, code = key, virtual = 0) {
      const event = { key, code, windowsVirtualKeyCode: virtual, text: key === "Enter" ? "\r" : undefined };
      await call("Input.dispatchKeyEvent", { type: "keyDown", ...event });
      await call("Input.dispatchKeyEvent", { type: "keyUp", ...event });
    },
    close: () => send("Target.closeTarget", { targetId }),
  };
}
