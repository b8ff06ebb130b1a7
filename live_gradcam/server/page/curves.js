// The curves: how the answer changes while the hottest pixels are taken away, or shown, first.

import { percent } from "./label_plate.js";

const PLOTS = [
  ["deletion", "the hottest taken away first", "lower is better"],
  ["insertion", "the hottest shown first", "higher is better"],
];
const COLOURS = ["#60d060", "#5abeff", "#ff8278", "#ffdc5a"]; // of the methods, as in render/curve_panel.py
const ELSEWHERE = "#aaaaaa";
const LINE = 1.35, HEAD = 1.8, SMALL = 0.85; // height of a line and of the heading, size of small letters: in units of the font size
const SMALLEST = 0.6; // to which letters of heading and axis shrink before they are shortened, or left out
const LOWEST = 4, LEAST = 0.7; // height of a plot's box in font sizes, for which letters shrink, and to which share of theirs
const TEXTS = 4.7; // lines of a plot besides its legend
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
    if (!this.curves.length) return "";
    const plots = PLOTS.map(([way, title, better]) => {
      const areas = this.curves.filter((each) => each.way === way).map((each) => legend(each, this.words));
      return `${this.words(title)} (${this.words(better)}): ${areas.join(", ")}`;
    });
    return `${heading(this.curves, this.words)}: ${plots.join("; ")}`;
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

/** Returns which class the probability is of. */
const heading = ([{ label }], words) => words(`probability of ${label}`);

/** Returns the points of a curve in a box [x, y, width, height]: the changed share across, the probability up. */
export function pointsOf({ fractions, scores }, [x, y, width, height]) {
  return fractions.map((share, i) => [x + share * width, y + (1 - scores[i]) * height]);
}

/** Draws the class and the plot of each way into a box: the plots below each other if it is high, else beside each other. */
export function drawCurves(context, [x, above, width, full], curves, words, most) {
  const rows = rowsOf(curves), high = full > 1.1 * width, plots = high ? 2 : 1;
  const needed = HEAD + plots * ((rows + TEXTS) * LINE + LOWEST) + plots - 1;
  const size = Math.min(most, Math.max(LEAST * most, full / needed));
  writeHeading(context, curves, words, [x, above + size], size, width);
  const y = above + HEAD * size, height = full - HEAD * size;
  const gap = size;
  const box = high ? [width, (height - gap) / 2] : [(width - gap) / 2, height];
  PLOTS.forEach(([way, title, better], i) => {
    const own = curves.filter((each) => each.way === way);
    const place = high ? [x, y + i * (box[1] + gap)] : [x + i * (box[0] + gap), y];
    drawPlot(context, [...place, ...box], own, [words(title), words(better)], rows, words, size);
  });
}

/** Writes which class the probability is of: a name that is too long for that stands alone, and at last is cut. */
function writeHeading(context, curves, words, at, letters, most) {
  const look = { letters, weight: 600, most }, room = most / SMALLEST;
  context.font = fontOf(look);
  const fits = (text) => context.measureText(text).width <= room;
  const [{ label }] = curves;
  const cuts = [...label].map((_, i, all) => `${all.slice(0, all.length - 1 - i).join("").trimEnd()}…`);
  writeOnto(context, [heading(curves, words), label, ...cuts].find(fits) ?? "…", at, look);
}

const fontOf = ({ letters, weight = 400 }) => `${weight} ${letters}px system-ui, sans-serif`;

/** Writes a line of text; one that is too long gets smaller letters. */
function writeOnto(context, text, at, { letters, most, weight = 400, colour = "#f2f3f5", align = "left" }) {
  context.font = fontOf({ letters, weight });
  const wide = context.measureText(text).width;
  if (wide > most) context.font = fontOf({ letters: (letters * most) / wide, weight });
  Object.assign(context, { fillStyle: colour, textAlign: align, textBaseline: "alphabetic" });
  context.fillText(text, ...at);
}

function drawPlot(context, [x, y, width, height], curves, [title, better], rows, words, size) {
  const line = LINE * size, small = SMALL * size;
  const write = (text, at, look = {}) => writeOnto(context, text, at, { letters: size, most: width, ...look });
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
  const up = words("probability"), most = bottom - top - 2.4 * small;
  context.font = fontOf(quiet);
  if (context.measureText(up).width * SMALLEST <= most) write(up, [0, 0], { ...quiet, align: "center", most });
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
