// Sends frames to the server and shows its answers; an answer about a former picture is dropped.

import { fitted, inPicture } from "./fit.js";
import { named, percent } from "./label_plate.js";
import { changed, kept, maskOf, outlineOf } from "./proof.js";
import { SceneChange } from "./scene_change.js";

const STILL_MS = 250;
const FRESH_MS = 300; // up to this age an answer is shown without checking for a scene change

export class FrameExchange {
  /** @param page the page; its `connection` sends the frames. */
  constructor(page) {
    this.page = page;
    this.answer = null;
    this.answered = ""; // key of the picture and question that the last answer about a still picture was for
    this.stands = 0; // how often the picture was replaced, frozen or continued
    this.epoch = 0; // how often the connection was opened or lost
    this.turn = 0;
    this.encoding = false;
    this.missed = null; // when the newest frame was captured for which the network had no time
    this.grabbed = document.createElement("canvas");
    this.scene = new SceneChange();
    setInterval(() => this.offerStill(), STILL_MS);
    setInterval(() => this.watchScene(), FRESH_MS / 2);
  }

  /** Notes that another picture is shown. */
  changed() {
    this.stands += 1;
    this.answered = "";
  }

  // Frames

  /** Sends each new frame of a live source. */
  follow() {
    const { page } = this, { source } = page;
    if (source === null || !source.live) return;
    if (source.remote) return this.pull();
    const turn = ++this.turn;
    const next = (now, data) => {
      if (turn !== this.turn || source !== page.source) return;
      if (!page.grid.frozen) this.offer(data?.captureTime ?? now);
      register(next);
    };
    const register = (callback) =>
      source.element.requestVideoFrameCallback?.(callback) ?? requestAnimationFrame(callback);
    register(next);
  }

  /** Requests the next frame of the server's camera, while the page is visible. */
  pull() {
    const { grid, source, connection } = this.page;
    if (document.hidden || grid.frozen || !source?.remote) return;
    while (connection.ready) connection.next({ source, shown: this.shown });
  }

  /** Key of the current picture and question. */
  get still() {
    return [this.page.connection.asked, this.shown, this.epoch].join("|");
  }

  /** Key of the current picture and area: an answer with another key is too late. */
  get shown() {
    const { area, source, grid } = this.page;
    return [this.stands, area.join(), source?.remote ? "" : grid.size.join()].join("|");
  }

  /** Sends a still picture again when the question or area has changed. */
  offerStill() {
    const { grid, source } = this.page;
    const stands = grid.frozen !== null || (source !== null && !source.live);
    if (stands && this.answered !== this.still) this.offer(performance.now());
    else if (source?.remote) this.pull();
  }

  async offer(at) {
    const { grid, source, area, setup, connection } = this.page;
    if (document.hidden || this.encoding || !connection.ready) {
      this.missed = at;
      return;
    }
    const { drawable, size } = grid;
    if (drawable === null || !size[0]) return;
    this.encoding = true;
    this.missed = null;
    try {
      const fit = fitted(size, area, setup.input, setup.fit);
      const memory = { source, seen: fit.seen, size, captured: at, still: this.still, shown: this.shown };
      [this.grabbed.width, this.grabbed.height] = fit.size;
      // Without alpha: what a picture lets through is black, in the pixels of the page as in the server's JPEG.
      const context = this.grabbed.getContext("2d", { alpha: false, willReadFrequently: connection.inPage });
      context.imageSmoothingQuality = "high";
      context.drawImage(drawable, ...fit.seen, 0, 0, ...fit.size);
      const picture = await connection.picture(this.grabbed);
      memory.sent = picture;
      if (grid.view === "proof") memory.picture = kept(drawable, size);
      if (connection.ready) await connection.send(picture, memory);
    } finally {
      this.encoding = false;
    }
  }

  // Answers

