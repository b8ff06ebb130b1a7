// The label plate: the prediction in words and bars.

import { shade } from "./pane.js";

const THRESHOLDS = [0.3, 0.5]; // minimum probability to name a class, and a label: UNSURE, LABEL_HOLDS of number.py
const NO_NUMBER = "no number";
const HISTORY_SECONDS = 60;
const TEST_SECONDS = 6; // a test that is older is not shown

const byId = (id) => document.getElementById(id);

/** Formats a probability in whole percent, never rounded up to a threshold: like `percent_text` of number.py. */
export function percent(share) {
  let whole = Math.round(100 * share);
  for (const threshold of THRESHOLDS) {
    if (share < threshold && threshold <= whole / 100) whole -= 1;
  }
  return whole ? `${whole}%` : "<1%";
}

/**
 * Formats a number with three significant digits, or all digits before the point: 31.6, 0.0417, 1240. A number close to
 * zero has two digits, 0.00098, or three decimals beside a number of at least 0.1: like `number_text` of number.py.
 */
export function numberText(value, beside = []) {
  if (value === null) return NO_NUMBER;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.001 && beside.some((each) => each !== null && Math.abs(each) >= 0.1)) {
    return size < 0.0005 ? "0.00" : value < 0 ? "−0.001" : "0.001";
  }
  const rounded = Number(size.toExponential(1));
  const digits = rounded < 0.001 ? 1 - Math.floor(Math.log10(rounded)) : 2 - Math.floor(Math.log10(Math.max(size, 0.001)));
  const text =
    rounded < 1e-5 || size >= 1e6
      ? value.toExponential(1).replace(/[+-]\d$/, ([sign, digit]) => `${sign}0${digit}`) // 3.2e-06, as Python writes it
      : value.toFixed(Math.max(0, digits));
  return text.replaceAll("-", "−");
}

/** Formats an output: a probability, or a number with its unit; `all` are the network's values. */
export function figure({ probability, value, unit }, all = []) {
  if (probability !== null) return percent(probability);
  if (value === null) return NO_NUMBER;
  const attached = /^[°′″]/.test(unit);
  const numbers = all.filter((each) => each.unit === unit).map((each) => each.value);
  return `${numberText(value, numbers)}${unit && !attached ? " " : ""}${unit}`;
}

/** Returns a row of an answer's `top` by names. */
export const guessOf = ([id, label, probability, value, unit]) => ({ id, label, probability, value, unit });

/** Returns the name and figure of a target. */
export function named(target) {
  if (target.lowers) return `what lowers ${target.label.replace(/ −$/, "")}`;
  return `${target.label} ${figure(target)}`;
}

export class LabelPlate {
  /** @param pin called with the number of the clicked class; @param words translates a text. */
  constructor(pin, words) {
    this.words = words;
    this.rows = [1, 2, 3, 4, 5].map((rank) => {
      const row = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.innerHTML = '<span class="bar"></span><span class="name"></span><span class="share"></span>';
      // Use the class that the row held when it was touched: at the click it may hold another one.
      let touched;
      button.addEventListener("pointerdown", () => (touched = this.idAt(rank)));
      button.addEventListener("click", (event) => pin(event.detail ? (touched ?? this.idAt(rank)) : this.idAt(rank)));
      row.append(button);
      byId("top").append(row);
      return { row, button, bar: row.querySelector(".bar"), name: row.querySelector(".name"), share: row.querySelector(".share") };
    });
    this.test = null; // the newest test of the heat, and when it came
    this.history = [];
    this.values = false;
    this.ids = [];
    this.old = false;
  }

  /** Returns the number of the class or value in a row (from 1); undefined if the row is empty. */
  idAt(rank) {
    return this.old ? undefined : this.ids[rank - 1];
  }

  /** Fades the text if it belongs to a former scene. */
  setOld(on) {
    this.old = on;
    byId("plate").classList.toggle("old", on);
  }

  /** Shows an answer; `pinned` is the pinned class, or null. */
  show(answer, pinned, now) {
    byId("plate").hidden = false;
    const { caption } = answer, [{ target, automatic }] = answer.maps, values = answer.task === "values";
    const top = answer.top.map(guessOf), [best] = top;
    setText(byId("label"), caption.sure ? caption.label : this.words(caption.label));
    setText(byId("percent"), caption.percent);
    setText(byId("note"), caption.in_chart ? "" : this.words(caption.note));
    byId("plate").classList.toggle("unsure", !caption.sure);
    const single = values && top.length === 1; // the headline shows a single value
    this.ids = top.map((guess) => guess.id);
    this.rows.forEach(({ row, button, bar, name, share }, i) => {
      const guess = single ? undefined : top[i];
      row.hidden = guess === undefined;
      if (guess === undefined) return;
      // If the network is not sure of the class that it chose, no row is marked.
      const said = figure(guess, top), marked = guess.id === target.id && (caption.sure || !automatic);
      setText(name, guess.label);
      setText(share, said);
      // A value has no bar: the whole row is marked if it is explained.
      bar.style.transform = `scaleX(${guess.probability ?? (marked ? 1 : 0)})`;
      row.classList.toggle("target", marked);
      button.setAttribute("aria-pressed", String(pinned === guess.id));
      button.setAttribute("aria-label", `${guess.label}, ${said}${marked ? `, ${this.words("explained")}` : ""}`);
    });
    this.showTest(caption.sure ? target.id : -1, now);
    if (values) this.remember(target.label, target.value, now);
    else if (best) this.remember(best.label, best.probability, now);
    this.values = values;
  }

