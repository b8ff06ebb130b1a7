// What a viewer can do: by key, by touch, by a screen reader. The actions are the server's one table.

import { acceptAreas } from "./areas.js";
import { isFull, toggleFull } from "./full_screen.js";
import { STYLES } from "./heat.js";
import { signMore } from "./scrolling.js";
import { cameras } from "./sources.js";
import { VIEWS } from "./stage.js";

/** Values of the list of cameras that are no camera of this device. */
const SERVER = "the server's camera", FILE = "the file that is shown";

const byId = (id) => document.getElementById(id);
const after = (list, item, step = 1) => list[(list.indexOf(item) + step + list.length) % list.length];

const BUTTONS = [
  ["freeze", "Freeze"],
  ["record", "Record"],
  ["snapshot", "Snapshot"],
  ["view", "View"],
  ["style", "Style"],
  ["colormap", "Colours"],
  ["contrast", "Contrast"],
  ["lock", "Lock"],
  ["automatic", "Automatic"],
  ["whole", "Whole"],
  ["mirror", "Mirror"],
  ["scale-bar", "Scale"],
  ["statistics", "Figures"],
  ["fullscreen", "Full screen"],
  ["help", "Help"],
];

/** Action → what does it. A test asserts that every action of the server's table has one. */
export function handlers(page) {
  const { stage } = page;
  const look = (changes) => {
    Object.assign(stage.look, changes);
    page.controls.show();
  };
  const method = (step) => page.choose({ method: after(page.setup.methods.map((each) => each.name), page.method, step) });
  const layer = (step) => {
    const paths = page.setup.layers.map((each) => each.path);
    const at = paths.indexOf(page.layer ?? page.lastLayer);
    if (!paths.length) return page.say("the layers are not known yet");
    const next = at < 0 ? paths.length - 1 : Math.min(paths.length - 1, Math.max(0, at + step));
    page.choose({ layer: paths[next] });
    page.say(`${paths[next]}  ${page.setup.layers[next].shape}`);
  };
  const toggle = (id) => {
    byId(id).hidden = !byId(id).hidden;
    page.controls.show();
  };
  return {
    help: () => (byId("help").open ? byId("help").close() : byId("help").showModal()),
    freeze: () => page.freeze(stage.frozen === null),
    record: () => {
      if (page.recorder.running) page.recorder.stop();
      else {
        const problem = page.recorder.start();
        if (problem !== null) page.say(problem);
      }
      page.controls.show();
    },
    snapshot: async () => {
      const problem = await page.recorder.snapshot();
      page.say(problem ?? "saved");
    },
    "method-next": () => method(1),
    "method-previous": () => method(-1),
    "layer-shallower": () => layer(-1),
    "layer-deeper": () => layer(1),
    ...Object.fromEntries([1, 2, 3, 4, 5].map((rank) => [`pin-${rank}`, () => page.pin(rank)])),
    automatic: () => page.choose({ target: null, contrast: false }),
    lock: () => {
      const id = page.answer?.maps[0].target.id;
      if (page.target !== null) page.choose({ target: null });
      else if (id !== undefined && id >= 0) page.choose({ target: id });
    },
    contrast: () => page.choose({ contrast: !page.contrast }),
    search: () => {
      byId("target").focus();
      byId("target").select();
    },
    whole: () => page.setArea([0, 0, 1, 1]),
    style: () => look({ style: after(STYLES, stage.look.style) }),
    colormap: () => look({ colormap: after(Object.keys(stage.palettes), stage.look.colormap) }),
    "opacity-up": () => look({ alpha: Math.min(1, Math.round(20 * stage.look.alpha + 1) / 20) }),
    "opacity-down": () => look({ alpha: Math.max(0, Math.round(20 * stage.look.alpha - 1) / 20) }),
    view: () => page.setView(after(VIEWS, stage.view)),
    "scale-bar": () => toggle("scale"),
    statistics: () => toggle("statistics"),
    mirror: () => {
      stage.setMirrored(!stage.mirrored);
      page.controls.show();
    },
    fullscreen: async () => {
      page.say(await toggleFull());
      page.controls.show();
    },
  };
}

export class Controls {
  constructor(page) {
    this.page = page;
    this.handlers = handlers(page);
    const keys = new Map(page.setup.actions.map((action) => [action.key, action.name]));
    this.texts = new Map(page.setup.actions.map((action) => [action.name, action]));
    document.addEventListener("keydown", (event) => this.press(event, keys));
    this.buttons = new Map(BUTTONS.map(([name, label]) => [name, this.button(name, label)]));
    byId("buttons").append(...this.buttons.values());
    const opens = Object.assign(document.createElement("button"), { type: "button", id: "open", textContent: "Open …" });
    opens.title = "open a picture or a video";
    this.buttons.get("freeze").after(opens);
    for (const each of [opens, byId("choose")]) each.addEventListener("click", () => byId("file").click());
    byId("leave").addEventListener("click", () => this.run("fullscreen"));
    this.lookForMore = ["buttons", "choices", "help"].map((id) => signMore(byId(id)));
    if (page.setup.values) {
      Object.assign(this.buttons.get("contrast"), { textContent: "What lowers it", title: "what lowers the value (x)" });
      byId("target").placeholder = "the first value";
    }
    this.fillHelp();
    this.fillChoices();
    this.acceptFiles();
    acceptAreas(page);
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
    // What is typed into a control is the control's; a slider leaves the letters to the page.
    const typing = target.matches("input:not([type=range]), select") || (target.matches("input") && /^\d$/.test(key));
    if (key === "Escape" && typing) return target.blur();
    if (name === undefined || typing) return;
    // A focused button has the space bar for itself.
    if (key === " " && target.matches("button, a, summary")) return;
    if (byId("help").open && name !== "help") return;
    event.preventDefault();
    this.run(name);
  }

