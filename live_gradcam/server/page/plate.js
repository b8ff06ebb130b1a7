// What the network says, in words and bars, large enough for the back of the hall.

import { shade } from "./pane.js";

const UNSURE = 0.3;
const HISTORY_SECONDS = 60;

const byId = (id) => document.getElementById(id);

export const percent = (share) => (share > 0 && share < 0.005 ? "<1%" : `${Math.round(100 * share)}%`);

export class Plate {
  /** @param pin is called with the rank, from 1, of a class that was clicked. */
  constructor(pin) {
    this.rows = [1, 2, 3, 4, 5].map((rank) => {
      const row = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.innerHTML = '<span class="bar"></span><span class="name"></span><span class="share"></span>';
      button.addEventListener("click", () => pin(rank));
      row.append(button);
      byId("top").append(row);
      return { row, button, bar: row.querySelector(".bar"), name: row.querySelector(".name"), share: row.querySelector(".share") };
    });
    this.history = [];
    this.said = "";
  }

  /** Shows what an answer says; `pinned` is the class that is kept to, or null. */
  show(answer, pinned, now) {
    byId("plate").hidden = false;
    const [best] = answer.top, map = answer.maps[0];
    const unsure = best !== undefined && best[2] < UNSURE;
    text(byId("label"), best ? best[1] : map.target.label);
    text(byId("percent"), best ? percent(best[2]) : String(map.target.probability));
    byId("plate").classList.toggle("unsure", unsure);
    const other = !best || map.target.id !== best[0] || map.target.label !== best[1];
    let note = unsure ? "not sure" : "";
    if (!map.evidence) note = other ? `no evidence for ${map.target.label}` : "no evidence";
    else if (other && best) note = `heat for ${map.target.label} ${percent(map.target.probability)}`;
    text(byId("note"), note);
    this.rows.forEach(({ row, button, bar, name, share }, i) => {
      const guess = answer.top[i];
      row.hidden = guess === undefined;
      if (guess === undefined) return;
      text(name, guess[1]);
      text(share, percent(guess[2]));
      bar.style.transform = `scaleX(${guess[2]})`;
      const marked = guess[0] === map.target.id;
      row.classList.toggle("target", marked);
      button.setAttribute("aria-pressed", String(pinned === guess[0]));
      button.setAttribute("aria-label", `${guess[1]}, ${percent(guess[2])}${marked ? ", explained" : ""}`);
    });
    if (best) this.remember(best, now);
  }

  remember(best, now) {
    this.history.push([now, best[1], best[2]]);
    while (this.history[0][0] < now - HISTORY_SECONDS) this.history.shift();
  }

  /** Draws the last minute: one column for each moment, as high as the top class was probable, a colour for each class. */
  drawHistory(canvas, now) {
    const context = canvas.getContext("2d"), { width, height } = canvas;
    context.clearRect(0, 0, width, height);
    this.history.forEach(([at, label, share], i) => {
      const next = this.history[i + 1]?.[0] ?? now;
      const x = (at) => width * (1 - (now - at) / HISTORY_SECONDS);
      context.fillStyle = `hsl(${hue(label)} 70% 60%)`;
      context.fillRect(x(at), height * (1 - share), Math.max(1, x(next) - x(at) + 0.5), height * share);
    });
  }

  /** Draws the plate into the bottom left of another canvas. */
  drawOnto(context, width, height) {
    if (byId("plate").hidden) return;
    const size = Math.max(12, Math.min(width, height) / 14), label = byId("label").textContent;
    const note = byId("note").textContent, share = byId("percent").textContent;
    context.font = `600 ${size}px system-ui, sans-serif`;
    const wide = context.measureText(`${label} ${share}`).width + size;
    const tall = size * (note ? 2.4 : 1.6), y = height - tall - size * 0.45;
    shade(context, size * 0.45, y, Math.min(wide, width - size), tall);
    context.fillStyle = "#fff";
    context.fillText(`${label} ${share}`, size * 0.95, y + size * 1.12, width - 2 * size);
    if (note) {
      context.font = `${size * 0.56}px system-ui, sans-serif`;
      context.fillStyle = "#ffc85a";
      context.fillText(note, size * 0.95, y + size * 1.95, width - 2 * size);
    }
  }
}

function hue(label) {
  let sum = 0;
  for (const letter of label) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}

function text(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
