// The page: the shown source, the question about it, and the state that the controls change.

import { defaultChoice, choiceText, questionOf } from "./choice.js";
import { Connection, fetchJson } from "./connection.js";
import { Controls } from "./controls.js";
import { CurvePanel } from "./curves.js";
import { FrameExchange } from "./frame_exchange.js";
import { fitted, inPicture } from "./fit.js";
import { RateMeter } from "./meter.js";
import { Notice } from "./notice.js";
import { SourceOpening } from "./source_opening.js";
import { LabelPlate } from "./label_plate.js";
import { Recorder } from "./recorder.js";
import { openReport } from "./report_photo.js";
import { isTemporary, fetchSetup } from "./setup.js";
import { TeachPanel } from "./teach.js";
import { PaneGrid } from "./pane_grid.js";
import { translate, wordsOf } from "./translations.js";

const WHOLE = [0, 0, 1, 1];
const LAYERS_MS = 2000;
const LOOKING = "looking …";
const LOST = "connection lost, trying again …";
const LOADING = "loading the network …";
const MIN_AREA = 0.04;
const PRIVATE = "Or drop one here. The network runs in this page: no picture leaves this device.";

const byId = (id) => document.getElementById(id);

/** The state of the page. The controls change it; the tests read it. */
export class Page {
  /** @param setup the setup; @param connect returns a `Connection`, or what stands in its place, for a listener. */
  constructor(setup, connect) {
    this.setup = setup;
    this.words = wordsOf(setup.words);
    Object.assign(this, defaultChoice(setup));
    this.area = WHOLE;
    this.source = null;
    this.agreed = null; // the choice and view of the last answer
    this.notice = new Notice(this.words);
    this.plate = new LabelPlate((id) => this.pinTarget(id), this.words);
    this.grid = new PaneGrid(setup, this.plate);
    this.panel = new CurvePanel(this.words);
    this.recorder = new Recorder((canvas, afresh) => this.grid.draw(canvas, afresh, this.panel), (text) => this.say(text));
    this.meter = new RateMeter(this.words);
    this.grid.afterPaint = () => {
      this.meter.painted();
      this.recorder.add();
    };
    this.grid.resized = () => this.grid.lookAt(this.region());
    this.exchange = new FrameExchange(this);
    this.opening = new SourceOpening(this);
    this.connection = connect({
      answer: (answer, memory) => this.exchange.take(answer, memory),
      said: (message) => this.handleMessage(message),
      state: (state) => this.connected(state),
    });
    this.controls = new Controls(this);
    this.teaching = setup.teach ? new TeachPanel(this) : null;
    this.firstView = this.viewOfAddress();
    this.setView(this.firstView);
    setInterval(() => this.meter.show(byId("statistics"), this), 500);
    document.addEventListener("visibilitychange", () => !document.hidden && this.goOn());
    if (!setup.layers.length) setTimeout(() => this.fetchLayers(), LAYERS_MS);
  }

  /** The newest answer; null before the first. */
  get answer() {
    return this.exchange.answer;
  }

  /** Key of the picture and question that the last answer about a still picture was for; `still` is the current key. */
  get answered() {
    return this.exchange.answered;
  }

  get still() {
    return this.exchange.still;
  }

  // The question

  ask() {
    const { view, panes } = this.grid;
    const question = questionOf(this, this.setup, this.answer, view, panes.length);
    if (JSON.stringify(question) !== JSON.stringify(this.connection.question)) {
      this.connection.ask(question);
      if (question.curves) this.panel.wait();
      else this.panel.hide();
    }
    this.controls.show();
  }

  choose(changes) {
    Object.assign(this, changes);
    this.ask();
  }

  /** The choices that differ from the default, in the viewer's language. */
  get chosen() {
    return this.words(choiceText(this, this.setup, this.answer, this.grid.view));
  }

  /** Pins the class in a row, or unpins it. */
  pin(rank) {
    this.pinTarget(this.plate.idAt(rank));
  }

  pinTarget(id) {
    if (id !== undefined) this.choose({ target: this.target === id ? null : id });
  }

  /** Resets everything that the viewer chose; the source stays. */
  reset() {
    Object.assign(this, defaultChoice(this.setup));
    this.area = WHOLE;
    this.grid.begin();
    for (const id of ["scale", "statistics"]) byId(id).hidden = true;
    this.setView(this.firstView);
    if (this.grid.frozen !== null) this.freeze(false);
    this.say("as at the beginning");
  }

  // The picture

  /** Returns the view that the page's address names, as in `/?view=proof`; the view "one" if it names none. */
  viewOfAddress() {
    const view = new URLSearchParams(location.search).get("view");
    const { views } = this.grid;
    if (view === null || views.includes(view)) return view ?? "one";
    this.say(`There is no view ${view} on the page. There are: ${views.join(", ")}.`);
    return "one";
  }

  setView(view) {
    this.grid.setView(view);
    this.grid.lookAt(this.region());
    this.exchange.answered = "";
    this.ask();
  }

