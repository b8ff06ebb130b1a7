// The controls: buttons, lists and keys, also for touch and for screen readers.

import { handlers } from "./actions.js";
import { enableAreaSelection } from "./area_selection.js";
import { isFull } from "./full_screen.js";
import { cameras } from "./sources.js";

/** Entries of the list of cameras that are not cameras of this device. */
const SERVER = "the server's camera", FILE = "the file that is shown";

const byId = (id) => document.getElementById(id);

const BUTTONS = [
  ["freeze", "Freeze"],
  ["record", "Record"],
  ["snapshot", "Snapshot"],
  ["view", "View"],
  ["share", "Hottest part"],
  ["badge", "Test"],
  ["curves", "Curves"],
  ["style", "Style"],
  ["colormap", "Colours"],
  ["contrast", "Contrast"],
  ["lock", "Lock"],
  ["automatic", "Automatic"],
  ["whole", "Whole"],
  ["reset", "Reset"],
  ["mirror", "Mirror"],
  ["scale-bar", "Scale"],
  ["statistics", "Figures"],
  ["fullscreen", "Full screen"],
  ["help", "Help"],
];

export class Controls {
  constructor(page) {
    this.page = page;
    this.words = page.words;
    this.handlers = handlers(page);
    const keys = new Map(page.setup.actions.map((action) => [action.key, action.name]));
    this.texts = new Map(page.setup.actions.map((action) => [action.name, action]));
    document.addEventListener("keydown", (event) => this.press(event, keys));
    const offered = BUTTONS.filter(([name]) => this.texts.has(name));
    this.buttons = new Map(offered.map(([name, label]) => [name, this.button(name, label)]));
    byId("buttons").append(...this.buttons.values());
    const opens = Object.assign(document.createElement("button"), { type: "button", id: "open", textContent: this.words("Open …") });
    opens.title = this.words("open a picture or a video");
    this.buttons.get("freeze").after(opens);
    for (const each of [opens, byId("choose")]) each.addEventListener("click", () => byId("file").click());
    byId("leave").addEventListener("click", () => this.run("fullscreen"));
    this.lookForMore = ["buttons", "choices", "help"].map((id) => showScrollHints(byId(id)));
    if (page.setup.values) {
      this.buttons.get("contrast").textContent = this.words("What lowers it");
      byId("target").placeholder = this.words("the first value");
    }
    this.fillHelp();
    this.fillChoices();
    this.acceptFiles();
    enableAreaSelection(page);
    document.addEventListener("fullscreenchange", () => this.show());
    this.listCameras();
    this.show();
  }

  run(name) {
    return this.handlers[name]?.();
  }

