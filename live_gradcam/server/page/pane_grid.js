// The grid of panes: their layout, their appearance, and the loop that paints them.

import { colours } from "./heat_painter.js";
import { Pane } from "./pane.js";

export const VIEWS = ["one", "side", "methods", "targets", "proof", "history"];
const PANES = { one: 1, side: 2, methods: 4, targets: 4, proof: 3, history: 1 };

const byId = (id) => document.getElementById(id);

export class PaneGrid {
  /** @param setup the setup from the server; @param plate the label plate. */
  constructor(setup, plate) {
    this.setup = setup;
    this.plate = plate;
    this.palettes = Object.fromEntries(Object.entries(setup.palettes).map(([name, text]) => [name, colours(text)]));
    this.views = setup.views ?? VIEWS;
    this.source = null;
    this.frozen = null; // a canvas with the frozen picture
    this.panes = [];
    this.frames = 0;
    this.last = performance.now();
    this.afterPaint = () => {};
    this.resized = () => {}; // called when the picture's size changes, as when a phone is turned
    this.begin();
    this.setView("one");
    new ResizeObserver(() => this.fit()).observe(byId("panes"));
    requestAnimationFrame((now) => this.paint(now));
  }

  /** Resets the appearance. */
  begin() {
    const { alpha, colormap } = this.setup;
    this.look = { alpha, colormap, style: "overlay" };
    this.setMirrored(false);
  }

  /** The element or canvas that is drawn in the panes; null if there is none yet. */
  get drawable() {
    return this.frozen ?? this.source?.element ?? null;
  }

  get size() {
    return this.frozen ? [this.frozen.width, this.frozen.height] : (this.source?.size ?? [0, 0]);
  }

  setView(view) {
    this.view = view;
    const count = view === "targets" ? Math.max(1, Math.min(4, this.setup.labels.length || 4)) : PANES[view];
    // Keep the first pane with its video: a video stops when it is removed from the document.
    for (const pane of this.panes.splice(count)) pane.close();
    while (this.panes.length < count) {
      const pane = new Pane(this.setup);
      this.panes.push(pane);
      byId("panes").append(pane.root);
    }
    this.panes.forEach((pane, i) => {
      pane.withHeat = view === "side" ? i > 0 : view !== "proof" || i === 0;
      pane.captioned = view === "proof";
      pane.drop();
    });
    this.proofSize = null;
    byId("panes").className = `view-${view}`;
    byId("stage").classList.toggle("several", count > 1);
    byId("history").hidden = view !== "history";
    this.turn();
    this.arrange();
  }

  setSource(source) {
    this.source = source;
    this.frozen = null;
    for (const pane of this.panes) pane.drop();
    this.arrange();
  }

  /** Freezes the picture, or continues. */
  freeze(on) {
    this.frozen = null;
    if (on && this.size[0]) {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = this.size;
      canvas.getContext("2d").drawImage(this.source.element, 0, 0);
      this.frozen = canvas;
    }
    this.arrange();
  }

  /** Fades the heat if it belongs to a former scene. */
  setOld(on) {
    for (const pane of this.panes) pane.setOld(on);
  }

  setMirrored(on) {
    this.mirrored = on;
    this.turn();
  }

  turn() {
    for (const pane of this.panes) pane.turned.classList.toggle("mirrored", this.mirrored);
  }

  arrange() {
    const media = this.source?.element ?? null, covered = this.frozen !== null || this.view === "proof";
    this.panes.forEach((pane, i) => pane.show(i === 0 ? media : null, covered));
    this.fitted = "";
    this.fit();
  }

  fit() {
    if (!this.size[0]) return;
    const { clientWidth, clientHeight, style } = byId("panes"), count = this.panes.length;
    const proof = this.view === "proof" && this.proofSize, size = proof || this.size;
    const room = [clientWidth, clientHeight], share = "minmax(0, 1fr)";
    const columns = proof ? proofColumns(count, this.panes[0].rooms(), size, room) : columnsFor(count, size, room);
    style.gridTemplate = `repeat(${Math.ceil(count / columns)}, ${share}) / repeat(${columns}, ${share})`;
    for (const pane of this.panes) pane.fit(size, columns === 1);
    this.fitted = this.size.join();
  }

  /** Shows an answer: one map for each pane with heat. */
  explained(answer, { regions, things, captions }, now) {
    const hot = this.panes.filter((pane) => pane.withHeat);
    // An answer to the former question is shown in the first pane; the others are cleared.
    if (answer.maps.length !== hot.length) for (const pane of hot.splice(1)) pane.drop();
    hot.forEach((pane, i) => {
      pane.explained(answer.maps[i], regions[i], things[i], now);
      pane.say({ name: captions[i] });
    });
  }

