// The names of recognised things, each above its heat: the same rules as in render/thing_names.py.

const SECONDS = 0.15, APPEARS = 0.5, VANISHES = 0.2, GAP = 0.25, SHORTER_SIDE = 1 / 22, SMALLEST = 11;

/**
 * Returns the names after one more answer.
 * @param before the names so far: {label, percent, box: [left, top, right, bottom] in fractions, strength, visible}.
 * @param things the things in the answer: {label, percent, box}.
 * @param seconds time since the previous answer.
 */
export function followed(before, things, seconds) {
  const kept = seconds >= 0 ? Math.exp(-seconds / SECONDS) : 0;
  const found = new Set(things.map((thing) => thing.label));
  const names = things.map((thing) => {
    const old = before.find((name) => name.label === thing.label);
    if (old === undefined) return { ...thing, strength: 1 - kept, visible: 1 - kept >= APPEARS };
    const strength = 1 + (old.strength - 1) * kept;
    const box = thing.box.map((edge, i) => edge + (old.box[i] - edge) * kept);
    return { ...thing, box, strength, visible: old.visible || strength >= APPEARS };
  });
  const fading = before.filter((name) => !found.has(name.label));
  const rest = fading.map((name) => ({ ...name, strength: name.strength * kept }));
  return [...names, ...rest.filter((name) => name.strength >= VANISHES)];
}

/**
 * Returns the place [x, y] of each name: above its heat, or below it, or at the top of it; null where there is no room.
 * A place that lies on another thing's heat is taken only if there is no other.
 * @param names {box: [x, y, width, height] of the heat, size: [width, height] of the name}, in pixels.
 * @param size [width, height] of the picture.
 * @param gap around names, in pixels.
 * @param taken regions [x, y, width, height] that no name may cover.
 */
export function placesOf(names, [width, height], gap, taken) {
  const used = [...taken];
  return names.map(({ box: [left, top, wide, high], size: [broad, tall] }) => {
    const x = Math.min(Math.max(left + (wide - broad) / 2, gap), width - gap - broad);
    if (x < gap) return null;
    const free = [top - gap - tall, top + high + gap, top + gap]
      .filter((y) => y >= gap && y <= height - gap - tall)
      .map((y) => [x, y, broad, tall])
      .filter((place) => !used.some((other) => touch(place, other, gap)));
    const others = names.map((name) => name.box).filter((box) => box.join() !== [left, top, wide, high].join());
    const place = free.find((each) => !others.some((box) => touch(each, box, 0))) ?? free[0];
    if (!place) return null;
    used.push(place);
    return place.slice(0, 2);
  });
}

/** The names on one pane. */
export class ThingNames {
  constructor() {
    this.root = document.createElement("div");
    this.root.className = "names";
    this.names = [];
    this.changes = 0; // how often the names have changed
    this.placed = ""; // what the names were placed for
    this.spans = new Map(); // by the thing's label, so that each name glides with its own thing
    this.at = 0;
  }

  /** Takes the things of an answer; null if the frame was not scanned. `now` in seconds. */
  explained(things, now) {
    if (things === null) return this.drop();
    this.names = this.names.length ? followed(this.names, things, now - this.at) : followed([], things, -1);
    this.at = now;
    this.changes += 1;
  }

  drop() {
    this.names = [];
    this.changes += 1;
    this.spans.clear();
    this.root.replaceChildren();
  }

  /**
   * Shows the names on a picture of [width, height] CSS pixels, if they or the picture have changed: measuring texts is
   * slow, and this is called for each painted frame.
   * @param plate the element that no name may cover.
   */
  show(box, mirrored, plate) {
    const state = [this.changes, ...box, mirrored].join();
    if (state === this.placed) return;
    this.placed = state;
    const visible = this.names.filter((name) => name.visible);
    for (const [label, span] of this.spans) {
      if (visible.some((name) => name.label === label)) continue;
      span.remove();
      this.spans.delete(label);
    }
    if (!visible.length) return;
    const font = fontSize(box), frame = this.root.getBoundingClientRect(), covered = plate.getBoundingClientRect();
    this.root.style.fontSize = `${font}px`;
    const spans = visible.map(({ label, percent }) => {
      const span = this.spans.get(label) ?? document.createElement("span");
      if (!this.spans.has(label)) {
        this.spans.set(label, span);
        this.root.append(span);
      }
      if (span.textContent !== `${label} ${percent}`) span.replaceChildren(bold(label), ` ${percent}`);
      return span;
    });
    const names = visible.map((name, i) => ({
      box: pixels(name.box, box, mirrored),
      size: [spans[i].offsetWidth, spans[i].offsetHeight],
    }));
    const taken = [[covered.x - frame.x, covered.y - frame.y, covered.width, covered.height]];
    placesOf(names, box, font * GAP, taken).forEach((place, i) => {
      const { style } = spans[i];
      // A name that was not visible appears at its place, and does not fly there.
      style.transition = style.visibility === "visible" ? "" : "none";
      style.visibility = place ? "visible" : "hidden";
      if (place) style.transform = `translate(${place[0]}px, ${place[1]}px)`;
    });
  }

  /** Draws the names into a rectangle of another canvas; `shade` darkens a rectangle. */
  drawOnto(context, [x, y, width, height], mirrored, shade) {
    const visible = this.names.filter((name) => name.visible), font = fontSize([width, height]);
    context.font = `600 ${font}px system-ui, sans-serif`;
    const names = visible.map((name) => {
      const text = `${name.label} ${name.percent}`;
      const size = [context.measureText(text).width + font * 0.8, font * 1.5];
      return { text, size, box: pixels(name.box, [width, height], mirrored) };
    });
    placesOf(names, [width, height], font * GAP, []).forEach((place, i) => {
      if (!place) return;
      shade(context, x + place[0], y + place[1], ...names[i].size);
      context.fillStyle = "#fff";
      context.fillText(names[i].text, x + place[0] + font * 0.4, y + place[1] + font * 1.1);
    });
  }
}

function pixels([left, top, right, bottom], [width, height], mirrored) {
  const begin = mirrored ? 1 - right : left;
  return [begin * width, top * height, (right - left) * width, (bottom - top) * height];
}

function bold(text) {
  const element = document.createElement("b");
  element.textContent = text;
  return element;
}

const fontSize = (box) => Math.max(SMALLEST, Math.min(...box) * SHORTER_SIDE);

const touch = (one, other, gap) =>
  [0, 1].every((i) => one[i] < other[i] + other[i + 2] + gap && other[i] < one[i] + one[i + 2] + gap);
