// The page for marking: a person draws a box around the thing, photograph by photograph, and starts the audit.

import { arrowed, boxText, drawn, gripAt, moved, sized } from "./box_editing.js";
import { authorised, fetchJson } from "./connection.js";
import { countsOf, leftOf, nextOf } from "./mark_order.js";
import { translate, wordsOf } from "./translations.js";

const STEP = 0.005, FAST_STEP = 0.02; // of an arrow key, and of one that is held
const SETTLE_MS = 300; // after the last arrow key
const POLL_MS = 500;
const REACH_PX = { mouse: 8, pen: 12, touch: 22 }; // how near an edge of the box counts
const CURSORS = { move: "move", n: "ns-resize", s: "ns-resize", w: "ew-resize", e: "ew-resize" };
const DIAGONALS = { nw: "nwse-resize", se: "nwse-resize", ne: "nesw-resize", sw: "nesw-resize" };

const byId = (id) => document.getElementById(id);

/** The state of the page; the tests read it. */
export class MarkPage {
  constructor(setup) {
    this.words = wordsOf(setup.words);
    this.needed = setup.needed;
    this.file = setup.file;
    this.photos = setup.photos.map(([name, state]) => ({ name, state }));
    this.at = null; // number of the photograph that is shown
    this.size = [1, 1];
    this.box = null;
    this.cutting = false; // whether an outline is shown in each box
    this.seen = null; // the box in which an outline is shown
    this.trail = []; // numbers of the photographs that were left, the last one at the end
    this.sending = Promise.resolve();
    this.turn = 0; // counts the photographs that were shown
    this.cuts = 0; // counts the boxes that were shown
    new ResizeObserver(() => this.layOut()).observe(byId("mark-stage"));
    byId("mark-why").textContent = this.words(
      `${this.needed} of each class, because the audit says nothing about a class with fewer known things. Every box that you accept is written at once; you can end and go on later.`,
    );
    this.listen();
  }

  // What is shown

  say(text, stays = false) {
    clearTimeout(this.silence);
    byId("notice").textContent = this.words(text);
    if (text && !stays) this.silence = setTimeout(() => this.say(""), 6000);
  }

  /** Whether the box that is shown was made or changed by keys, and waits to be accepted. */
  get open() {
    return byId("mark-box").classList.contains("open");
  }

  set open(on) {
    byId("mark-box").classList.toggle("open", on);
  }

  get photo() {
    return this.at === null ? null : this.photos[this.at];
  }

  /** Shows a photograph, with its box if it has one. */
  async show(number) {
    const turn = ++this.turn;
    this.at = number;
    this.open = false;
    this.setBox(null);
    byId("mark-spoken").textContent = ""; // else the old box would still be read
    this.showCounts();
    byId("mark-photo").hidden = true;
    if (number === null) return this.say("Something is said about every photograph. Audit now.", true);
    this.say("The photograph is loading.", true);
    try {
      const mark = await fetchJson(`/marks/${number}`);
      const picture = await this.image(`/marks/${number}/picture`);
      if (turn !== this.turn) return;
      this.size = mark.size;
      await this.put(byId("mark-picture"), picture);
      byId("mark-photo").hidden = false;
      this.say("");
      this.layOut();
      this.setBox(mark.box);
      if (mark.box === null) byId("mark-spoken").textContent = this.words("No box yet.");
      if (mark.state === "outline") this.setCutting(true);
      if (this.cutting) await this.cut();
      byId("mark-photo").focus({ preventScroll: true });
    } catch (error) {
      if (turn !== this.turn) return;
      if (error.status === 400) this.photos[number].state = "unread"; // the audit leaves it out, too
      this.say(error.status ? `${error.message} Go on with Next.` : "The server cannot be reached.", true);
      this.showCounts();
    }
  }

  /** Fetches a picture with the token, which an element of the page cannot send. */
  async image(path) {
    const response = await fetch(path, { headers: authorised() });
    if (!response.ok) {
      const problem = await response.json().catch(() => ({}));
      throw Object.assign(new Error(problem.detail ?? response.statusText), { status: response.status });
    }
    return response.blob();
  }

