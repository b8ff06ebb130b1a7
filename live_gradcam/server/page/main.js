// The page: it takes frames to the server, and what comes back to the stage; and it does what the viewer wants.

import { Connection, fetchJson } from "./connection.js";
import { Controls } from "./controls.js";
import { fitted, inPicture } from "./fit.js";
import { Plate, named } from "./plate.js";
import { Recorder } from "./recorder.js";
import { Scene } from "./scene.js";
import { isBusy, learnSetup } from "./setup.js";
import { CameraSource, ServerSource, openFile } from "./sources.js";
import { Stage } from "./stage.js";
import { Meter } from "./meter.js";

const WHOLE = [0, 0, 1, 1];
const QUALITY = 0.75; // 10 KB a frame, and the network sees no difference
const STILL_MS = 250;
const LAYERS_MS = 2000;
const NOTICE_MS = 6000;
const FRESH_MS = 300; // an answer is shown so long without looking whether its scene is still there
const LOOKING = "looking …";
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
    this.opening = 0; // how often a camera or a file was chosen: the last one wins
    this.stands = 0; // how often the picture became another, or was frozen, or went on
    this.old = false;
    this.scene = new Scene();
    this.encoding = false;
    this.grabbed = document.createElement("canvas");
    this.plate = new Plate((id) => this.keepTo(id));
    this.stage = new Stage(setup, this.plate);
    this.recorder = new Recorder((canvas, afresh) => this.stage.draw(canvas, afresh));
    this.meter = new Meter();
    this.stage.afterPaint = () => {
      this.meter.painted();
      this.recorder.add();
    };
    this.stage.resized = () => this.stage.lookAt(this.region());
    this.connection = new Connection({
      answer: (answer, memory) => this.take(answer, memory),
      said: (message) => this.hear(message),
      state: (state) => this.connected(state),
    });
    this.controls = new Controls(this);
    this.ask();
    setInterval(() => this.offerStill(), STILL_MS);
    setInterval(() => this.watchScene(), FRESH_MS / 2);
    setInterval(() => this.meter.show(byId("statistics"), this), 500);
    document.addEventListener("visibilitychange", () => !document.hidden && this.goOn());
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

  /** Keeps to the class that stands in a row now, or lets it go. */
  pin(rank) {
    this.keepTo(this.plate.idAt(rank));
  }

  keepTo(id) {
    if (id !== undefined) this.choose({ target: this.target === id ? null : id });
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
    const turn = ++this.opening, before = this.source?.isCamera && !this.source.gone ? this.source : null;
    if (before !== null) {
      // Phones open one camera at a time; the last picture stays until the other one is there.
      this.stage.freeze(true);
      before.close();
    }
    this.say("opening the camera …", true);
    try {
      const source = await CameraSource.open(deviceId, () => this.lost(source));
      if (turn !== this.opening) return source.close();
      this.use(source);
      this.say("");
      await this.controls.listCameras();
    } catch (error) {
      if (turn !== this.opening) return;
      if (before !== null && before.deviceId !== deviceId) await this.startCamera(before.deviceId);
      else if (before !== null) this.wantedCamera = before.deviceId ?? "";
      this.say(error.message, true);
      this.controls.show();
    }
  }

  async openFile(file) {
    if (!file) return;
    const turn = ++this.opening;
    this.say(`opening ${file.name} …`, true);
    try {
      const source = await openFile(file);
      if (turn !== this.opening) return source.close();
      this.use(source);
      this.say("");
      await this.controls.listCameras();
    } catch (error) {
      if (turn === this.opening) this.say(error.message, true);
    }
  }

  /** Shows the camera of the server. */
  useServer() {
    this.opening += 1;
    this.use(new ServerSource(this.setup.camera));
    this.controls.listCameras();
  }

  use(source) {
    const before = this.source;
    this.source = source;
    this.area = WHOLE;
    this.answered = "";
    this.stands += 1;
    this.wantedCamera = null;
    this.scene.explained(null);
    this.setOld(true); // the words are of the former picture until the next answer comes
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
    source.gone = true;
    this.wantedCamera = source.deviceId ?? "";
    this.freeze(true);
    this.say("The camera was unplugged. It goes on when it is back.", true);
  }

  /** A camera that was lost is opened again when it is back. */
  async devicesChanged() {
    await this.controls.listCameras();
    if (this.wantedCamera !== null && this.wantedCamera !== undefined) await this.startCamera(this.wantedCamera);
  }

  freeze(on) {
    // A camera that was lost has nothing to go on with: it is opened again.
    if (!on && this.source?.gone) return this.startCamera(this.wantedCamera || undefined);
    if (on && !this.stage.size[0]) return;
    this.stage.freeze(on);
    this.source?.hold(on);
    this.stands += 1;
    this.answered = "";
    this.setOld(false);
    if (!on) this.follow();
    this.controls.show();
  }

  /** Goes on when the page is looked at again: phones stop a video while it is not. */
  goOn() {
    if (this.stage.frozen === null && !this.source?.gone) this.source?.hold(false);
    this.follow();
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
    while (this.connection.ready) this.connection.next({ source: this.source, shown: this.shown });
  }

  /** What a still picture has to be explained for. */
  get still() {
    return [this.connection.asked, this.shown, this.epoch].join("|");
  }

  /** What is shown of which picture: an answer about anything else comes too late. */
  get shown() {
    return [this.stands, this.area.join(), this.source?.remote ? "" : this.stage.size.join()].join("|");
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
      const memory = { source: this.source, seen: fit.seen, size, captured: at, still: this.still, shown: this.shown };
      [this.grabbed.width, this.grabbed.height] = fit.size;
      const context = this.grabbed.getContext("2d");
      context.imageSmoothingQuality = "high";
      context.drawImage(drawable, ...fit.seen, 0, 0, ...fit.size);
      const jpeg = await new Promise((resolve) => this.grabbed.toBlob(resolve, "image/jpeg", QUALITY));
      memory.jpeg = jpeg;
      if (this.connection.ready) await this.connection.send(jpeg, memory);
    } finally {
      this.encoding = false;
    }
  }

  // Answers in

  async take(answer, memory) {
    if (memory.source !== this.source) return;
    if (memory.shown !== this.shown) return this.pull();
    if (answer.picture !== null) {
      if (this.stage.frozen === null) await this.source.take(answer.picture);
      memory.size = this.stage.size;
      memory.seen = [0, 0, ...memory.size];
      this.pull();
    }
    const now = performance.now();
    this.answer = answer;
    this.answeredAt = memory.captured ?? now;
    this.seen = memory.seen;
    this.scene.explained(memory.jpeg ?? null);
    const late = this.moves && now - this.answeredAt > FRESH_MS;
    this.setOld(late && (await this.scene.differs(this.stage.drawable, this.seen)));
    if (memory.shown !== this.shown) return;
    const regions = answer.maps.map((map) => inPicture(map.region, memory.seen, memory.size));
    this.stage.explained(answer, regions, this.captions(answer), now / 1000);
    this.plate.show(answer, this.target, now / 1000);
    if (answer.ask === this.connection.asked) this.answered = memory.still ?? "";
    this.meter.answered(answer, memory.captured === undefined ? null : now - memory.captured);
    this.preparing(answer.compiling);
    if (this.contrast) this.ask(); // the runner-up may be another by now
    this.controls.answered(answer);
  }

  /** Whether the picture goes on by itself, while the answers come when they come. */
  get moves() {
    return this.source?.live && !this.source.remote && this.stage.frozen === null;
  }

  /** Where no answer comes for a while, heat and words go as soon as the scene is another. */
  async watchScene() {
    if (document.hidden || !this.moves || !this.seen || performance.now() - this.answeredAt < FRESH_MS) return;
    const { shown } = this, differs = await this.scene.differs(this.stage.drawable, this.seen);
    if (shown === this.shown && performance.now() - this.answeredAt >= FRESH_MS) this.setOld(differs);
  }

  setOld(on) {
    this.stage.setOld(on);
    this.plate.setOld(on);
    const notice = byId("notice");
    if (on && this.answer !== null && notice.textContent === "") this.say(LOOKING, true);
    else if (!on && notice.textContent === LOOKING) this.say("");
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
    else if (document.body.dataset.refused || byId("notice").textContent.startsWith("connection lost")) this.say("");
    if (state === "lost" && this.connection.failures > 1) this.learnWhy();
    else delete document.body.dataset.refused;
    if (state === "open") this.pull();
  }

  /** Finds out why the socket is refused: a browser does not tell. */
  async learnWhy() {
    let words = "The server has as many visitors as it takes. Trying again …";
    try {
      await fetchJson("/setup");
    } catch (error) {
      if (!error.status) return; // it is away: "connection lost" says so
      words = isBusy(error) ? `The server is busy: ${error.message} Trying again …` : error.message;
    }
    if (this.connection.opened) return;
    document.body.dataset.refused = "yes";
    this.say(words, true);
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
  const setup = await learnSetup();
  byId("stuck").hidden = true;
  if (setup === null) {
    byId("welcome").hidden = true;
    return null;
  }
  byId("notice").textContent = "";
  const page = new Page(setup);
  for (const name of ["start", "choose"]) byId(name).disabled = false;
  if (setup.camera !== null) page.useServer();
  return page;
}

export const page = await open();
