// A client on `ws` (Node.js).

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import WebSocket from "ws";

const folder = process.argv[2];
const limitMs = 30_000;
const maxMessage = 80 * 1024 * 1024;
const content = (name) => readFileSync(`${folder}/${name}`);
const event = (kind, data) => `${kind} ${data.length} ${createHash("sha256").update(data).digest("hex")}`;

class Run {
  constructor(command) {
    this.steps = command.steps;
    this.report = { run: command.run, seen: [], end: "", subprotocol: null, extensions: "" };
    this.broken = "end";
    this.wake = () => {};
    this.ws = new WebSocket(command.url, command.subprotocols ?? [], {
      perMessageDeflate: command.deflate ?? false,
      maxPayload: maxMessage,
      handshakeTimeout: limitMs,
    });
    this.over = new Promise((resolve) => (this.resolve = resolve));
    this.timer = setTimeout(() => this.finish(`still open after ${limitMs} ms`), limitMs);
    this.listen();
  }

  listen() {
    const ws = this.ws;
    ws.on("upgrade", (answer) => {
      this.socket = answer.socket;
      this.socket.on("error", (problem) => (this.broken = problem.code === "ECONNRESET" ? "reset" : "end"));
    });
    ws.on("unexpected-response", (_, answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => this.finish(`refused ${event(answer.statusCode, Buffer.concat(parts))}`));
    });
    ws.on("message", (data, binary) => this.saw(binary ? "binary" : "text", data));
    ws.on("ping", (data) => this.saw("ping", data));
    ws.on("pong", (data) => this.saw("pong", data));
    ws.on("error", (problem) => (this.failure ??= problem));
    ws.on("open", () => this.play());
    ws.on("close", (code, reason) => this.finish(this.howItEnded(code, reason)));
  }

  howItEnded(code, reason) {
    if (this.failure?.code?.startsWith("WS_ERR")) return `failed ${this.failure.code}`;
    if (this.failure && !this.socket) return `error ${this.failure.message}`;
    if (this.failure) return `failed ${this.failure.message}`;
    return code === 1006 ? `lost ${this.broken}` : `closed ${code} ${reason}`;
  }

  finish(end) {
    if (this.report.end) return;
    clearTimeout(this.timer);
    this.report.end = end;
    this.wake();
    if (this.ws.readyState !== WebSocket.CLOSED) this.ws.terminate();
    this.resolve(this.report);
  }

  saw(kind, data) {
    this.report.seen.push(event(kind, data));
    this.wake();
  }

  async play() {
    this.report.subprotocol = this.ws.protocol || null;
    this.report.extensions = this.ws.extensions;
    for (const [name, ...rest] of this.steps) {
      if (name === "await") await this.until(() => this.report.seen.length >= rest[0] || this.report.end);
      else this.step(name, ...rest);
    }
  }

  async until(done) {
    while (!done()) await new Promise((resolve) => (this.wake = resolve));
  }

  step(name, ...rest) {
    if (name === "send") this.ws.send(content(rest[1]), { binary: rest[0] === "binary" });
    else if (name === "frames") this.frames(...rest);
    else if (name === "ping" || name === "pong") this.ws[name](content(rest[0]));
    else if (name === "close") rest[0] === null ? this.ws.close() : this.ws.close(rest[0], rest[1]);
    else if (name === "half") this.socket.end();
    else if (name === "reset") this.socket.resetAndDestroy();
  }

  frames(kind, items) {
    const last = items.findLastIndex((item) => typeof item === "string");
    items.forEach((item, i) => {
      if (typeof item === "string") this.ws.send(content(item), { binary: kind === "binary", fin: i === last });
      else this.ws[item[0]](content(item[1]));
    });
  }
}

for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await new Run(JSON.parse(line)).over));
process.exit(0);
