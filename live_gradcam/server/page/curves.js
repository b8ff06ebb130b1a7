// The curves: how the answer changes while the hottest pixels are taken away, or shown, first.

import { percent } from "./label_plate.js";

const PLOTS = [
  ["deletion", "the hottest taken away first", "lower is better"],
  ["insertion", "the hottest shown first", "higher is better"],
];
const COLOURS = ["#60d060", "#5abeff", "#ff8278", "#ffdc5a"]; // of the methods, as in render/curve_panel.py
const ELSEWHERE = "#aaaaaa";
const LINE = 1.35, SMALL = 0.85; // height of a line, and the size of small letters, in units of the font size
const ROOM = 0.32; // of a saved picture's width

const byId = (id) => document.getElementById(id);

export class CurvePanel {
  /** @param words translates a text. */
  constructor(words) {
    this.words = words;
    this.curves = [];
    this.root = byId("curves");
    this.canvas = this.root.querySelector("canvas");
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /** Shows that curves are being measured. */
  wait() {
    this.show({ curves: [], reason: "measuring …" });
  }

  /** Shows the curves of the server's message, or the reason why there are none. */
  show({ curves, reason }) {
    this.curves = curves;
    this.root.hidden = false;
    this.canvas.hidden = !curves.length;
    byId("no-curves").textContent = this.words(reason);
    this.root.style.setProperty("--rows", rowsOf(curves));
    this.canvas.setAttribute("aria-label", this.text());
    this.draw();
  }

  hide() {
    this.curves = [];
    this.root.hidden = true;
  }

  /** Returns what the panel shows, as text. */
  text() {
    return PLOTS.map(([way, title, better]) => {
      const areas = this.curves.filter((each) => each.way === way).map((each) => legend(each, this.words));
      return `${this.words(title)} (${this.words(better)}): ${areas.join(", ")}`;
    }).join("; ");
  }

  draw() {
    const { canvas, curves } = this, { clientWidth, clientHeight } = canvas, dots = window.devicePixelRatio || 1;
    if (!curves.length || !clientWidth) return;
    Object.assign(canvas, { width: Math.round(clientWidth * dots), height: Math.round(clientHeight * dots) });
    const size = dots * parseFloat(getComputedStyle(canvas).fontSize);
    drawCurves(canvas.getContext("2d"), [0, 0, canvas.width, canvas.height], curves, this.words, size);
  }

  /** Returns the share of a saved picture's width that the curves take. */
  get room() {
    return this.curves.length ? ROOM : 0;
  }

  /** Draws the curves into a box of a saved picture. */
  drawOnto(context, box) {
    if (this.curves.length) drawCurves(context, box, this.curves, this.words, Math.max(10, box[2] / 21));
  }
}

const rowsOf = (curves) => Math.max(0, ...PLOTS.map(([way]) => curves.filter((each) => each.way === way).length));

/** Returns a curve's name and the area under it. */
function legend({ name, area }, words) {
  return `${name || words("elsewhere")} · ${words(`area ${percent(area)}`)}`;
}

/** Returns the points of a curve in a box [x, y, width, height]: the changed share across, the probability up. */
export function pointsOf({ fractions, scores }, [x, y, width, height]) {
  return fractions.map((share, i) => [x + share * width, y + (1 - scores[i]) * height]);
}

/** Draws the plot of each way into a box: below each other if it is high, else beside each other. */
function drawCurves(context, [x, y, width, height], curves, words, size) {
  const gap = size, rows = rowsOf(curves), high = height > 1.1 * width;
  const box = high ? [width, (height - gap) / 2] : [(width - gap) / 2, height];
  PLOTS.forEach(([way, title, better], i) => {
    const own = curves.filter((each) => each.way === way);
    const place = high ? [x, y + i * (box[1] + gap)] : [x + i * (box[0] + gap), y];
    drawPlot(context, [...place, ...box], own, [words(title), words(better)], rows, words, size);
  });
}

function drawPlot(context, [x, y, width, height], curves, [title, better], rows, words, size) {
  const line = LINE * size, small = SMALL * size;
  const write = (text, at, { letters = size, weight = 400, colour = "#f2f3f5", align = "left", most = width } = {}) => {
    context.font = `${weight} ${letters}px system-ui, sans-serif`;
    const wide = context.measureText(text).width; // a text that is too long gets smaller letters
    if (wide > most) context.font = `${weight} ${(letters * most) / wide}px system-ui, sans-serif`;
    Object.assign(context, { fillStyle: colour, textAlign: align, textBaseline: "alphabetic" });
    context.fillText(text, ...at);
  };
  write(title, [x, y + size], { weight: 600 });
  write(better, [x, y + size + line], { colour: "#ffc85a" });
  const left = x + 3.6 * small, top = y + 2.6 * line, right = x + width - 0.2 * size;
  const bottom = y + height - (rows + 2.1) * line;
  const plot = [left, top, right - left, bottom - top];
  Object.assign(context, { strokeStyle: "#6e6e6e", lineWidth: Math.max(1, size / 14), lineJoin: "round" });
  context.strokeRect(...plot);
  const quiet = { letters: small, colour: "#c3c8d2" };
  write("100%", [left - 0.35 * small, top + 0.75 * small], { ...quiet, align: "right" });
  write("0%", [left - 0.35 * small, bottom], { ...quiet, align: "right" });
  write("0%", [left, bottom + 1.15 * small], quiet);
  write("100%", [right, bottom + 1.15 * small], { ...quiet, align: "right" });
  write(words("share of the picture changed"), [right, bottom + 2.35 * small], { ...quiet, align: "right" });
  context.save();
  context.translate(left - 0.7 * small, (top + bottom) / 2);
  context.rotate(-Math.PI / 2);
  write(words("probability"), [0, 0], { ...quiet, align: "center", most: bottom - top - 2.4 * small });
  context.restore();
  const colours = curves.map((each, i) => (each.name ? COLOURS[i % COLOURS.length] : ELSEWHERE));
  for (let i = curves.length - 1; i >= 0; i--) { // the first method lies on top
    context.beginPath();
    for (const point of pointsOf(curves[i], plot)) context.lineTo(...point);
    Object.assign(context, { strokeStyle: colours[i], lineWidth: (curves[i].name ? 0.2 : 0.12) * size });
    context.stroke();
  }
  curves.forEach((each, i) => {
    const base = bottom + (i + 2.9) * line;
    write(legend(each, words), [x, base], { colour: colours[i] });
  });
  context.textAlign = "left";
}
