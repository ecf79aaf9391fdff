// Socket.IO (protocol 5, Engine.IO 4) over WebSocket, as much of it as our pages need: one namespace, JSON events, acks,
// reconnecting with a growing pause. Events from here: `connect`, `lost`, `refused` (the reason); the rest is the server's.

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10000;
const ACK_PATIENCE = 15000;

export class Socket {
  #namespace;
  #auth;
  #listeners = new Map();
  #acks = new Map();
  #nextAck = 0;
  #ws = null;
  #pause = FIRST_PAUSE;
  #silence = 0;
  #patience = 45000;
  #again = 0;
  connected = false;

  constructor(namespace, auth) {
    this.#namespace = namespace;
    this.#auth = auth;
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
    this.#open();
  }

  on(event, listener) {
    this.#listeners.set(event, listener);
    return this;
  }

  /** Sends an event; resolves with the server's answer, rejects when there is no connection or no answer. */
  ask(event, ...args) {
    if (!this.connected) return Promise.reject(new Error("offline"));
    const id = this.#nextAck++;
    this.#ws.send(`42${this.#namespace},${id}${JSON.stringify([event, ...args])}`);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#acks.delete(id) && reject(new Error("offline")), ACK_PATIENCE);
      this.#acks.set(id, { resolve, reject, timer });
    });
  }

  close() {
    this.#again = -1;
    this.#ws?.close();
  }

  #open() {
    const url = new URL("/socket.io/?EIO=4&transport=websocket", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const ws = (this.#ws = new WebSocket(url));
    ws.onmessage = ({ data }) => ws === this.#ws && typeof data === "string" && this.#engine(data);
    ws.onclose = () => ws === this.#ws && this.#lose();
    this.#listen();
  }

  // Engine.IO: 0 open, 1 close, 2 ping, 4 message.
  #engine(data) {
    this.#listen();
    switch (data[0]) {
      case "0": {
        const { pingInterval, pingTimeout } = JSON.parse(data.slice(1));
        this.#patience = pingInterval + pingTimeout;
        this.#ws.send(`40${this.#namespace},${JSON.stringify(this.#auth)}`);
        break;
      }
      case "1": this.#ws.close(); break;
      case "2": this.#ws.send("3"); break;
      case "4": this.#packet(data.slice(1)); break;
    }
  }

  // Socket.IO: type, "/namespace,", an ack's number, then JSON.
  #packet(data) {
    const [, type, namespace = "/", id, body] = /^(\d)(?:(\/[^,]*),?)?(\d+)?([^]*)$/.exec(data) ?? [];
    if (namespace !== this.#namespace) return;
    const value = body ? JSON.parse(body) : undefined;
    switch (type) {
      case "0":
        this.connected = true;
        this.#pause = FIRST_PAUSE;
        this.#tell("connect");
        break;
      case "1": this.#ws.close(); break;
      case "2": this.#tell(...value); break;
      case "3": {
        const ack = this.#acks.get(Number(id));
        this.#acks.delete(Number(id));
        clearTimeout(ack?.timer);
        ack?.resolve(value[0]);
        break;
      }
      case "4":
        // A refusal may be final (an expired token) or not: the listener says which by closing.
        this.#tell("refused", value?.message ?? "");
        this.#ws.close();
        break;
    }
  }

  #tell(event, ...args) {
    this.#listeners.get(event)?.(...args);
  }

  // The server pings; a connection that is silent for longer than it promised is dead even if the browser does not know.
  #listen() {
    clearTimeout(this.#silence);
    const ws = this.#ws;
    this.#silence = setTimeout(() => { ws.close(); ws === this.#ws && this.#lose(); }, this.#patience);
  }

  #lose() {
    clearTimeout(this.#silence);
    this.#ws = null;
    for (const { reject, timer } of this.#acks.values()) { clearTimeout(timer); reject(new Error("offline")); }
    this.#acks.clear();
    this.connected = false;
    if (this.#again < 0) return;
    this.#tell("lost");
    this.#again = setTimeout(() => this.#open(), this.#pause * (0.5 + Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  #hurry() {
    if (this.#ws || this.#again < 0) return;
    clearTimeout(this.#again);
    this.#pause = FIRST_PAUSE;
    this.#open();
  }
}
