// The page: what is shown, what is asked of it, and what a viewer wants of both.

import { defaultChoice, choiceText, questionOf } from "./choice.js";
import { Connection, fetchJson } from "./connection.js";
import { Controls } from "./controls.js";
import { FrameExchange } from "./frame_exchange.js";
import { fitted, inPicture } from "./fit.js";
import { RateMeter } from "./meter.js";
import { Notice } from "./notice.js";
import { SourceOpening } from "./source_opening.js";
import { LabelPlate } from "./label_plate.js";
import { Recorder } from "./recorder.js";
import { isTemporary, fetchSetup } from "./setup.js";
import { PaneGrid } from "./pane_grid.js";
import { translate, wordsOf } from "./translations.js";

const WHOLE = [0, 0, 1, 1];
const LAYERS_MS = 2000;
const LOOKING = "looking …";
const LOST = "connection lost, trying again …";
const MIN_AREA = 0.04;

const byId = (id) => document.getElementById(id);

/** Everything that is going on; the controls change it, and the tests look at it. */
export class Page {
  constructor(setup) {
    this.setup = setup;
    this.words = wordsOf(setup.words);
    Object.assign(this, defaultChoice(setup));
    this.area = WHOLE;
    this.source = null;
    this.agreed = null; // what was chosen when it was answered last, and the view
    this.notice = new Notice(this.words);
    this.plate = new LabelPlate((id) => this.pinTarget(id), this.words);
    this.grid = new PaneGrid(setup, this.plate);
    this.recorder = new Recorder((canvas, afresh) => this.grid.draw(canvas, afresh));
    this.meter = new RateMeter(this.words);
    this.grid.afterPaint = () => {
      this.meter.painted();
      this.recorder.add();
    };
    this.grid.resized = () => this.grid.lookAt(this.region());
    this.exchange = new FrameExchange(this);
    this.opening = new SourceOpening(this);
    this.connection = new Connection({
      answer: (answer, memory) => this.exchange.take(answer, memory),
      said: (message) => this.handleMessage(message),
      state: (state) => this.connected(state),
    });
    this.controls = new Controls(this);
    this.ask();
    setInterval(() => this.meter.show(byId("statistics"), this), 500);
    document.addEventListener("visibilitychange", () => !document.hidden && this.goOn());
    if (!setup.layers.length) setTimeout(() => this.fetchLayers(), LAYERS_MS);
  }

  /** The newest answer; null before the first. */
  get answer() {
    return this.exchange.answer;
  }

  /** What the last answer about a still picture was about, and what it has to be about. */
  get answered() {
    return this.exchange.answered;
  }

  get still() {
    return this.exchange.still;
  }

  // What is asked

  ask() {
    const { view, panes } = this.grid;
    const question = questionOf(this, this.setup, this.answer, view, panes.length);
    if (JSON.stringify(question) !== JSON.stringify(this.connection.question)) this.connection.ask(question);
    this.controls.show();
  }

  choose(changes) {
    Object.assign(this, changes);
    this.ask();
  }

  /** What is chosen and not the default, in the viewer's language. */
  get chosen() {
    return this.words(choiceText(this, this.setup, this.answer, this.grid.view));
  }

  /** Keeps to the class that stands in a row now, or lets it go. */
  pin(rank) {
    this.pinTarget(this.plate.idAt(rank));
  }

  pinTarget(id) {
    if (id !== undefined) this.choose({ target: this.target === id ? null : id });
  }

  /** Takes everything that the viewer chose back to the beginning; the camera or the file stays. */
  reset() {
    Object.assign(this, defaultChoice(this.setup));
    this.area = WHOLE;
    this.grid.begin();
    for (const id of ["scale", "statistics"]) byId(id).hidden = true;
    this.setView("one");
    if (this.grid.frozen !== null) this.freeze(false);
    this.say("as at the beginning");
  }

  // What is shown

  setView(view) {
    this.grid.setView(view);
    this.grid.lookAt(this.region());
    this.exchange.answered = "";
    this.ask();
  }

  use(source) {
    const before = this.source;
    this.source = source;
    this.area = WHOLE;
    this.exchange.changed();
    this.exchange.scene.explained(null);
    this.setOld(true); // the words are of the former picture until the next answer comes
    this.grid.setSource(source);
    before?.close();
    byId("welcome").hidden = true;
    document.body.classList.add("showing");
    if (source.size[0]) this.grid.lookAt(this.region());
    this.exchange.follow();
    this.controls.show();
  }

