// The page: it takes frames to the server, and what comes back to the stage; and it does what the viewer wants.

import { Connection, fetchJson } from "./connection.js";
import { Controls } from "./controls.js";
import { fitted, inPicture } from "./fit.js";
import { Plate, named } from "./plate.js";
import { Recorder } from "./recorder.js";
import { CameraSource, ServerSource, openFile } from "./sources.js";
import { Stage } from "./stage.js";
import { Meter } from "./meter.js";

const WHOLE = [0, 0, 1, 1];
const QUALITY = 0.75; // 10 KB a frame, and the network sees no difference
const STILL_MS = 250;
const LAYERS_MS = 2000;
const NOTICE_MS = 6000;
const LEAST_AREA = 0.04;

const byId = (id) => document.getElementById(id);

/** Everything that is going on; the controls change it, and the tests look at it. */
export class Page {
  constructor(setup) {
    this.setup = setup;
    this.method = setup.method;
    this.layer = setup.layer;
    this.target = setup.target ?? null;
    this.contrast = false;
    this.area = WHOLE;
    this.answer = null;
    this.answered = ""; // what the last answer about a still picture was about
    this.source = null;
    this.encoding = false;
    this.grabbed = document.createElement("canvas");
    this.plate = new Plate((rank) => this.pin(rank));
    this.stage = new Stage(setup, this.plate);
    this.recorder = new Recorder((canvas, afresh) => this.stage.draw(canvas, afresh));
    this.meter = new Meter();
    this.stage.afterPaint = () => {
      this.meter.painted();
      this.recorder.add();
    };
    this.connection = new Connection({
      answer: (answer, memory) => this.take(answer, memory),
      said: (message) => this.hear(message),
      state: (state) => this.connected(state),
    });
    this.controls = new Controls(this);
    this.ask();
    setInterval(() => this.offerStill(), STILL_MS);
    setInterval(() => this.meter.show(byId("statistics"), this), 500);
    document.addEventListener("visibilitychange", () => !document.hidden && this.follow());
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.devicesChanged());
    if (!setup.layers.length) setTimeout(() => this.learnLayers(), LAYERS_MS);
  }

  // What is asked

  /** Returns the target as the server takes it, with the rival where a contrast is wanted; of a value what lowers it. */
  get wanted() {
    const target = this.target ?? "#1";
    if (!this.contrast) return this.target;
    if (this.setup.values) {
      const id = this.answer?.maps[0].target.id;
      return `${typeof target === "string" && target !== "#1" && id >= 0 ? id : target} -`;
    }
    const best = this.answer?.top[0]?.[0];
    return `${target} - ${target === "#1" || target === best ? "#2" : "#1"}`;
  }

  get question() {
    const methods = [this.method], targets = [this.wanted];
    if (this.stage.view === "methods") {
      const quick = this.setup.methods.filter((each) => each.quick && each.name !== "cam").map((each) => each.name);
      const at = Math.max(0, quick.indexOf(this.method));
      for (let i = 1; methods.length < 4; i++) methods.push(quick[(at + i) % quick.length]);
    }
    if (this.stage.view === "targets")
      targets.splice(0, 1, ...this.stage.panes.map((_, i) => `#${i + 1}`));
    return { methods, layer: this.layer, targets };
  }

  ask() {
    const question = this.question, text = JSON.stringify(question);
    if (text === JSON.stringify(this.connection.question)) return;
    this.connection.ask(question);
    this.controls.show();
  }

  choose(changes) {
    Object.assign(this, changes);
    this.ask();
    this.controls.show();
  }

  pin(rank) {
    const guess = this.answer?.top[rank - 1];
    if (guess) this.choose({ target: this.target === guess[0] ? null : guess[0] });
  }

  setView(view) {
    this.stage.setView(view);
    this.stage.lookAt(this.region());
    this.answered = "";
    this.ask();
    this.controls.show();
  }

  // Where the picture comes from

  async startCamera(deviceId) {
    this.say("opening the camera …", true);
    try {
      const source = await CameraSource.open(deviceId, () => this.lost(source));
      this.use(source);
      this.say("");
      await this.controls.listCameras();
    } catch (error) {
      this.say(error.message, true);
      this.fault = error.kind;
    }
  }

  async openFile(file) {
    if (!file) return;
    try {
      this.use(await openFile(file));
      this.say("");
    } catch (error) {
      this.say(error.message);
    }
  }

  use(source) {
    const before = this.source;
    this.source = source;
    this.area = WHOLE;
    this.answered = "";
    this.wantedCamera = null;
    this.stage.setSource(source);
    before?.close();
    byId("welcome").hidden = true;
    document.body.classList.add("showing");
    if (source.size[0]) this.stage.lookAt(this.region());
    this.follow();
    this.controls.show();
  }

  lost(source) {
    if (source !== this.source) return;
    this.wantedCamera = source.deviceId ?? "";
    this.stage.freeze(true);
    this.say("The camera was unplugged. It goes on when it is back.", true);
    this.controls.show();
  }

  /** A camera that was lost is opened again when it is back. */
  async devicesChanged() {
    await this.controls.listCameras();
    if (this.wantedCamera !== null && this.wantedCamera !== undefined) await this.startCamera(this.wantedCamera);
  }

  freeze(on) {
    this.stage.freeze(on);
    this.answered = "";
    if (!on) this.follow();
    this.controls.show();
  }

  setArea(area) {
    const [left, top, right, bottom] = area;
    if (right - left < LEAST_AREA || bottom - top < LEAST_AREA) return;
    this.area = area;
    this.answered = "";
    this.stage.lookAt(this.region());
    this.controls.show();
  }

  region() {
    if (!this.stage.size[0]) return WHOLE;
    const { seen } = fitted(this.stage.size, this.area, this.setup.input, this.setup.fit);
    return inPicture(WHOLE, seen, this.stage.size);
  }

  // Frames out

  /** Asks for a word at each new frame of a live source. */
  follow() {
    const source = this.source;
    if (source === null || !source.live) return;
    if (source.remote) return this.pull();
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const next = (now, data) => {
      if (turn !== this.turn || source !== this.source) return;
      if (!this.stage.frozen) this.offer(data?.captureTime ?? now);
      register(next);
    };
    const register = (callback) =>
      source.element.requestVideoFrameCallback?.(callback) ?? requestAnimationFrame(callback);
    register(next);
  }

  /** Asks for the next frame of the server's camera, while somebody looks at it. */
  pull() {
    if (document.hidden || this.stage.frozen || !this.source?.remote) return;
    while (this.connection.ready) this.connection.next({ source: this.source });
  }

  /** What a still picture has to be explained for. */
  get still() {
    return [this.connection.asked, this.area.join(), this.setup.fit, this.epoch].join("|");
  }

  /** A picture that stands still is explained again when something about it has changed. */
  offerStill() {
    const stands = this.stage.frozen !== null || (this.source !== null && !this.source.live);
    if (stands && this.answered !== this.still) this.offer(performance.now());
    else if (this.source?.remote) this.pull();
  }

  async offer(at) {
    if (document.hidden || this.encoding || !this.connection.ready) return;
    const drawable = this.stage.drawable, size = this.stage.size;
    if (drawable === null || !size[0]) return;
    this.encoding = true;
    try {
      const fit = fitted(size, this.area, this.setup.input, this.setup.fit);
      const memory = { source: this.source, seen: fit.seen, size, captured: at, still: this.still };
      [this.grabbed.width, this.grabbed.height] = fit.size;
      const context = this.grabbed.getContext("2d");
      context.imageSmoothingQuality = "high";
      context.drawImage(drawable, ...fit.seen, 0, 0, ...fit.size);
      const jpeg = await new Promise((resolve) => this.grabbed.toBlob(resolve, "image/jpeg", QUALITY));
      if (this.connection.ready) await this.connection.send(jpeg, memory);
    } finally {
      this.encoding = false;
    }
  }

  // Answers in

  async take(answer, memory) {
    if (memory.source !== this.source) return;
    if (answer.picture !== null) {
      if (this.stage.frozen === null) await this.source.take(answer.picture);
      memory.size = this.stage.size;
      memory.seen = [0, 0, ...memory.size];
      this.pull();
    }
    const now = performance.now();
    this.answer = answer;
    const regions = answer.maps.map((map) => inPicture(map.region, memory.seen, memory.size));
    this.stage.explained(answer, regions, this.captions(answer), now / 1000);
    this.plate.show(answer, this.target, now / 1000);
    if (answer.ask === this.connection.asked) this.answered = memory.still ?? "";
    this.meter.answered(answer, memory.captured === undefined ? null : now - memory.captured);
    this.preparing(answer.compiling);
    if (this.contrast) this.ask(); // the runner-up may be another by now
    this.controls.answered(answer);
  }

  captions(answer) {
    const { view } = this.stage;
    if (view === "methods") return answer.maps.map((map) => map.method);
    if (view === "targets") return answer.maps.map((map) => named(map.target));
    return answer.maps.map(() => "");
  }

  hear(message) {
    if (message.refused !== undefined) {
      this.say(message.refused);
      const [map] = this.answer?.maps ?? [];
      // What was answered last goes on; the controls show it again.
      if (map) this.method = map.method;
      this.layer = this.lastLayer ?? this.setup.layer;
      this.contrast = false;
      this.target = typeof this.target === "string" ? null : this.target;
      if (this.stage.view !== "one") this.setView("one");
      this.ask();
      this.controls.show();
    } else if (message.error !== undefined) this.say(message.error);
    this.pull();
  }

  connected(state) {
    this.epoch = (this.epoch ?? 0) + 1; // a server that was started again has to be asked again
    document.body.classList.toggle("lost", state === "lost");
    if (state === "lost") this.say("connection lost, trying again …", true);
    else if (byId("notice").textContent.startsWith("connection lost")) this.say("");
    if (state === "open") this.pull();
  }

  // What is told

  /** Says something in a corner of the picture, for some seconds or until something else is said. */
  say(words, stays = false) {
    clearTimeout(this.silence);
    byId("notice").textContent = words;
    byId("notice").classList.remove("working");
    if (words && !stays) this.silence = setTimeout(() => this.say(""), NOTICE_MS);
  }

  preparing(what) {
    const notice = byId("notice"), shown = notice.classList.contains("working");
    if (what === null) {
      if (shown) this.say("");
      return;
    }
    this.say(`preparing ${what} …`, true);
    notice.classList.add("working");
  }

  async learnLayers() {
    try {
      this.setup.layers = (await fetchJson("/setup")).layers;
      this.controls.listLayers();
    } catch {
      // The server is away for the moment: the socket says so.
    }
    if (!this.setup.layers.length) setTimeout(() => this.learnLayers(), 2 * LAYERS_MS);
  }
}

async function open() {
  let setup;
  try {
    setup = await fetchJson("/setup");
  } catch (error) {
    byId("notice").textContent = error.status ? error.message : "The server cannot be reached.";
    byId("welcome").hidden = error.status === 401;
    if (!error.status) setTimeout(() => location.reload(), 2000);
    return null;
  }
  const page = new Page(setup);
  if (setup.camera !== null) page.use(new ServerSource(setup.camera));
  return page;
}

export const page = await open();
