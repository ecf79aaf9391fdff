// The /desk namespace, driven by the real socket.io client (tests/trip/desk_syncs.rs starts it).
//
//   BASE_URL   where the application listens
//   COOKIE     of somebody who is signed in as the company's owner
//   COMPANY    the company, whose journal has some pages
//   KEY        its API key

import assert from "node:assert/strict";
import { io } from "socket.io-client";

const { BASE_URL, COOKIE, COMPANY, KEY } = process.env;
assert.ok(BASE_URL && COOKIE && COMPANY && KEY, "BASE_URL, COOKIE, COMPANY, KEY are needed");

const open = [];
function connect(auth, headers = {}) {
  const options = { reconnection: false, forceNew: true, timeout: 5000, transports: ["websocket"], auth, extraHeaders: headers };
  const socket = io(`${BASE_URL}/desk`, options);
  socket.heard = [];
  socket.on("sync-progress", (run) => socket.heard.push(run));
  open.push(socket);
  return socket;
}
const once = (socket, event, ms = 8000) => new Promise((resolve, reject) => {
  socket.once(event, resolve);
  setTimeout(() => reject(new Error(`no ${event}`)), ms).unref();
});
const until = async (there, what) => {
  for (const end = Date.now() + 30000; !there(); ) {
    assert.ok(Date.now() < end, `never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

try {
  const foreign = `tnt_${"0".repeat(26)}`;
  for (const [auth, headers, why] of [
    [{}, { cookie: COOKIE }, "company-missing"],
    [{ company_id: COMPANY }, {}, "not-signed-in"],
    [{ company_id: COMPANY }, { cookie: "salonbridge_desk=nonsense" }, "not-signed-in"],
    [{ company_id: foreign }, { cookie: COOKIE }, "not-signed-in"],
    [{ company_id: COMPANY, token: "nonsense" }, { cookie: COOKIE }, "not-signed-in"],
    [{ company_id: foreign, token: KEY }, {}, "not-signed-in"],
  ]) {
    const error = await once(connect(auth, headers), "connect_error");
    assert.equal(error.message, why, JSON.stringify(auth));
  }

  const page = connect({ company_id: COMPANY, locale: "en" }, { cookie: COOKIE });
  const program = connect({ company_id: COMPANY, token: KEY });
  await Promise.all([page, program].map((socket) => once(socket, "connect")));

  // A run that a program starts is told to both: from its beginning, growing, to its end.
  const answer = await fetch(`${BASE_URL}/api/v1/yclients/sync-bookings`, { method: "POST", headers: { authorization: `Bearer ${KEY}` } });
  assert.equal(answer.status, 202);
  const { sync_id: id } = await answer.json();
  for (const socket of [page, program]) {
    const of = () => socket.heard.filter((run) => run.sync_id === id);
    await until(() => of().some((run) => run.state === "done"), "the end of the run");
    const seen = of().map((run) => run.created + run.updated + run.unchanged);
    assert.ok(of().length >= 3, `more than its end: ${seen}`);
    assert.deepEqual(seen, [...seen].sort((a, b) => a - b), "it only grows");
    assert.equal(of().at(-1).state, "done");
    assert.ok(seen.at(-1) >= 450, `${seen}`);
    assert.match(of().at(-1).html, /<li class="row of-sync"/);
  }
  assert.match(page.heard.at(-1).html, /Done/);
  assert.match(program.heard.at(-1).html, /Готово/);

  // Who signs out hears nothing more.
  const account = await (await fetch(`${BASE_URL}/desk/account`, { headers: { cookie: COOKIE } })).text();
  const form = new URLSearchParams({ key: /name="key" value="([0-9a-f]+)"/.exec(account)[1] });
  const left = once(page, "disconnect", 20000);
  const out = await fetch(`${BASE_URL}/desk/sign-out`, { method: "POST", body: form, redirect: "manual", headers: { cookie: COOKIE, origin: BASE_URL } });
  assert.equal(out.status, 303);
  assert.equal(await left, "io server disconnect");
  assert.ok(program.connected, "the key is still good");
  console.log("ok   the desk's namespace");
} finally {
  for (const socket of open) socket.close();
}
