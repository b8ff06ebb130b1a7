// A network that runs in this page, in place of the connection to a server; what the page asks of one, it has.

import { forgetParts, part } from "./embedded.js";
import { AnswerMaker, aimOf } from "./network_answer.js";

const MOST_THREADS = 4; // more gain little, and other programs need some
const SAFEST = { kind: "wasm", threads: 1 };
const FASTER = 0.9; // a second way to compute is taken if it needs less than this share of the first one's time

export class OwnNetwork {
  /**
   * @param listener as that of `Connection`.
   * @param setup the page's setup; `setup.network` are the facts about the network.
   */
  constructor(listener, setup) {
    Object.assign(this, { listener, setup });
    this.facts = { ...setup.network, labels: setup.labels };
    this.maker = new AnswerMaker(this.facts);
    this.inPage = true;
    this.bytesSent = 0;
    this.asked = 0;
    this.question = null;
    this.opened = false;
    this.worker = null;
    this.running = null; // memory of the frame that is being explained
    this.way = null;
    this.engine = "";
    this.refused = null; // why there is no such target
    this.triedAll = false; // whether the fastest way to compute is known
    this.open();
  }

  get ready() {
    return this.worker !== null && this.running === null && this.refused === null;
  }

  /** Starts with the processor; a graphics card, and more threads, take over if they are right and faster. */
  async open() {
    const ways = [SAFEST];
    const cores = Math.min(MOST_THREADS, Math.floor((navigator.hardwareConcurrency ?? 1) / 2));
    if (globalThis.crossOriginIsolated && cores > 1) ways.push({ kind: "wasm", threads: cores });
    if (await hasGraphicsCard()) ways.push({ kind: "webgpu", threads: 1 });
    await this.tryAll(ways);
  }

  async tryAll(ways) {
    this.listener.state("loading");
    const network = await part("network"), example = this.example();
    let best = Infinity, why = "";
    for (const way of ways) {
      try {
        const [worker, ms] = await this.started(way, network, example);
        if (ms > FASTER * best) {
          worker.terminate();
          continue;
        }
        best = ms;
        this.take(worker, way);
      } catch (error) {
        why = error.message;
        console.warn(`${nameOf(way)}: ${why}`);
      }
    }
    forgetParts();
    this.triedAll = true;
    if (this.worker === null) this.listener.said({ error: `The network does not run in this browser: ${why}`, stays: true });
  }

  /** Returns a worker that has found the example's known results, and the milliseconds that it needs. */
  async started({ kind, threads }, network, example) {
    const [script, binary] = await Promise.all(["js", "wasm"].map((ending) => part(`${kind}.${ending}`)));
    const worker = new Worker(addressOf(await part("worker")));
    const loaded = new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => (data.failed ? reject(new Error(data.failed)) : resolve(data.loaded));
      worker.onerror = (event) => reject(new Error(event.message || "the worker does not start"));
    });
    worker.postMessage({ load: { script: threads > 1 ? addressOf(script) : await dataOf(script), binary, network: new Uint8Array(network), kind, threads, example } });
    try {
      return [worker, await loaded];
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  take(worker, way) {
    this.worker?.terminate();
    worker.onmessage = ({ data }) => this.receive(data);
    worker.onerror = (event) => this.receive({ failed: event.message });
    this.worker = worker;
    this.way = way;
    this.engine = nameOf(way);
    this.running = null; // a frame of the former worker is not answered
    if (this.opened) return;
    this.opened = true;
    this.listener.state("open");
  }

  example() {
    const { image, aim, scores, heatmap } = this.facts.example;
    const pixels = Uint8Array.from(atob(image), (letter) => letter.charCodeAt(0));
    return { image: pixels, asked: this.given(aim), scores, heatmap };
  }

  given(aim) {
    return { ...aim, input: this.setup.input };
  }

  /** Sets the question for the frames that follow. */
  ask(question) {
    this.question = question;
    this.asked += 1;
    this.refused = null;
    try {
      this.aims = question.targets.map((target) => aimOf(target, this.facts));
    } catch (error) {
      this.refused = error.message;
      setTimeout(() => this.listener.said({ refused: error.message, ask: this.asked }));
    }
  }

  /** Returns what `send` takes: the pixels of a canvas. */
  async picture(canvas) {
    return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  }

  /** Explains a frame; `memory` is kept until its answer. */
  async send({ data, width, height }, memory) {
    const image = new Uint8Array(width * height * 3);
    for (let from = 0, to = 0; to < image.length; from += 4, to += 3) {
      image[to] = data[from];
      image[to + 1] = data[from + 1];
      image[to + 2] = data[from + 2];
    }
    this.running = { memory, ask: this.asked, aims: this.aims };
    this.worker.postMessage({ image, asked: this.aims.map((aim) => this.given(aim)) }, [image.buffer]);
  }

  receive({ results, ms, failed }) {
    const { running } = this;
    this.running = null;
    if (failed !== undefined) return this.fail(failed);
    if (running === null) return;
    const answer = this.maker.answer(results, running.aims, performance.now() / 1000);
    this.listener.answer({ ...answer, ask: running.ask, ms: { wait: 0, explain: ms } }, running.memory);
  }

  /** A graphics card can be lost, as when a computer sleeps: then the safest way to compute takes over. */
  fail(why) {
    this.listener.said({ error: `The network failed: ${why}` });
    if (!this.triedAll || this.way === SAFEST) return;
    console.warn(`${this.engine}: ${why}`);
    this.worker.terminate();
    Object.assign(this, { worker: null, opened: false, triedAll: false });
    this.tryAll([SAFEST]);
  }
}

const addressOf = (script) => URL.createObjectURL(new Blob([script], { type: "text/javascript" }));

/** Returns a script as a `data:` address: a worker of a page that was opened as a file can import no other. */
function dataOf(script) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(new Blob([script], { type: "text/javascript" }));
  });
}

const nameOf = ({ kind, threads }) => (kind === "webgpu" ? "graphics card" : threads > 1 ? `${threads} threads` : "one thread");

/** Returns whether the browser offers a graphics card, and not a program in its place. */
async function hasGraphicsCard() {
  try {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
    const info = adapter?.info;
    return Boolean(adapter) && !info?.isFallbackAdapter && !adapter.isFallbackAdapter && info?.architecture !== "swiftshader";
  } catch {
    return false;
  }
}
