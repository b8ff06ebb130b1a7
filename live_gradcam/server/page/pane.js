// A pane: one picture with one heat map. The first pane shows the source itself, the others show copies.

import { createPainter } from "./heat_painter.js";
import { HeatSmoothing } from "./heat_smoothing.js";
import { ThingNames } from "./thing_names.js";

const CAPTION = [13, 6.2]; // em: width of a caption beside a picture, and height of one below it

export class Pane {
  /** @param setup the setup from the server; @param withHeat whether to show heat. */
  constructor(setup, withHeat = true) {
    this.smoothing = new HeatSmoothing(setup.smoothing, setup.scale);
    this.withHeat = withHeat;
    this.captioned = false; // whether the caption stands beside the picture, as in a proof
    this.region = [0, 0, 1, 1]; // of the picture, in fractions: left, top, right, bottom
    this.painter = createPainter();
    this.root = element("div", "pane");
    this.frame = element("div", "frame");
    this.turned = element("div", "turned");
    this.copy = element("canvas", "copy");
    this.outline = Object.assign(element("canvas", "outline"), { hidden: true });
    this.finder = element("div", "finder");
    this.finder.append(...["tl", "tr", "bl", "br"].map((corner) => element("i", corner)));
    this.caption = element("p", "caption");
    this.names = new ThingNames();
    this.painter.canvas.className = "heat";
    this.turned.append(this.copy, this.painter.canvas, this.outline, this.finder);
    this.frame.append(this.turned, this.names.root, this.caption);
    this.root.append(this.frame);
    this.painted = "";
  }

  /**
   * Shows this element; with null or `covered`, shows the copy that `copyFrom` draws. A covered video stays in the
   * document, because it would stop otherwise.
   */
  show(media, covered = false) {
    const shown = this.turned.querySelector(".media");
    if (shown !== media) {
      shown?.remove();
      if (media !== null) {
        media.className = "media";
        this.turned.prepend(media);
      }
    }
    this.copy.hidden = media !== null && !covered;
  }

  /** Draws a picture into the pane. */
  copyFrom(drawable, [width, height]) {
    const scale = Math.min(1, 1280 / width);
    const size = { width: Math.round(width * scale), height: Math.round(height * scale) };
    if (this.copy.width !== size.width || this.copy.height !== size.height) Object.assign(this.copy, size);
    this.copy.getContext("2d").drawImage(drawable, 0, 0, size.width, size.height);
  }

  /** Draws lines [x, y, x, y], in fractions of the picture, onto the heat: as thick as in render/proof.py. */
  mark(lines, [width, height]) {
    Object.assign(this.outline, { width, height, hidden: false });
    const context = this.outline.getContext("2d");
    Object.assign(context, { strokeStyle: "#fff", lineCap: "round", lineWidth: Math.max(1.5, Math.min(width, height) / 160) });
    for (const [x0, y0, x1, y1] of lines) {
      context.moveTo(x0 * width, y0 * height);
      context.lineTo(x1 * width, y1 * height);
    }
    context.stroke();
  }

  /** Fits the picture into the pane, and leaves room for a caption below it, or beside it if panes lie below one another. */
  fit([width, height], below = false) {
    const { clientWidth, clientHeight } = this.root, [beside, under] = this.rooms();
    const [wide, high] = below ? [beside, 0] : [0, under];
    this.root.classList.toggle("beside", this.captioned && below);
    const scale = Math.min((clientWidth - wide) / width, (clientHeight - high) / height);
    const box = [Math.floor(width * scale), Math.floor(height * scale)];
    this.frame.style.width = `${box[0]}px`;
    this.frame.style.height = `${box[1]}px`;
    this.box = box;
    this.painted = "";
  }

  /** Returns the room for a caption in pixels: its width beside a picture, and its height below one. */
  rooms() {
    return CAPTION.map((each) => (this.captioned ? each * parseFloat(getComputedStyle(this.root).fontSize) : 0));
  }

  place(region) {
    this.region = region;
    const [left, top, right, bottom] = region;
    for (const { style } of [this.painter.canvas, this.finder]) {
      style.left = `${100 * left}%`;
      style.top = `${100 * top}%`;
      style.width = `${100 * (right - left)}%`;
      style.height = `${100 * (bottom - top)}%`;
    }
    this.finder.hidden = left < 0.005 && top < 0.005 && right > 0.995 && bottom > 0.995;
  }