  use(source) {
    const before = this.source;
    this.choose({ curves: false });
    this.source = source;
    this.area = WHOLE;
    this.exchange.changed();
    this.exchange.scene.explained(null);
    this.setOld(true); // the label is still that of the former picture
    this.grid.setSource(source);
    before?.close();
    byId("welcome").hidden = true;
    if (before === null) this.teaching?.open(true);
    document.body.classList.add("showing");
    if (source.size[0]) this.grid.lookAt(this.region());
    this.exchange.follow();
    this.controls.show();
  }

  freeze(on) {
    // A lost camera cannot continue: open it again.
    if (!on && this.source?.gone) return this.opening.again();
    if (on && !this.grid.size[0]) return;
    this.grid.freeze(on);
    this.source?.hold(on);
    this.exchange.changed();
    this.setOld(false);
    if (!on) {
      this.choose({ curves: false }); // on a moving picture there are none
      this.exchange.follow();
    }
    this.controls.show();
  }

  /** Continues when the page is visible again: phones stop a video while it is hidden. */
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

  /** Returns the part of the picture that the network gets, as fractions: [left, top, right, bottom]. */
  region() {
    if (!this.grid.size[0]) return WHOLE;
    const { seen } = fitted(this.grid.size, this.area, this.setup.input, this.setup.fit);
    return inPicture(WHOLE, seen, this.grid.size);
  }

  // Messages of the server

  /** Updates the page after an answer is shown; `latency` in ms, or null if unknown. */
  took(answer, latency) {
    const { method, layer, target, contrast, grid } = this;
    if (answer.ask === this.connection.asked) this.agreed = { method, layer, target, contrast, view: grid.view };
    this.meter.answered(answer, latency);
    this.notice.compiling(answer.compiling);
    if (this.contrast) this.ask(); // the runner-up may have changed
    this.controls.answered(answer);
  }

  /** Fades heat and label if they belong to a former scene. */
  setOld(on) {
    this.grid.setOld(on);
    this.plate.setOld(on);
    if (on && this.answer !== null && this.notice.said === "") this.say(LOOKING, true);
    else if (!on && this.notice.said === LOOKING) this.say("");
  }

  handleMessage(message) {
    if (message.tested !== undefined) {
      if (message.ask === this.connection.asked) this.plate.tested(message.tested, performance.now() / 1000);
      return;
    }
    if (message.curves !== undefined) {
      if (message.ask === this.connection.asked) this.panel.show(message);
      return;
    }
    if (message.taught !== undefined) return this.teaching?.show(message.taught);
    if (message.refused !== undefined) {
      this.say(message.refused);
      this.restoreAnswered();
    } else if (message.error !== undefined) this.say(message.error, message.stays);
    this.exchange.pull();
  }

  /** Returns to the choice of the last answer. */
  restoreAnswered() {
    const { view = "one", ...choice } = this.agreed ?? defaultChoice(this.setup);
    Object.assign(this, choice);
    this.agreed = null; // if this is refused too, the default follows
    if (this.grid.view !== view) this.setView(view);
    this.ask();
  }

  connected(state) {
    this.exchange.epoch += 1; // a restarted server has to be asked again
    document.body.classList.toggle("lost", state === "lost");
    if (state === "lost") this.teaching?.lost();
    if (state === "lost") this.say(LOST, true);
    else if (document.body.dataset.refused || [LOST, LOADING].includes(this.notice.said)) this.say("");
    if (state === "loading" && this.notice.said === "") this.say(LOADING, true);
    if (state === "loading") return;
    if (state === "lost" && this.connection.failures > 1) this.reportRefusal();
    else delete document.body.dataset.refused;
    if (state === "open") this.exchange.pull();
  }

  /** Shows why the socket is refused; the browser does not report it, so `/setup` is requested. */
  async reportRefusal() {
    let why = "The server has as many visitors as it takes. Trying again …";
    try {
      await fetchJson("/setup");
    } catch (error) {
      if (!error.status) return; // the server is away: "connection lost" is shown
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
      // The server is away: the socket reports it.
    }
    if (!this.setup.layers.length) setTimeout(() => this.fetchLayers(), 2 * LAYERS_MS);
  }

  /** Shows a notice for some seconds, or with `stays` until the next one. */
  say(text, stays = false) {
    this.notice.say(text, stays);
  }
}

/** Returns the function that makes a page's connection: to its server, or to the network that it holds itself. */
async function connector(setup) {
  if (!setup.network) return (listener) => new Connection(listener);
  const { OwnNetwork } = await import("./own_network.js");
  return (listener) => new OwnNetwork(listener, setup);
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
  if (setup.network) byId("private").textContent = wordsOf(setup.words)(PRIVATE);
  const page = new Page(setup, await connector(setup));
  for (const name of ["start", "choose"]) byId(name).disabled = false;
  if (setup.camera !== null) page.opening.server();
  openReport(page);
  return page;
}

export const page = await open();