  freeze(on) {
    // A camera that was lost has nothing to go on with: it is opened again.
    if (!on && this.source?.gone) return this.opening.again();
    if (on && !this.grid.size[0]) return;
    this.grid.freeze(on);
    this.source?.hold(on);
    this.exchange.changed();
    this.setOld(false);
    if (!on) this.exchange.follow();
    this.controls.show();
  }

  /** Goes on when the page is looked at again: phones stop a video while it is not. */
  goOn() {
    if (this.grid.frozen === null && !this.source?.gone) this.source?.hold(false);
    this.exchange.follow();
  }

  setArea(area) {
    const [left, top, right, bottom] = area;
    if (right - left < MIN_AREA || bottom - top < MIN_AREA) return;
    this.area = area;
    this.exchange.answered = "";
    this.grid.lookAt(this.region());
    this.controls.show();
  }

  /** Returns which part of the picture the network gets, as fractions: [left, top, right, bottom]. */
  region() {
    if (!this.grid.size[0]) return WHOLE;
    const { seen } = fitted(this.grid.size, this.area, this.setup.input, this.setup.fit);
    return inPicture(WHOLE, seen, this.grid.size);
  }

  // What comes back

  /** Takes in that an answer is shown; `latency` in ms, or null where it is not known. */
  took(answer, latency) {
    const { method, layer, target, contrast, grid } = this;
    if (answer.ask === this.connection.asked) this.agreed = { method, layer, target, contrast, view: grid.view };
    this.meter.answered(answer, latency);
    this.notice.compiling(answer.compiling);
    if (this.contrast) this.ask(); // the runner-up may be another by now
    this.controls.answered(answer);
  }

  /** Lets heat and words fade where they are of a scene that is not there any more. */
  setOld(on) {
    this.grid.setOld(on);
    this.plate.setOld(on);
    if (on && this.answer !== null && this.notice.said === "") this.say(LOOKING, true);
    else if (!on && this.notice.said === LOOKING) this.say("");
  }

  handleMessage(message) {
    if (message.refused !== undefined) {
      this.say(message.refused);
      this.restoreAnswered();
    } else if (message.error !== undefined) this.say(message.error);
    this.exchange.pull();
  }

  /** Goes on with what was answered last. */
  restoreAnswered() {
    const { view = "one", ...choice } = this.agreed ?? defaultChoice(this.setup);
    Object.assign(this, choice);
    this.agreed = null; // should that be refused too, there is always the beginning
    if (this.grid.view !== view) this.setView(view);
    this.ask();
  }

  connected(state) {
    this.exchange.epoch += 1; // a server that was started again has to be asked again
    document.body.classList.toggle("lost", state === "lost");
    if (state === "lost") this.say(LOST, true);
    else if (document.body.dataset.refused || this.notice.said === LOST) this.say("");
    if (state === "lost" && this.connection.failures > 1) this.reportRefusal();
    else delete document.body.dataset.refused;
    if (state === "open") this.exchange.pull();
  }

  /** Finds out why the socket is refused: a browser does not tell. */
  async reportRefusal() {
    let why = "The server has as many visitors as it takes. Trying again …";
    try {
      await fetchJson("/setup");
    } catch (error) {
      if (!error.status) return; // it is away: "connection lost" says so
      why = isTemporary(error) ? `The server is busy: ${error.message} Trying again …` : error.message;
    }
    if (this.connection.opened) return;
    document.body.dataset.refused = "yes";
    this.say(why, true);
  }

  async fetchLayers() {
    try {
      this.setup.layers = (await fetchJson("/setup")).layers;
      this.controls.listLayers();
    } catch {
      // The server is away for the moment: the socket says so.
    }
    if (!this.setup.layers.length) setTimeout(() => this.fetchLayers(), 2 * LAYERS_MS);
  }

  /** Says something in a corner of the picture, for some seconds or until something else is said. */
  say(text, stays = false) {
    this.notice.say(text, stays);
  }
}

async function open() {
  const setup = await fetchSetup();
  byId("stuck").hidden = true;
  if (setup === null) {
    byId("welcome").hidden = true;
    return null;
  }
  document.documentElement.lang = setup.lang;
  translate(document.body, wordsOf(setup.words));
  byId("notice").textContent = "";
  const page = new Page(setup);
  for (const name of ["start", "choose"]) byId(name).disabled = false;
  if (setup.camera !== null) page.opening.server();
  return page;
}

export const page = await open();