  /** Sets the part of the picture that the network gets; drops the heat of another part. */
  lookAt(region) {
    if (differ(region, this.region)) this.drop();
    this.place(region);
  }

  explained(map, region, things, now) {
    this.lookAt(region);
    this.smoothing.explained(map, region, now);
    this.names.explained(things, now);
  }

  /** Fades the heat if it belongs to a former scene, and hides its names. */
  setOld(on) {
    this.smoothing.setOld(on);
    this.names.root.hidden = on;
    this.outline.classList.toggle("old", on);
  }

  /** Drops the heat, its outline, its names and its caption. */
  drop() {
    this.outline.hidden = true;
    this.smoothing.drop();
    this.names.drop();
    this.say({ name: "" });
  }

  /** Writes the caption: a name; in a proof below a large figure and above a smaller line. */
  say({ name, figure = "", more = "", mark = "" }) {
    const parts = [["strong", figure], ["span", name], ["small", more]].filter(([, text]) => text);
    this.caption.replaceChildren(...parts.map(([tag, textContent]) => Object.assign(document.createElement(tag), { textContent })));
    this.caption.dataset.mark = mark;
  }

  /** Advances the heat by some seconds and paints it. */
  paint(seconds, look, palette) {
    const moved = this.smoothing.step(seconds);
    const { shown, opacity } = this.smoothing;
    const state = [look.style, look.alpha, look.colormap, opacity === 0, this.withHeat, this.box].join();
    if (!moved && state === this.painted) return;
    this.painted = state;
    if (!this.withHeat || shown === null || opacity < 0.01 || !this.box) {
      this.painter.clear();
      return;
    }
    const [left, top, right, bottom] = this.region, dots = window.devicePixelRatio || 1;
    const size = [(right - left) * this.box[0] * dots, (bottom - top) * this.box[1] * dots];
    this.painter.canvas.style.opacity = opacity;
    this.painter.paint(this.smoothing.mesh(), palette, look.style, look.alpha, size);
  }

  /** Draws the pane into a rectangle of another canvas. */
  drawOnto(context, drawable, [x, y, width, height], mirrored) {
    context.save();
    context.translate(x, y);
    if (mirrored) context.transform(-1, 0, 0, 1, width, 0);
    context.drawImage(drawable, 0, 0, width, height);
    if (this.withHeat && this.smoothing.shown !== null && this.smoothing.opacity >= 0.01) {
      const [left, top, right, bottom] = this.region;
      context.globalAlpha = this.smoothing.opacity;
      const place = [left * width, top * height, (right - left) * width, (bottom - top) * height];
      context.drawImage(this.painter.canvas, ...place);
    }
    if (!this.outline.hidden) context.drawImage(this.outline, 0, 0, width, height);
    context.restore();
    if (!this.names.root.hidden) this.names.drawOnto(context, [x, y, width, height], mirrored, shade);
    const text = [...this.caption.children].slice(0, 2).map((each) => each.textContent).join("  ");
    if (text) {
      const size = Math.max(14, height / 22);
      context.font = `600 ${size}px system-ui, sans-serif`;
      const wide = context.measureText(text).width + size;
      shade(context, x + size * 0.6, y + height - size * 2.3, wide, size * 1.7);
      context.fillStyle = "#fff";
      context.fillText(text, x + size * 1.1, y + height - size * 1.15);
    }
  }

  close() {
    this.painter.gl?.getExtension("WEBGL_lose_context")?.loseContext();
    this.root.remove();
  }
}

const differ = (one, other) => one.some((edge, i) => Math.abs(edge - other[i]) > 0.01);

/** Darkens a rectangle with rounded corners. */
export function shade(context, x, y, width, height) {
  context.fillStyle = "rgb(10 11 14 / 0.72)";
  context.beginPath();
  context.roundRect(x, y, width, height, height / 4);
  context.fill();
}

function element(name, kind) {
  return Object.assign(document.createElement(name), { className: kind });
}