  /** Shows three pictures of one moment, the first with its map and the outline of the hottest part, and a figure on each. */
  proved(pictures, outline, map, region, captions) {
    const { width, height } = pictures[0];
    if (this.proofSize?.join() !== [width, height].join()) {
      this.proofSize = [width, height];
      this.fit();
    }
    this.panes.forEach((pane, i) => {
      pane.copyFrom(pictures[i], [pictures[i].width, pictures[i].height]);
      pane.lookAt(region);
      pane.say(captions[i]);
    });
    this.panes[0].mark(outline, [width, height]);
    this.panes[0].smoothing.begin(map, region); // the heat of this moment, not of the last ones
  }

  /** Sets the part of the picture that the network gets, before its first answer comes. */
  lookAt(region) {
    for (const pane of this.panes) pane.lookAt(region);
  }

  paint(now) {
    requestAnimationFrame((next) => this.paint(next));
    const seconds = Math.min(0.25, (now - this.last) / 1000);
    this.last = now;
    if (this.drawable === null || !this.size[0]) return;
    if (this.fitted !== this.size.join()) {
      const turned = this.shownSize !== undefined && this.shownSize !== this.size.join();
      this.shownSize = this.size.join();
      this.fit();
      if (turned) this.resized();
    }
    const palette = this.palettes[this.look.colormap];
    this.panes.forEach((pane, i) => {
      if ((i > 0 || this.frozen) && this.view !== "proof") pane.copyFrom(this.drawable, this.size);
      pane.paint(seconds, this.look, palette);
      if (pane.box) pane.names.show(pane.box, this.mirrored, byId("plate"));
    });
    if (this.view === "history") this.plate.drawHistory(byId("history"), now / 1000);
    this.frames += 1;
    this.afterPaint();
  }

  /** Draws the panes and the curves onto a canvas, without the controls; with `afresh` also sets the canvas's size. */
  draw(canvas, afresh, panel) {
    if (this.drawable === null || !this.size[0]) return false;
    const [width, height] = this.proofSize ?? this.size, columns = this.proofSize ? 3 : this.panes.length > 1 ? 2 : 1;
    const rows = Math.ceil(this.panes.length / columns);
    if (afresh) {
      // Video needs even sides; several panes share the size of one, and the pictures of a proof stand in a row.
      const scale = this.proofSize ? Math.min(1, 640 / width) : Math.min(1, 1920 / width) / (columns > 1 && rows > 1 ? 2 : 1);
      canvas.width = 2 * Math.round((width * scale * columns) / (1 - panel.room) / 2);
      canvas.height = 2 * Math.round((height * scale * rows) / 2);
    }
    const context = canvas.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    const room = Math.round(canvas.width * panel.room), wide = canvas.width - room;
    const cell = [wide / columns, canvas.height / rows];
    const scale = Math.min(cell[0] / width, cell[1] / height), box = [width * scale, height * scale];
    this.panes.forEach((pane, i) => {
      const x = (i % columns) * cell[0] + (cell[0] - box[0]) / 2;
      const y = Math.floor(i / columns) * cell[1] + (cell[1] - box[1]) / 2;
      pane.drawOnto(context, this.view === "proof" ? pane.copy : this.drawable, [x, y, ...box], this.mirrored);
    });
    this.plate.drawOnto(context, wide, canvas.height, this.view === "proof"); // whose captions are at the bottom
    const margin = Math.round(room / 16);
    panel.drawOnto(context, [wide + margin, margin, room - 2 * margin, canvas.height - 2 * margin]);
    return true;
  }

  /** Draws the scale of colours: vertical, or horizontal above several panes. */
  drawScale(canvas) {
    const lies = this.panes.length > 1, palette = this.palettes[this.look.colormap];
    [canvas.width, canvas.height] = lies ? [256, 1] : [1, 256];
    const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
    for (let i = 0; i < 256; i++) {
      const level = lies ? i : 255 - i;
      image.data.set(palette.subarray(4 * level, 4 * level + 4), 4 * i);
    }
    context.putImageData(image, 0, 0);
  }
}

/** Returns 1 for a proof whose pictures are larger below one another than in a row: with their captions beside them. */
function proofColumns(count, [beside, below], [width, height], [wide, high]) {
  const column = Math.min((wide - beside) / width, high / count / height);
  return column > Math.min(wide / count / width, (high - below) / height) ? 1 : count;
}

/** Returns the number of columns in which the pictures are largest; two, unless another is clearly better. */
function columnsFor(count, [width, height], [wide, high]) {
  const scale = (columns) => Math.min(wide / columns / width, high / Math.ceil(count / columns) / height);
  let best = Math.min(2, count);
  for (let columns = 1; columns <= count; columns++) if (scale(columns) > 1.05 * scale(best)) best = columns;
  return best;
}