  /** Takes a test of the heat; `now` in seconds. */
  tested(test, now) {
    this.test = { ...test, at: now };
  }

  forgetTest() {
    this.test = null;
    byId("badge").hidden = true;
  }

  /** Shows the newest test if it is about the class that is named. */
  showTest(id, now) {
    const { test } = this, badge = byId("badge");
    badge.hidden = test === null || test.class_id !== id || now - test.at > TEST_SECONDS;
    if (badge.hidden) return;
    badge.dataset.mark = test.holds ? "holds" : "fails";
    // All are of the tested moment: the headline's probability is that of a later one.
    const changed = `alone ${percent(test.alone)} · without ${percent(test.without)}`;
    const figures = this.words(`whole ${percent(test.probability)} · ${changed}`);
    setText(badge, test.holds ? figures : `${figures}: ${this.words("this heat does not account for the answer")}`);
  }

  remember(label, number, now) {
    this.history.push([now, label, number]);
    while (this.history[0][0] < now - HISTORY_SECONDS) this.history.shift();
  }

  /**
   * Draws the last minute: a column for each answer, whose height is the probability of the top class and whose colour
   * stands for the class; or the curve of a value between its minimum and maximum.
   */
  drawHistory(canvas, now) {
    const context = canvas.getContext("2d"), { width, height } = canvas;
    context.clearRect(0, 0, width, height);
    const x = (at) => width * (1 - (now - at) / HISTORY_SECONDS);
    if (this.values) {
      this.drawCurve(context, x, width, height);
      return;
    }
    this.history.forEach(([at, label, share], i) => {
      const next = this.history[i + 1]?.[0] ?? now;
      context.fillStyle = `hsl(${hue(label)} 70% 60%)`;
      context.fillRect(x(at), height * (1 - share), Math.max(1, x(next) - x(at) + 0.5), height * share);
    });
  }

  drawCurve(context, x, width, height) {
    const label = this.history.at(-1)?.[1];
    const points = this.history.filter((point) => point[1] === label && point[2] !== null);
    if (!points.length) return;
    const numbers = points.map((point) => point[2]), low = Math.min(...numbers), high = Math.max(...numbers);
    const y = (value) => height * (0.9 - 0.8 * (high > low ? (value - low) / (high - low) : 0.5));
    context.strokeStyle = "#ffc85a";
    context.lineWidth = 2;
    context.beginPath();
    for (const [at, , value] of points) context.lineTo(x(at), y(value));
    context.stroke();
    context.fillStyle = "#fff";
    context.font = `${height / 4}px system-ui, sans-serif`;
    context.fillText(numberText(high, numbers), 4, height / 4);
    if (high > low) context.fillText(numberText(low, numbers), 4, height - 4);
  }

  /** Draws the plate into the bottom left corner of another canvas, or into the top left one. */
  drawOnto(context, width, height, above = false) {
    if (byId("plate").hidden || this.old) return;
    const size = Math.max(12, Math.min(width, height) / 14), label = byId("label").textContent;
    const badge = byId("badge"), test = badge.hidden ? "" : badge.textContent;
    const note = byId("note").textContent || test, share = byId("percent").textContent;
    context.font = `600 ${size}px system-ui, sans-serif`;
    const wide = context.measureText(`${label} ${share}`).width + size;
    const tall = size * (note ? 2.4 : 1.6), y = above ? size * 0.45 : height - tall - size * 0.45;
    shade(context, size * 0.45, y, Math.min(wide, width - size), tall);
    context.fillStyle = "#fff";
    context.fillText(`${label} ${share}`, size * 0.95, y + size * 1.12, width - 2 * size);
    if (note) {
      context.font = `${size * 0.56}px system-ui, sans-serif`;
      context.fillStyle = note === test && badge.dataset.mark === "holds" ? "#60d060" : "#ffc85a";
      context.fillText(note, size * 0.95, y + size * 1.95, width - 2 * size);
    }
  }
}

function hue(label) {
  let sum = 0;
  for (const letter of label) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}

function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