  button(name, label) {
    const { text, key } = this.texts.get(name) ?? { text: label, key: "" };
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    button.title = `${text} (${key === " " ? "space" : key})`;
    button.dataset.action = name;
    button.setAttribute("aria-keyshortcuts", key === " " ? "Space" : key);
    button.addEventListener("click", () => this.run(name));
    return button;
  }

  fillHelp() {
    const rows = this.page.setup.actions.map(({ name, key, text }) => {
      const row = document.createElement("tr"), cell = document.createElement("td");
      const head = Object.assign(document.createElement("th"), { scope: "row" });
      head.append(Object.assign(document.createElement("kbd"), { textContent: key === " " ? "space" : key }));
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
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
    options(byId("methods"), setup.methods.map(({ name, quick }) => [name, quick ? name : `${name} (slow)`]));
    byId("methods").addEventListener("change", ({ target }) => page.choose({ method: target.value }));
    byId("layers").addEventListener("change", ({ target }) => page.choose({ layer: target.value || null }));
    this.listLayers();
    byId("classes").append(...setup.labels.map((label) => Object.assign(document.createElement("option"), { value: label })));
    byId("target").addEventListener("change", ({ target }) => this.chooseClass(target));
    byId("target").addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.target.blur();
    });
    byId("opacity").addEventListener("input", ({ target }) => {
      page.stage.look.alpha = target.value / 100;
      this.show();
    });
    byId("cameras").addEventListener("change", ({ target }) => {
      if (target.value === SERVER) page.useServer();
      else if (target.value !== FILE) page.startCamera(target.value || undefined);
    });
    for (const list of [byId("cameras"), byId("methods"), byId("layers")]) {
      // Chosen by mouse or finger, a list gives the keys back to the page.
      let touched = false;
      list.addEventListener("pointerdown", () => (touched = true));
      list.addEventListener("keydown", () => (touched = false));
      list.addEventListener("change", () => touched && list.blur());
    }
    byId("start").addEventListener("click", () => page.startCamera());
  }

  chooseClass(input) {
    const typed = input.value.trim(), { page } = this;
    const id = page.setup.labels.findIndex((label) => label.toLowerCase() === typed.toLowerCase());
    page.choose({ target: typed === "" ? null : id >= 0 ? id : typed });
  }

  listLayers() {
    const { setup } = this.page;
    const rows = setup.layers.map(({ path, shape }) => [path, `${path}  ${shape}`]);
    if (setup.layer !== null && !setup.layers.some(({ path }) => path === setup.layer)) rows.push([setup.layer, setup.layer]);
    options(byId("layers"), [["", "the last feature map"], ...rows]);
    this.show();
  }

  /** Lists the cameras, of this device and the server's; and what is shown, where that is a file. */
  async listCameras() {
    const { page } = this, { setup } = page;
    const found = (await cameras()).map(({ id, name }) => [id, name]);
    if (setup.camera !== null) found.unshift([SERVER, setup.camera]);
    const { source } = page, isFile = source !== null && !source.isCamera && !source.remote;
    if (isFile) found.unshift([FILE, source.name || "a file"]);
    // A camera of which the browser tells nothing yet can be started all the same.
    if (!found.some(([id]) => id !== FILE && id !== SERVER)) found.push(["", source ? "this device's camera" : "none yet"]);
    options(byId("cameras"), found);
    if (source?.deviceId) byId("cameras").value = source.deviceId;
    for (const look of this.lookForMore) look();
  }

  acceptFiles() {
    const { page } = this;
    byId("file").addEventListener("change", ({ target }) => {
      page.openFile(target.files[0]);
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
      page.openFile(event.dataTransfer.files[0]);
    });
    document.addEventListener("paste", (event) => page.openFile(event.clipboardData?.files[0]));
  }

  /** Shows which layer an answer is about, where none was named. */
  answered(answer) {
    const [map] = answer.maps, { page } = this;
    if (page.lastLayer === map.layer) return;
    page.lastLayer = map.layer;
    const first = byId("layers").options[0];
    if (page.layer === null) first.textContent = `the last feature map (${map.layer})`;
  }

  /** Shows on the controls what is chosen. */
  show() {
    const { page } = this, { stage } = page;
    if (!this.buttons) return;
    const pressed = {
      freeze: stage.frozen !== null,
      record: page.recorder.running,
      contrast: page.contrast,
      lock: page.target !== null,
      mirror: stage.mirrored,
      "scale-bar": !byId("scale").hidden,
      statistics: !byId("statistics").hidden,
      fullscreen: isFull(),
    };
    for (const [name, on] of Object.entries(pressed)) this.buttons.get(name).setAttribute("aria-pressed", String(on));
    this.buttons.get("whole").disabled = page.area.join() === "0,0,1,1";
    this.buttons.get("view").textContent = `View: ${stage.view}`;
    this.buttons.get("style").textContent = `Style: ${stage.look.style}`;
    this.buttons.get("colormap").textContent = `Colours: ${stage.look.colormap}`;
    byId("methods").value = page.method;
    byId("layers").value = page.layer ?? "";
    byId("opacity").value = Math.round(100 * stage.look.alpha);
    if (document.activeElement !== byId("target"))
      byId("target").value =
        page.target === null ? "" : typeof page.target === "number" ? (page.setup.labels[page.target] ?? page.target) : page.target;
    stage.drawScale(byId("scale").querySelector("canvas"));
    for (const look of this.lookForMore) look();
  }
}

function options(select, rows) {
  select.replaceChildren(...rows.map(([value, textContent]) => Object.assign(document.createElement("option"), { value, textContent })));
}
