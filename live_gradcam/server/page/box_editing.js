// Boxes on a picture: [x, y, width, height] as fractions of its width and height.

const LEAST = 0.005;

const within = (value) => Math.min(1, Math.max(0, value));

/** Returns the box between two places [x, y], cut off at the picture's edges; null if it is too small to be meant. */
export function drawn(start, end) {
  const [left, right] = [within(start[0]), within(end[0])].sort((one, other) => one - other);
  const [top, bottom] = [within(start[1]), within(end[1])].sort((one, other) => one - other);
  return right - left < LEAST || bottom - top < LEAST ? null : [left, top, right - left, bottom - top];
}

/** Returns the box moved by a distance, stopped at the picture's edges. */
export function moved([x, y, width, height], across, down) {
  const clamp = (at, size) => Math.min(1 - size, Math.max(0, at));
  return [clamp(x + across, width), clamp(y + down, height), width, height];
}

/**
 * Returns the box with one or two of its edges moved.
 *
 * @param grip the edges: letters of "n", "s", "w" and "e", such as "se" for the lower right corner.
 */
export function sized([x, y, width, height], grip, across, down) {
  let [left, top, right, bottom] = [x, y, x + width, y + height];
  if (grip.includes("w")) left = Math.min(within(left + across), right - LEAST);
  if (grip.includes("e")) right = Math.max(within(right + across), left + LEAST);
  if (grip.includes("n")) top = Math.min(within(top + down), bottom - LEAST);
  if (grip.includes("s")) bottom = Math.max(within(bottom + down), top + LEAST);
  return [left, top, right - left, bottom - top];
}

/**
 * Returns which part of a box a place is on: "nw", "e" and the like for edges and corners, "move" for the inside, "" for
 * none of them.
 *
 * @param reach how near an edge counts, as fractions [across, down].
 */
export function gripAt(box, [x, y], reach) {
  if (box === null) return "";
  const [left, top, width, height] = box, right = left + width, bottom = top + height;
  if (x < left - reach[0] || x > right + reach[0] || y < top - reach[1] || y > bottom + reach[1]) return "";
  // A small box has an inside all the same: its edges reach inwards by a quarter of it at most.
  const inner = [Math.min(reach[0], width / 4), Math.min(reach[1], height / 4)];
  const down = y < top + inner[1] ? "n" : y > bottom - inner[1] ? "s" : "";
  const across = x < left + inner[0] ? "w" : x > right - inner[0] ? "e" : "";
  return down + across || "move";
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The box with which the keyboard begins. */
export const FIRST = [0.25, 0.25, 0.5, 0.5];

/**
 * Returns the box after an arrow key: it moves, or with Shift its lower right corner moves; null for any other key.
 *
 * @param step how far, as a fraction of the picture.
 */
export function arrowed(box, key, shift, step) {
  if (!Object.hasOwn(ARROWS, key)) return null;
  if (box === null) return FIRST;
  const [across, down] = ARROWS[key].map((sign) => sign * step);
  return shift ? sized(box, "se", across, down) : moved(box, across, down);
}

/** Returns a box in words, for those who do not see it. */
export function boxText([x, y, width, height]) {
  const percent = (value) => `${Math.round(100 * value)}%`;
  return `box: left ${percent(x)}, top ${percent(y)}, width ${percent(width)}, height ${percent(height)}`;
}
