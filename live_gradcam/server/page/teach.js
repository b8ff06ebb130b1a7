// Teaching: buttons that are held make examples of a class, and the panel shows what was learned.

import { authorised } from "./connection.js";
import { showScrollHints } from "./controls.js";
import { fitted } from "./fit.js";

const MOST_CLASSES = 9;
const THUMBNAIL = 96; // pixels
const THUMBNAIL_MS = 200;

const taughtWith = ({ classes }) => JSON.stringify(classes.map(({ name, count }) => [name, count]));
const byId = (id) => document.getElementById(id);

export class TeachPanel {
  /** @param page the page; its `connection` sends what is taught. */
  constructor(page) {
    this.page = page;
    this.words = page.words;
    this.root = byId("teach");
    this.list = byId("taught");
    this.cards = new Map(); // number of a class → its elements
    this.ownLabels = page.setup.labels;
    this.held = null; // the class whose button is held
    this.state = { classes: [], recording: null, line: "", failed: false, warning: "" };
    this.downloaded = null; // what the last downloaded file was taught with
    this.opener = this.button("Teach", () => this.open(this.root.hidden));
    this.opener.id = "teach-open";
    this.opener.setAttribute("aria-controls", "teach");
    this.opener.setAttribute("aria-keyshortcuts", "1 2 3 4 5 6 7 8 9");
    byId("buttons").prepend(this.opener);
    this.undo = this.button("Undo", () => this.send("undo"));
    this.undo.title = this.words("forget the pictures that were taught last");
    this.again = this.button("Begin again", () => this.send("again"));
    this.again.title = this.words("forget all classes");
    this.save = this.button("Download", () => this.askForFile());
    this.save.title = this.words("download the model, which every Keras program reads");
    byId("teach-buttons").append(this.undo, this.again, this.save);
    document.addEventListener("keydown", (event) => this.press(event), true);
    document.addEventListener("keyup", (event) => event.key === String(this.held) && this.release());
    window.addEventListener("beforeunload", (event) => this.losesSomething && event.preventDefault());
    window.addEventListener("blur", () => this.release());
    document.addEventListener("visibilitychange", () => document.hidden && this.release());
    setInterval(() => this.held !== null && this.takeThumbnail(this.held), THUMBNAIL_MS);
    this.lookForMore = showScrollHints(this.list);
    this.show(this.state);
    this.open(false);
  }

  open(on) {
    this.root.hidden = !on;
    this.opener.setAttribute("aria-expanded", String(on));
    if (!on) this.release();
  }

  // What the viewer does

  /** Whether something was taught that no file holds: the browser then asks before the page is left. */
  get losesSomething() {
    return this.state.classes.length > 0 && this.downloaded !== taughtWith(this.state);
  }

  send(teach, more = {}) {
    if (this.page.connection.opened) this.page.connection.sendText({ teach, ...more });
  }

  hold(number) {
    const { page } = this;
    if (this.held !== null) return;
    if (page.source === null) return page.say("start the camera first");
    if (page.grid.frozen !== null) page.freeze(false);
    this.held = number;
    this.send("hold", { number });
    this.takeThumbnail(number);
    this.mark();
  }

  release() {
    if (this.held === null) return;
    this.takeThumbnail(this.held);
    this.held = null;
    this.send("release");
    this.mark();
  }

