// The WebSocket: sends frames and questions, receives answers, and reconnects.

const QUALITY = 0.75; // of a JPEG: 10 KB a frame, with no effect on the network's answer
const IN_FLIGHT = 2; // frames: one that is being explained, one that waits
const RETRY_MS = [250, 500, 1000, 2000, 4000];
const KEEP_ALIVE_MS = 20000;
const LOST_MS = 8000;
const ANSWER_MS = 15000; // time limit of a request

/** Returns the token from the page's link. It is after the `#`, so that it is sent to this server only. */
export function token() {
  return new URLSearchParams(location.hash.slice(1)).get("token");
}

/** Returns the headers of a request that shows the token. */
export function authorised() {
  return token() === null ? {} : { Authorization: `Bearer ${token()}` };
}

/** Fetches JSON from this server; throws an error, without a `status` if the server does not answer. */
export async function fetchJson(path) {
  const response = await fetch(path, { headers: authorised(), signal: AbortSignal.timeout(ANSWER_MS) });
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    const after = Number(response.headers.get("Retry-After")) || 0; // seconds
    throw Object.assign(new Error(problem.detail ?? response.statusText), { status: response.status, after });
  }
  return response.json();
}

/** Decodes an answer: see `answer_message` in messages.py. */
export function readAnswer(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const answer = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let offset = 4 + length;
  for (const map of answer.maps) {
    const [rows, columns] = map.shape;
    map.heat = new Uint8Array(buffer, offset, rows * columns);
    offset += rows * columns;
  }
  if (answer.test?.mask) {
    const [rows, columns] = answer.test.mask, bytes = Math.ceil((rows * columns) / 8);
    answer.test.bits = new Uint8Array(buffer, offset, bytes);
    offset += bytes;
  }
  answer.picture = answer.jpeg ? new Blob([new Uint8Array(buffer, offset, answer.jpeg)], { type: "image/jpeg" }) : null;
  return answer;
}

export class Connection {
  /** @param listener callbacks: {answer(answer, memory), said(message), state("open" | "lost")}. */
  constructor(listener) {
    this.listener = listener;
    this.sent = new Map(); // frame number → data to remember until its answer
    this.bytesSent = 0;
    this.number = 0;
    this.asked = 0;
    this.question = null;
    this.failures = 0;
    this.socket = null;
    this.opened = false;
    this.open();
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.socket === null) this.open();
    });
    setInterval(() => this.keep(), KEEP_ALIVE_MS);
  }

  get ready() {
    this.giveUpLost();
    return this.socket?.readyState === WebSocket.OPEN && this.sent.size < IN_FLIGHT;
  }

  open() {
    clearTimeout(this.retry);
    const secret = token() === null ? "" : `?token=${encodeURIComponent(token())}`;
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/socket${secret}`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      this.failures = 0;
      this.opened = true;
      this.sent.clear();
      if (this.question !== null) this.sendQuestion();
      this.listener.state("open");
    };
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = () => {
      this.socket = null;
      this.opened = false;
      this.sent.clear();
      this.listener.state("lost");
      if (document.hidden) return; // reconnects when the page is visible again
      this.retry = setTimeout(() => this.open(), RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)]);
    };
  }

  /** Sets the question for the frames that follow. */
  ask(question) {
    this.question = question;
    this.asked += 1;
    if (this.socket?.readyState === WebSocket.OPEN) this.sendQuestion();
  }

  sendQuestion() {
    this.sendText({ ask: this.asked, ...this.question });
  }

  /** Returns what `send` takes: a canvas as a JPEG. */
  picture(canvas) {
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  }

  /** Sends a frame; `memory` is kept until its answer. */
  async send(jpeg, memory) {
    const number = this.begin(memory);
    const message = new Uint8Array(4 + jpeg.size);
    new DataView(message.buffer).setUint32(0, number, true);
    message.set(new Uint8Array(await jpeg.arrayBuffer()), 4);
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.socket.send(message);
    this.bytesSent += message.length;
  }

  /** Requests a frame of the server's own camera. */
  next(memory) {
    this.sendText({ next: this.begin(memory) });
  }

  begin(memory) {
    const number = this.number++;
    this.sent.set(number, { ...memory, at: performance.now() });
    return number;
  }

  sendText(message) {
    const text = JSON.stringify(message);
    this.socket.send(text);
    this.bytesSent += text.length;
  }

  receive(data) {
    if (typeof data === "string") {
      const message = JSON.parse(data);
      if (message.frame !== undefined) this.forgetUpTo(message.frame);
      this.listener.said(message);
      return;
    }
    const answer = readAnswer(data);
    const memory = this.sent.get(answer.frame);
    this.forgetUpTo(answer.frame);
    if (memory !== undefined) this.listener.answer(answer, memory);
  }

  /** Forgets an answered frame and all frames sent before it, which will not be answered. */
  forgetUpTo(frame) {
    for (const number of this.sent.keys()) if (number <= frame) this.sent.delete(number);
  }

  giveUpLost() {
    const now = performance.now();
    for (const [number, memory] of this.sent) if (now - memory.at > LOST_MS) this.sent.delete(number);
  }

  keep() {
    if (!document.hidden && this.socket?.readyState === WebSocket.OPEN) this.sendText({ here: true });
  }
}