  async put(image, blob) {
    const url = URL.createObjectURL(blob);
    image.src = url;
    await image.decode().catch(() => {});
    URL.revokeObjectURL(url);
  }

  /** Makes the photograph as large as the stage allows. */
  layOut() {
    const stage = byId("mark-stage"), style = getComputedStyle(stage);
    const room = [
      stage.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight),
      stage.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom),
    ];
    const scale = Math.min(room[0] / this.size[0], room[1] / this.size[1]);
    Object.assign(byId("mark-photo").style, { width: `${this.size[0] * scale}px`, height: `${this.size[1] * scale}px` });
  }

  setBox(box) {
    this.box = box;
    this.seen = null;
    this.cuts += 1;
    byId("mark-outline").hidden = true;
    byId("mark-box").hidden = box === null;
    if (box === null) return;
    const [left, top, width, height] = box.map((value) => `${100 * value}%`);
    Object.assign(byId("mark-box").style, { left, top, width, height });
    if (!this.held) byId("mark-spoken").textContent = this.words(boxText(box));
  }

  showCounts() {
    const counts = countsOf(this.photos, this.needed), left = leftOf(counts), { photo } = this;
    byId("mark-title").textContent = photo === null ? this.words("Where is the thing?") : this.words(`Draw a box around: ${photo.name}`);
    byId("mark-photo").setAttribute("aria-label", photo === null ? "" : this.words(`Photograph of: ${photo.name}`));
    byId("mark-left").textContent = this.words(left ? `${left} boxes left` : "These boxes are enough. More make the intervals narrower.");
    byId("mark-classes").replaceChildren(...[...counts].map(([name, count]) => this.chip(name, count)));
    byId("mark-classes").querySelector(".now")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    byId("mark-audit").classList.toggle("primary", left === 0);
    byId("mark-next").classList.toggle("primary", left > 0);
  }

  chip(name, count) {
    const chip = document.createElement("li");
    chip.classList.toggle("now", name === this.photo?.name);
    chip.classList.toggle("full", count.left === 0);
    const few = count.all - count.none < this.needed, share = `${count.known}/${count.wanted}`;
    const label = Object.assign(document.createElement("span"), { textContent: name });
    chip.append(label, `: ${few ? this.words(`${share}, too few for a verdict`) : share}`);
    return chip;
  }

  // What is written

  /** Sends a change to the server, after the changes before it. Returns whether it was written. */
  send(method, number, path = "") {
    this.sending = this.sending.then(async () => {
      try {
        const response = await fetch(`/marks/${number}${path}`, { method, headers: authorised() });
        const found = await response.json();
        if (!response.ok) throw new Error(found.detail);
        this.photos[number].state = found.state;
        this.showCounts();
        return true;
      } catch (error) {
        this.say(`This is not written: ${error.message}`, true);
        return false;
      }
    });
    return this.sending;
  }

  address(outlined) {
    const [x, y, width, height] = this.box;
    return `?${new URLSearchParams({ x, y, width, height, outlined })}`;
  }

  /** Writes the box that is shown, without its outline, which waits until it is accepted. */
  save() {
    clearTimeout(this.settling);
    this.open = false;
    if (this.box === null || this.at === null) return Promise.resolve(true);
    return this.send("PUT", this.at, this.address(false));
  }

  /** Keeps a box that keys made or changed until it is accepted: one key pressed by mistake is no answer. */
  keepOpen() {
    clearTimeout(this.settling);
    this.open = true;
    if (this.cutting) this.settling = setTimeout(() => this.cut(), SETTLE_MS);
  }

  /** Writes a box that was drawn or moved by hand, and shows its outline if outlines are wanted. */
  async finished() {
    const [turn, box] = [this.turn, this.box];
    await this.save();
    if (this.cutting && turn === this.turn && box === this.box && box !== null) await this.cut();
  }

  // The outline

  /** Shows the outline in the box. */
  async cut() {
    const { box, at } = this, cuts = this.cuts;
    if (box === null) return;
    this.say("The outline is estimated.", true);
    try {
      const picture = await this.image(`/marks/${at}/outline${this.address(false)}`);
      if (cuts !== this.cuts) return; // another box by now
      await this.put(byId("mark-outline"), picture);
      byId("mark-outline").hidden = false;
      this.seen = box;
      this.say("Is this the thing? Next accepts the outline. The button again (o) keeps the box alone.", true);
    } catch (error) {
      if (cuts === this.cuts) this.say(error.message);
    }
  }

  setCutting(on) {
    this.cutting = on;
    byId("mark-cut").setAttribute("aria-pressed", String(on));
  }

  async toggleCutting() {
    this.setCutting(!this.cutting);
    if (this.cutting) return this.cut();
    this.say("");
    if (this.seen === null) return undefined;
    this.setBox(this.box);
    return this.open ? undefined : this.save(); // an outline that was accepted before is refused now
  }

  // What a person does

  async next() {
    clearTimeout(this.settling);
    const { at } = this;
    if (this.box === null && this.photo?.state === "" && !byId("mark-photo").hidden)
      return this.say("Draw a box first, or say that there is no thing here.");
    if (this.box !== null && !(await this.send("PUT", at, this.address(this.seen !== null && this.seen === this.box)))) return undefined;
    this.open = false;
    return this.goOn(at);
  }

  async none() {
    const { at } = this;
    if (at === null) return undefined;
    clearTimeout(this.settling);
    if (!(await this.send("PUT", at, "/none"))) return undefined;
    return this.goOn(at);
  }

  goOn(at) {
    if (at !== null) this.trail.push(at);
    return this.show(nextOf(this.photos, at ?? -1, this.needed));
  }

  /** Takes back the box that is shown; without one, goes back to the photograph before, and takes back a refusal. */
  async undo() {
    clearTimeout(this.settling);
    if (this.at !== null && (this.box !== null || this.photo.state !== "")) {
      this.open = false;
      this.setBox(null);
      byId("mark-spoken").textContent = this.words("No box yet.");
      this.say("");
      return this.send("DELETE", this.at);
    }
    const before = this.trail.pop();
    if (before === undefined) return this.say("There is nothing to take back.");
    // A box is seen again, and may stay; a refusal cannot be seen.
    if (this.photos[before].state === "none" && !(await this.send("DELETE", before))) {
      this.trail.push(before);
      return undefined;
    }
    return this.show(before);
  }

  // Mouse, pen, finger and keys

  listen() {
    const photo = byId("mark-photo");
    photo.addEventListener("pointerdown", (event) => this.press(event));
    photo.addEventListener("pointermove", (event) => this.drag(event));
    for (const name of ["pointerup", "pointercancel"]) photo.addEventListener(name, (event) => this.release(event));
    document.addEventListener("keydown", (event) => this.key(event));
    const actions = { undo: "undo", none: "none", cut: "toggleCutting", next: "next", audit: "audit", back: "back" };
    for (const [id, name] of Object.entries(actions)) {
      byId(`mark-${id}`).addEventListener("click", (event) => {
        this[name]();
        // After a click with the mouse, Enter is for the photograph, and does not press the button again.
        if (event.detail) byId("mark-photo").focus({ preventScroll: true });
      });
    }
  }

  place(event) {
    const { left, top, width, height } = byId("mark-photo").getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  }

  grip(event) {
    const { width, height } = byId("mark-photo").getBoundingClientRect();
    const reach = REACH_PX[event.pointerType] ?? REACH_PX.mouse;
    return gripAt(this.box, this.place(event), [reach / width, reach / height]);
  }

  press(event) {
    if (event.button !== 0 || this.held) return;
    this.held = { pointer: event.pointerId, start: this.place(event), grip: this.grip(event), box: this.box };
    event.currentTarget.setPointerCapture(event.pointerId);
  }

  drag(event) {
    if (this.held && this.held.pointer !== event.pointerId) return; // a second finger
    if (!this.held) {
      const grip = this.grip(event);
      event.currentTarget.style.cursor = CURSORS[grip] ?? DIAGONALS[grip] ?? "crosshair";
      return;
    }
    const { start, grip, box } = this.held, place = this.place(event);
    const across = place[0] - start[0], down = place[1] - start[1];
    if (across === 0 && down === 0) return;
    if (grip === "") this.setBox(drawn(start, place) ?? box);
    else if (grip === "move") this.setBox(moved(box, across, down));
    else this.setBox(sized(box, grip, across, down));
  }

  release(event) {
    if (this.held?.pointer !== event.pointerId) return;
    const { box } = this.held;
    if (event.type === "pointerup") this.drag(event);
    else this.setBox(box);
    this.held = null;
    if (this.box !== null) byId("mark-spoken").textContent = this.words(boxText(this.box));
    if (this.box !== box && this.box !== null) this.finished();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (!byId("mark-run").hidden) return;
    const { key, target } = event;
    // Enter and the space bar press the button that has the focus.
    if ((key === "Enter" || key === " ") && target.closest("button")) return;
    const actions = { Enter: "next", Backspace: "undo", n: "none", o: "toggleCutting" };
    if (Object.hasOwn(actions, key)) {
      event.preventDefault();
      if (!event.repeat) this[actions[key]]();
      return;
    }
    if (target.id === "mark-classes" || byId("mark-photo").hidden) return; // there the arrow keys scroll
    const box = arrowed(this.box, key, event.shiftKey, event.repeat ? FAST_STEP : STEP);
    if (box === null) return;
    event.preventDefault();
    this.setBox(box);
    this.keepOpen();
  }

  // The audit

  async audit() {
    clearTimeout(this.settling);
    if (this.open) return this.say("This box is not accepted yet: Next accepts it, Undo takes it back.", true);
    await this.sending;
    try {
      const response = await fetch("/audit", { method: "POST", headers: authorised() });
      if (!response.ok) throw new Error((await response.json()).detail);
      this.follow(await response.json());
    } catch (error) {
      this.say(error.message);
    }
    return undefined;
  }

  /** Shows the progress of the audit until it ends, then the report. */
  async follow(progress) {
    this.setRunning(true);
    for (let now = progress; ; ) {
      this.showProgress(now);
      if (now.state === "done") return location.assign(`/report${location.hash}`);
      if (now.state !== "running") return undefined;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      try {
        now = await fetchJson("/audit");
      } catch {
        now = { ...now, line: "The server cannot be reached." };
      }
    }
  }

  setRunning(on) {
    byId("mark-run").hidden = !on;
    byId("mark-foot").hidden = byId("mark-classes").hidden = byId("mark-left").hidden = on;
    byId("mark-photo").hidden = on || this.at === null;
    if (on) this.say("");
  }

  showProgress({ state, line, done, photos }) {
    const failed = state === "failed", bar = byId("mark-progress");
    byId("mark-title").textContent = this.words("Audit");
    byId("mark-run-title").textContent = this.words(failed ? "The audit failed" : "The audit is running");
    byId("mark-line").textContent = photos && !failed ? this.words(`${done} of ${photos} photographs`) : line;
    bar.hidden = failed;
    if (photos) Object.assign(bar, { max: photos, value: done });
    else bar.removeAttribute("value");
    byId("mark-back").hidden = !failed;
  }

  back() {
    this.setRunning(false);
    this.showCounts();
    this.layOut();
  }
}

async function open() {
  try {
    const setup = await fetchJson("/marks");
    document.documentElement.lang = setup.lang;
    translate(document.body, wordsOf(setup.words));
    const page = new MarkPage(setup);
    await page.show(nextOf(page.photos, -1, page.needed));
    if (setup.audit.state === "running") page.follow(setup.audit);
    return page;
  } catch (error) {
    byId("notice").textContent = error.status ? error.message : "The server cannot be reached.";
    return null;
  }
}

export const page = await open();