  press(event, keys) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const { target, key } = event, name = keys.get(key);
    if (key === "Escape" && document.body.classList.contains("filled")) return this.run("fullscreen");
    // A text field or list keeps all keys; a slider keeps only digits.
    const typing = target.matches("input:not([type=range]), select") || (target.matches("input") && /^\d$/.test(key));
    if (key === "Escape" && typing) {
      if (target.id === "target") target.value = this.typedClass(); // discards what was typed but not entered
      return target.blur();
    }
    if (name === undefined || typing) return;
    // On a focused button the space bar presses it.
    if (key === " " && target.matches("button, a, summary")) return;
    if (byId("help").open && name !== "help") return;
    event.preventDefault();
    this.run(name);
  }

  keyName(key) {
    return key === " " ? this.words("space") : key;
  }

  button(name, label) {
    const { text, key } = this.texts.get(name);
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: this.words(label) });
    button.title = `${this.words(text)} (${this.keyName(key)})`;
    button.dataset.action = name;
    button.setAttribute("aria-keyshortcuts", key === " " ? "Space" : key);
    button.addEventListener("click", () => this.run(name));
    return button;
  }

  fillHelp() {
    const rows = this.page.setup.actions.map(({ name, key, text }) => {
      const row = document.createElement("tr"), cell = document.createElement("td");
      const head = Object.assign(document.createElement("th"), { scope: "row" });
      head.append(Object.assign(document.createElement("kbd"), { textContent: this.keyName(key) }));
      const said = { type: "button", textContent: this.words(text) };
      const button = Object.assign(document.createElement("button"), said);
      button.addEventListener("click", () => {
        byId("help").close();
        if (name !== "help") this.run(name);
      });
      cell.append(button);
      row.append(head, cell);
      return row;
    });
    byId("help").querySelector("tbody").append(...rows);
  }

  fillChoices() {
    const { page } = this, { setup } = page;
    options(byId("methods"), setup.methods.map(({ name, quick }) => [name, quick ? name : this.words(`${name} (slow)`)]));
    byId("methods").addEventListener("change", ({ target }) => page.choose({ method: target.value }));
    byId("layers").addEventListener("change", ({ target }) => page.choose({ layer: target.value || null }));
    this.listLayers();
    // Where there is no choice, as in a page with a network of its own, there is no list.
    for (const id of ["methods", "layers"]) byId(id).parentElement.hidden = Boolean(setup.network);
    byId("classes").append(...setup.labels.map((label) => Object.assign(document.createElement("option"), { value: label })));
    byId("target").addEventListener("change", ({ target }) => this.chooseClass(target));
    byId("target").addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.target.blur();
    });
    byId("opacity").addEventListener("input", ({ target }) => {
      page.grid.look.alpha = target.value / 100;
      this.show();
    });
    byId("cameras").addEventListener("change", ({ target }) => {
      if (target.value === SERVER) page.opening.server();
      else if (target.value !== FILE) page.opening.camera(target.value || undefined);
    });
    for (const list of [byId("cameras"), byId("methods"), byId("layers")]) {
      // After a choice by mouse or finger, a list gives the keys back to the page.
      let touched = false;
      list.addEventListener("pointerdown", () => (touched = true));
      list.addEventListener("keydown", () => (touched = false));
      list.addEventListener("change", () => touched && list.blur());
    }
    byId("start").addEventListener("click", () => page.opening.camera());
  }

  chooseClass(input) {
    const typed = input.value.trim(), { page } = this;
    const id = page.setup.labels.findIndex((label) => label.toLowerCase() === typed.toLowerCase());
    page.choose({ target: typed === "" ? null : id >= 0 ? id : typed });
  }

  /** The chosen target, as text for its field. */
  typedClass() {
    const { target, setup } = this.page;
    return target === null ? "" : String((typeof target === "number" && setup.labels[target]) || target);
  }

  listLayers() {
    const { page } = this, { setup } = page;
    const rows = setup.layers.map(({ path, shape }) => [path, `${path}  ${shape}`]);
    if (setup.layer !== null && !setup.layers.some(({ path }) => path === setup.layer)) rows.push([setup.layer, setup.layer]);
    const usual = page.usualLayer === undefined ? "the last feature map" : `the last feature map (${page.usualLayer})`;
    options(byId("layers"), [["", this.words(usual)], ...rows]);
    this.show();
  }

  /** Lists the cameras of this device and of the server; and the file, if one is shown. */
  async listCameras() {
    const { page } = this, { setup } = page;
    const found = (await cameras()).map(({ id, name }) => [id, name]);
    if (setup.camera !== null) found.unshift([SERVER, setup.camera]);
    const { source } = page, isFile = source !== null && !source.isCamera && !source.remote;
    if (isFile) found.unshift([FILE, source.name || this.words("a file")]);
    // Before the camera is allowed the browser lists none, but it can be started.
    if (!found.some(([id]) => id !== FILE && id !== SERVER)) found.push(["", this.words(source ? "this device's camera" : "none yet")]);
    options(byId("cameras"), found);
    if (source?.deviceId) byId("cameras").value = source.deviceId;
    for (const look of this.lookForMore) look();
  }

  acceptFiles() {
    const { page } = this;
    byId("file").addEventListener("change", ({ target }) => {
      page.opening.file(target.files[0]);
      target.value = "";
    });
    let inside = 0;
    const shown = (step) => {
      inside = Math.max(0, inside + step);
      byId("drop").hidden = inside === 0;
    };
    document.addEventListener("dragenter", () => shown(1));
    document.addEventListener("dragleave", () => shown(-1));
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      inside = 0;
      shown(0);
      page.opening.file(event.dataTransfer.files[0]);
    });
    document.addEventListener("paste", (event) => page.opening.file(event.clipboardData?.files[0]));
  }

  /** Shows which layer was explained, if none was chosen. */
  answered(answer) {
    const [map] = answer.maps, { page } = this;
    if (page.layer !== null || answer.ask !== page.connection.asked || page.usualLayer === map.layer) return;
    page.usualLayer = map.layer;
    this.listLayers();
  }

  /** Updates the controls. */
  show() {
    const { page } = this, { grid } = page;
    if (!this.buttons) return;
    const pressed = {
      freeze: grid.frozen !== null,
      record: page.recorder.running,
      contrast: page.contrast,
      lock: page.target !== null,
      badge: page.badge,
      curves: page.curves,
      mirror: grid.mirrored,
      "scale-bar": !byId("scale").hidden,
      statistics: !byId("statistics").hidden,
      fullscreen: isFull(),
    };
    for (const [name, on] of Object.entries(pressed)) this.buttons.get(name)?.setAttribute("aria-pressed", String(on));
    this.buttons.get("whole").disabled = page.area.join() === "0,0,1,1";
    const says = (name, text) => (this.buttons.get(name).textContent = this.words(text));
    if (this.buttons.has("share")) {
      this.buttons.get("share").hidden = grid.view !== "proof";
      says("share", `Hottest ${Math.round(100 * page.share)}%`);
    }
    says("view", `View: ${grid.view}`);
    says("style", `Style: ${grid.look.style === "heat" ? "heat alone" : grid.look.style}`);
    says("colormap", `Colours: ${grid.look.colormap}`);
    byId("chosen").textContent = page.chosen;
    byId("methods").value = page.method;
    byId("layers").value = page.layer ?? "";
    byId("opacity").value = Math.round(100 * grid.look.alpha);
    if (document.activeElement !== byId("target")) byId("target").value = this.typedClass();
    grid.drawScale(byId("scale").querySelector("canvas"));
    for (const look of this.lookForMore) look();
  }
}

function options(select, rows) {
  select.replaceChildren(...rows.map(([value, textContent]) => Object.assign(document.createElement("option"), { value, textContent })));
}

/** Marks the edges of a scrolling element beyond which there is more; returns the function that updates the marks. */
export function showScrollHints(element) {
  const look = () => {
    const { scrollLeft, scrollTop, scrollWidth, scrollHeight, clientWidth, clientHeight } = element;
    element.classList.toggle("more-before", scrollLeft > 2 || scrollTop > 2);
    const after = scrollWidth - clientWidth - scrollLeft > 2 || scrollHeight - clientHeight - scrollTop > 2;
    element.classList.toggle("more-after", after);
  };
  element.addEventListener("scroll", look, { passive: true });
  // A browser does not scroll to an element that is half visible.
  element.addEventListener("focusin", ({ target }) => {
    if (target.matches(":focus-visible")) target.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  new ResizeObserver(look).observe(element);
  return look;
}
