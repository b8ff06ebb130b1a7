// Smooths heat maps in time: the same rules as in render/heat_smoothing.py, at the display's frame rate.

const RISE = 0.1, FALL = 2.0, CEILING_FALL = 60.0, WEAK = 0.4, SIDE = 112;

const kept = (seconds, constant) => (constant > 0 ? Math.exp(-seconds / constant) : 0);
const followed = (scale, peak, seconds, fall) =>
  peak + (scale - peak) * kept(seconds, peak > scale ? RISE : fall);

/** The heat of one pane, smoothed from one explanation to the next. */
export class HeatSmoothing {
  /** @param smoothing time constant in seconds (63% of a change); @param scale "stable" or "frame". */
  constructor(smoothing, scale) {
    this.smoothing = smoothing;
    this.stable = scale === "stable";
    this.goal = null; // Float32Array in [0, 1], at the map's own resolution
    this.shown = null;
    this.shape = [0, 0];
    this.opacity = 0;
    this.goalOpacity = 0;
    this.mapOpacity = 0; // from the server: low if the network is not sure
    this.jumped = false; // whether another map is shown at once, and was not painted yet
    this.old = false; // whether the heat belongs to a former scene
    this.origin = "";
    this.chosen = "";
    this.label = "";
    this.scale = this.ceiling = 0;
    this.at = 0;
  }

  /** Sets the goal to a map of an answer; `now` in seconds. */
  explained(map, region, now) {
    this.mapOpacity = map.evidence ? map.opacity : 0;
    this.setOld(this.old);
    if (!map.evidence) {
      this.at = now;
      return;
    }
    const origin = JSON.stringify([map.method, map.layer, map.shape, map.inset, region.map((each) => each.toFixed(3))]);
    // A newly chosen target starts a new scale: raw values of different classes are not comparable.
    const chosen = map.automatic ? "" : map.target.label, label = map.things ? "" : map.target.label;
    const continued = origin === this.origin && chosen === this.chosen;
    const same = continued && label === this.label;
    const since = Math.max(0, now - this.at), peak = map.peak;
    this.scale = same ? followed(this.scale, peak, since, FALL) : peak;
    this.ceiling = continued ? followed(this.ceiling, peak, since, CEILING_FALL) : peak;
    let full = peak;
    if (this.stable && this.scale > 0) full = this.scale * Math.max(1, (WEAK * this.ceiling) / this.scale) ** 2;
    const share = full > 0 ? peak / full / 255 : 0;
    this.goal = Float32Array.from(map.heat, (value) => Math.min(1, value * share));
    if (!same || this.shown === null) {
      this.shown = this.goal.slice();
      this.jumped = true;
    }
    this.shape = map.shape;
    this.inset = map.inset;
    this.origin = origin;
    this.chosen = chosen;
    this.label = label;
    this.at = now;
  }

  /** Shows a map at once, in full: that of another moment. */
  begin(map, region) {
    this.drop();
    this.explained(map, region, 0);
    this.opacity = this.goalOpacity;
  }

  /** Fades the heat out if it belongs to a former scene, and in again if not. */
  setOld(on) {
    this.old = on;
    this.goalOpacity = on ? 0 : this.mapOpacity;
  }

  /** Drops the heat at once: another picture, or another part of it, is shown. */
  drop() {
    this.goal = this.shown = null;
    this.opacity = this.goalOpacity = this.mapOpacity = 0;
    this.origin = "";
  }

  /** Advances by some seconds; returns whether anything visible changed. */
  step(seconds) {
    if (this.shown === null) return false;
    const part = 1 - kept(seconds, this.smoothing), jumped = this.jumped;
    this.jumped = false;
    let moved = Math.abs(this.goalOpacity - this.opacity);
    this.opacity = moved < 0.004 ? this.goalOpacity : this.opacity + (this.goalOpacity - this.opacity) * part;
    for (let i = 0; i < this.shown.length; i++) {
      const step = (this.goal[i] - this.shown[i]) * part;
      this.shown[i] += step;
      moved = Math.max(moved, Math.abs(step));
    }
    return jumped || moved > 0.0005;
  }

  /** Returns the heat on a fine mesh: {values: Float32Array in [0, 1], rows, columns}. */
  mesh() {
    const [rows, columns] = this.shape;
    const [left, top, right, bottom] = this.inset;
    const tall = Math.max(SIDE, rows), wide = Math.max(SIDE, columns);
    const across = weights(columns, wide, left, right), down = weights(rows, tall, top, bottom);
    const half = new Float32Array(rows * wide), values = new Float32Array(tall * wide);
    for (let row = 0; row < rows; row++)
      for (let x = 0; x < wide; x++) {
        let sum = 0;
        for (let k = 0; k < 4; k++) sum += across.weight[4 * x + k] * this.shown[row * columns + across.index[4 * x + k]];
        half[row * wide + x] = sum;
      }
    for (let y = 0; y < tall; y++)
      for (let x = 0; x < wide; x++) {
        let sum = 0;
        for (let k = 0; k < 4; k++) sum += down.weight[4 * y + k] * half[down.index[4 * y + k] * wide + x];
        values[y * wide + x] = Math.min(1, Math.max(0, sum));
      }
    return { values, rows: tall, columns: wide };
  }
}

const known = new Map();

/**
 * Returns the four cells and weights of cubic interpolation (a = −0.75, as in OpenCV) for each point between two edges.
 * Beyond the map, below 0 or above 1, the heat ends within half a cell.
 */
function weights(cells, points, from, to) {
  const key = [cells, points, from, to].join();
  if (known.has(key)) return known.get(key);
  const index = new Uint16Array(4 * points), weight = new Float32Array(4 * points), a = -0.75;
  const near = (d) => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  for (let point = 0; point < points; point++) {
    const share = from + ((point + 0.5) / points) * (to - from);
    const left = Math.max(0, 1 - 2 * cells * Math.max(0, -share, share - 1)); // remaining fraction of the heat
    const place = Math.min(cells, Math.max(-1, share * cells - 0.5));
    const cell = Math.floor(place), d = place - cell;
    weight.set([far(d + 1), near(d), near(1 - d), far(2 - d)].map((each) => each * left), 4 * point);
    for (let k = 0; k < 4; k++) index[4 * point + k] = Math.min(cells - 1, Math.max(0, cell - 1 + k));
  }
  if (known.size > 32) known.clear();
  known.set(key, { index, weight });
  return known.get(key);
}
