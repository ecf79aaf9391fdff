// The /whatsapp namespace, driven by the real socket.io client.
//
//   BASE_URL          where the application listens
//   TOKEN             a token of a connect page whose salon can be asked for a QR code
//   BRIEF_TOKEN       one whose hour is over in a moment
//   EXPIRED_TOKEN     one whose hour is over
//   FOREIGN_COMPANY   the id of another company

import assert from "node:assert/strict";
import { io } from "socket.io-client";

const { BASE_URL, TOKEN, BRIEF_TOKEN, EXPIRED_TOKEN, FOREIGN_COMPANY } = process.env;
assert.ok(BASE_URL && TOKEN && BRIEF_TOKEN && EXPIRED_TOKEN && FOREIGN_COMPANY, "BASE_URL, TOKEN, BRIEF_TOKEN, EXPIRED_TOKEN, FOREIGN_COMPANY are needed");

const open = [];
function connect(options) {
  const socket = io(`${BASE_URL}/whatsapp`, { reconnection: false, forceNew: true, timeout: 5000, ...options });
  socket.heard = [];
  socket.onAny((event, ...args) => socket.heard.push({ event, args }));
  open.push(socket);
  return socket;
}

/** The first event of this name, come already or still to come, that fits. */
async function hear(socket, event, fits = () => true, ms = 8000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = socket.heard.find((heard) => heard.event === event && fits(...heard.args));
    if (found) return found.args;
    if (Date.now() > end) assert.fail(`no ${event}; heard ${socket.heard.map((heard) => heard.event).join(", ") || "nothing"}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const once = (socket, event) => new Promise((resolve, reject) => {
  socket.once(event, resolve);
  setTimeout(() => reject(new Error(`no ${event}`)), 5000).unref();
});

async function refusal(options) {
  const error = await once(connect(options), "connect_error");
  return error.message;
}

const tests = {
  async "a socket without a token is refused"() {
    assert.equal(await refusal({}), "token-missing");
    assert.equal(await refusal({ auth: { token: "" } }), "token-missing");
  },
  async "a wrong token is refused, over both transports"() {
    assert.equal(await refusal({ auth: { token: "nonsense" } }), "token-wrong");
    assert.equal(await refusal({ auth: { token: "nonsense" }, transports: ["websocket"] }), "token-wrong");
    assert.equal(await refusal({ query: { token: "nonsense" } }), "token-wrong");
    assert.equal(await refusal({ auth: { token: { no: "text" } } }), "token-missing");
  },
  async "an expired token is refused"() {
    assert.equal(await refusal({ auth: { token: EXPIRED_TOKEN } }), "token-expired");
  },
  async "a page is shown out when its token ends"() {
    const socket = connect({ auth: { token: BRIEF_TOKEN } });
    const left = once(socket, "disconnect");
    await hear(socket, "state");
    assert.equal(await left, "io server disconnect");
  },
  async "a page about another company is refused"() {
    assert.equal(await refusal({ auth: { token: TOKEN, company_id: FOREIGN_COMPANY } }), "token-foreign");
    assert.equal(await refusal({ query: { token: TOKEN, company_id: FOREIGN_COMPANY } }), "token-foreign");
  },
  async "the state comes with the connection, drawn in the language asked for"() {
    const ru = connect({ auth: { token: TOKEN, locale: "ru" } });
    const [state] = await hear(ru, "state");
    assert.equal(typeof state.state, "string");
    assert.equal(typeof state.as_of, "number");
    assert.match(state.html, /^<section class="panel"/);
    assert.match(state.html, /[а-я]/);
    const [english] = await hear(connect({ query: { token: TOKEN, locale: "en" } }), "state");
    assert.match(english.html.replace(/<[^>]*>/g, ""), /[a-z]/);
  },
  async "a code is asked for and comes raw and as a picture, to both tabs"() {
    const first = connect({ auth: { token: TOKEN } });
    const second = connect({ query: { token: TOKEN }, transports: ["websocket"] });
    await Promise.all([hear(first, "state"), hear(second, "state")]);
    assert.deepEqual(await first.timeout(8000).emitWithAck("request-qr"), { ok: true });
    const [raw, more] = await hear(first, "qr");
    assert.ok(typeof raw === "string" && raw.length > 20, "the raw code comes first");
    assert.match(more.svg, /^<svg/);
    assert.ok(more.number >= 1 && more.number <= more.of && more.expires_at > 0);
    await hear(second, "qr", (other) => other === raw);
    await hear(second, "state", (state) => state.state === "qr" && state.raw === raw);
  },
  async "a late tab and a returning one see the same at once"() {
    const late = connect({ auth: { token: TOKEN } });
    const [state] = await hear(late, "state");
    assert.equal(state.state, "qr");
    await hear(late, "qr", (raw) => raw === state.raw);
    late.disconnect();
    late.heard.length = 0;
    late.connect();
    await hear(late, "state", (again) => again.state === "qr");
  },
  async "what is no phone number is answered, not swallowed"() {
    const socket = connect({ auth: { token: TOKEN, locale: "en" } });
    await hear(socket, "state");
    const answer = await socket.timeout(8000).emitWithAck("request-code", { phone: "Anna" });
    assert.deepEqual([answer.ok, answer.code], [false, "bad-phone"]);
    const [error] = await hear(socket, "error");
    assert.equal(error.code, "bad-phone");
    assert.ok(error.message.length > 10);
    assert.equal((await socket.timeout(8000).emitWithAck("request-code")).code, "bad-phone");
  },
  async "an unknown event and a huge one do no harm"() {
    const socket = connect({ auth: { token: TOKEN } });
    await hear(socket, "state");
    socket.emit("no-such-thing", { a: 1 });
    assert.deepEqual(await socket.timeout(8000).emitWithAck("request-qr"), { ok: true });
    const gone = once(socket, "disconnect");
    socket.emit("request-code", { phone: "9".repeat(200_000) });
    await gone;
    await hear(connect({ auth: { token: TOKEN } }), "state");
  },
  async "there is a limit to tabs, and a closed one makes room"() {
    const tabs = [];
    for (let i = 0; i < 16; i++) tabs.push(connect({ auth: { token: TOKEN }, transports: ["websocket"] }));
    const answers = await Promise.all(tabs.map((tab) => Promise.race([
      once(tab, "connect").then(() => "in"), once(tab, "connect_error").then((error) => error.message),
    ])));
    assert.ok(answers.includes("in") && answers.includes("too-many-tabs"), answers.join(", "));
    for (const tab of tabs) tab.disconnect();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await hear(connect({ auth: { token: TOKEN } }), "state");
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok   ${name}`);
  } catch (error) {
    failed++;
    console.error(`FAIL ${name}\n${error.stack}`);
  }
  for (const socket of open.splice(0)) socket.disconnect();
  await new Promise((resolve) => setTimeout(resolve, 50));
}
process.exit(failed === 0 ? 0 : 1);