  async take(answer, memory) {
    const { page } = this, { grid } = page;
    if (memory.source !== page.source) return;
    if (memory.shown !== this.shown) return this.pull();
    if (answer.picture !== null) {
      if (grid.frozen === null) await page.source.take(answer.picture);
      memory.size = grid.size;
      memory.seen = [0, 0, ...memory.size];
      this.pull();
    }
    const now = performance.now();
    this.answer = answer;
    this.answeredAt = memory.captured ?? now;
    this.seen = memory.seen;
    this.scene.explained(memory.sent ?? null);
    const late = this.moves && now - this.answeredAt > FRESH_MS;
    page.setOld(late && (await this.scene.differs(grid.drawable, this.seen)));
    if (memory.shown !== this.shown) return;
    const placed = (region) => inPicture(region, memory.seen, memory.size);
    const regions = answer.maps.map((map) => placed(map.region));
    const things = answer.maps.map((map) => map.things?.map((each) => ({ ...each, box: placed(each.box) })) ?? null);
    if (grid.view === "proof" && answer.test?.mask) this.prove(answer, memory, regions[0]);
    else grid.explained(answer, { regions, things, captions: this.captions(answer) }, now / 1000);
    page.plate.show(answer, page.target, now / 1000);
    if (answer.ask === page.connection.asked) this.answered = memory.still ?? "";
    page.took(answer, memory.captured === undefined ? null : now - memory.captured);
    // A network in the page takes one frame at a time: it goes on at once with the newest.
    if (page.connection.inPage && this.missed !== null && this.moves) this.offer(this.missed);
  }

  /** Shows the moment that an answer is about: as it is, its hottest part alone, and without that part. */
  prove(answer, memory, region) {
    const { test } = answer, { grid, words } = this.page;
    const picture = memory.picture ?? kept(grid.drawable, grid.size);
    const part = inPicture(test.part, memory.seen, memory.size), share = percent(test.share);
    const controls = Object.values(test.controls);
    const elsewhere = (number) => {
      const mean = controls.reduce((sum, each) => sum + each[number], 0) / controls.length;
      return controls.length ? words(`as much elsewhere: ${percent(mean)}`) : "";
    };
    const verdict = test.holds ? "this heat accounts for the answer" : "this heat does not account for the answer";
    const said = test.holds === null ? "not sure" : verdict, mark = test.holds ? "holds" : "fails";
    const pictures = changed(picture, part, maskOf(test.bits, test.mask));
    const within = region.map((edge, i) => (edge - part[i % 2]) / (part[2 + (i % 2)] - part[i % 2]));
    const outline = outlineOf(test.bits, test.mask);
    grid.proved(pictures, outline, answer.maps[0], within, [
      { figure: percent(test.probability), name: words("as it is"), more: words(said), mark: test.holds === null ? "" : mark },
      { figure: percent(test.alone), name: words(`only the hottest ${share}`), more: elsewhere(0) },
      { figure: percent(test.without), name: words(`without the hottest ${share}`), more: elsewhere(1) },
    ]);
  }

  captions(answer) {
    const { grid, words } = this.page;
    if (grid.view === "proof") return [words(answer.test?.reason ?? ""), "", ""];
    if (grid.view === "methods") return answer.maps.map((map) => map.method);
    if (grid.view === "targets") return answer.maps.map((map) => words(nameOf(map, answer.task)));
    return answer.maps.map(() => "");
  }

  /** Whether the source has shown another picture before the answer comes. */
  get moves() {
    const { source, grid } = this.page;
    return source?.live && !source.remote && grid.frozen === null;
  }

  /** Fades heat and label if no answer comes for a while and the scene has changed. */
  async watchScene() {
    if (document.hidden || !this.moves || !this.seen || performance.now() - this.answeredAt < FRESH_MS) return;
    const { shown, page } = this, differs = await this.scene.differs(page.grid.drawable, this.seen);
    if (shown === this.shown && performance.now() - this.answeredAt >= FRESH_MS) page.setOld(differs);
  }
}

/** Returns the caption of a map: its target, and why it has no heat, as in the window. */
function nameOf({ target, evidence }, task) {
  if (evidence) return named(target);
  const why = task !== "values" ? "no evidence" : `nothing ${target.lowers ? "lowers" : "raises"} it`;
  return `${named(target)}: ${why}`;
}