  /** Teaches while a digit is held; everywhere else the page's own keys are as they were. */
  press(event) {
    const { key, target } = event;
    if (this.root.hidden || event.ctrlKey || event.metaKey || event.altKey || !/^[1-9]$/.test(key)) return;
    if (target.matches("input, select") || byId("help").open) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat) this.hold(Number(key));
  }

  askForFile() {
    this.save.disabled = true;
    this.send("save");
  }

  /** Downloads a file by its link, which can be used once. */
  async download({ link, name }) {
    const response = await fetch(link, { headers: authorised() }).catch(() => null);
    if (!response?.ok) return this.page.say("the file could not be downloaded: try again");
    const address = URL.createObjectURL(await response.blob());
    Object.assign(document.createElement("a"), { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    this.downloaded = taughtWith(this.state);
  }

  // What the server says

  /** Shows what was taught: the server's message. */
  show(state) {
    this.state = state;
    const numbers = state.classes.map(({ number }) => number);
    const free = Array.from({ length: MOST_CLASSES }, (_, i) => i + 1).find((number) => !numbers.includes(number));
    const wanted = [...numbers, ...(free === undefined ? [] : [free])].sort((one, other) => one - other);
    for (const [number, card] of this.cards) {
      if (wanted.includes(number)) continue;
      card.item.remove();
      this.cards.delete(number);
    }
    wanted.forEach((number, place) => {
      if (!this.cards.has(number)) this.cards.set(number, this.card(number));
      const { item } = this.cards.get(number);
      if (this.list.children[place] !== item) this.list.insertBefore(item, this.list.children[place] ?? null);
      this.fill(number, state.classes.find((each) => each.number === number));
    });
    this.lookForMore();
    const line = this.words(state.line || "hold 1 while the camera sees your first thing");
    if (byId("teach-line").textContent !== line) byId("teach-line").textContent = line;
    byId("teach-line").classList.toggle("warning", state.failed);
    const warning = this.words(state.warning);
    if (byId("teach-warning").textContent !== warning) byId("teach-warning").textContent = warning;
    this.undo.disabled = this.again.disabled = !numbers.length;
    this.save.disabled = numbers.length < 2 || state.learning;
    this.setLabels(state.classes.map(({ name }) => name));
    this.mark();
    if (state.said) this.page.say(state.said);
    if (state.file) this.download(state.file);
  }

  /** Shows that everything taught is gone, because the visit at the server has ended. */
  lost() {
    this.held = null;
    if (!this.state.classes.length) return;
    const line = "the connection broke, and what was taught is gone: begin again";
    this.show({ classes: [], recording: null, line, failed: true, warning: "" });
  }

  /** Lets the classes that were taught be chosen, in place of the network's own. */
  setLabels(names) {
    const { page } = this, labels = names.length ? names : this.ownLabels;
    if (labels.join("\n") === page.setup.labels.join("\n")) return;
    page.setup.labels = labels;
    byId("classes").replaceChildren(...labels.map((value) => Object.assign(document.createElement("option"), { value })));
    if (page.target !== null || page.contrast) page.choose({ target: null, contrast: false });
  }

  // The cards

  button(text, does) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: this.words(text) });
    button.addEventListener("click", does);
    return button;
  }

  /** Returns the elements of a class: its newest picture, name, count, and the button that is held. */
  card(number) {
    const item = document.createElement("li");
    const picture = Object.assign(document.createElement("canvas"), { width: THUMBNAIL, height: THUMBNAIL });
    picture.setAttribute("aria-hidden", "true");
    const name = Object.assign(document.createElement("input"), { type: "text", maxLength: 40, autocomplete: "off", spellcheck: false });
    name.setAttribute("aria-label", this.words(`Name of class ${number}`));
    name.addEventListener("change", () => name.value.trim() && this.send("rename", { number, name: name.value.trim() }));
    name.addEventListener("keydown", ({ key }) => key === "Enter" && name.blur());
    const count = document.createElement("span");
    const forget = this.button("×", () => this.send("forget", { number }));
    forget.title = this.words("forget this class");
    forget.className = "forget";
    const hold = this.holdButton(number);
    item.append(picture, name, count, forget, hold);
    return { item, picture, name, count, forget, hold };
  }

  holdButton(number) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "hold" });
    const isKey = ({ key }) => key === " " || key === "Enter";
    button.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      button.setPointerCapture(event.pointerId);
      this.hold(number);
    });
    // The button that had the focus loses it when another one is pressed: that must not end the other's burst.
    for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
      button.addEventListener(end, () => this.held === number && this.release());
    }
    button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch opens it
    button.addEventListener("keydown", (event) => {
      if (!isKey(event)) return;
      event.preventDefault();
      event.stopPropagation(); // the space bar freezes the picture elsewhere
      if (!event.repeat) this.hold(number);
    });
    button.addEventListener("keyup", (event) => {
      if (!isKey(event)) return;
      event.preventDefault();
      this.release();
    });
    // A screen reader clicks: the server makes a second of that.
    button.addEventListener("click", (event) => {
      if (event.detail) return;
      this.hold(number);
      this.release();
    });
    return button;
  }

  fill(number, taught) {
    const { item, picture, name, count, forget, hold } = this.cards.get(number);
    item.classList.toggle("free", taught === undefined);
    for (const each of [picture, name, count, forget]) each.hidden = taught === undefined;
    hold.textContent = this.words(`hold ${number}`);
    hold.setAttribute("aria-label", this.words(taught ? `hold ${number}: ${taught.name}` : `hold ${number}: a new class`));
    if (taught === undefined) return;
    if (document.activeElement !== name) name.value = taught.name;
    count.textContent = this.words(`${taught.count} pictures`);
    forget.setAttribute("aria-label", this.words(`forget ${taught.name}`));
  }

  /** Marks the button that is held, and the class whose pictures are taken. */
  mark() {
    for (const [number, { hold }] of this.cards) {
      const on = number === this.held || number === this.state.recording;
      hold.setAttribute("aria-pressed", String(on));
    }
  }

  /** Copies what the network sees now into the picture of a class. It stays on this device. */
  takeThumbnail(number) {
    const { grid, area, setup } = this.page, card = this.cards.get(number);
    if (!card || grid.drawable === null || !grid.size[0]) return;
    const { seen } = fitted(grid.size, area, setup.input, setup.fit);
    const side = Math.min(seen[2], seen[3]);
    const left = seen[0] + (seen[2] - side) / 2, top = seen[1] + (seen[3] - side) / 2;
    card.picture.getContext("2d").drawImage(grid.drawable, left, top, side, side, 0, 0, THUMBNAIL, THUMBNAIL);
  }
}
