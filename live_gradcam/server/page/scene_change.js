// Detects a scene change since the last explained frame: then heat and label must fade.

const SIDE = 16;
const MIN_CONTRAST = 12; // grey levels: below, differences are noise
const OTHER = 0.5;

/** Compares the last explained frame with the current picture. */
export class SceneChange {
  constructor() {
    this.canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.frame = null;
    this.thumb = null;
  }

  /** Sets the last explained frame, a JPEG or its pixels. It is decoded only when needed. */
  explained(frame) {
    this.frame = frame;
    this.thumb = null;
  }

  /** Returns whether [x, y, width, height] of the drawable shows another scene than that frame. */
  async differs(drawable, seen) {
    const { frame } = this;
    if (frame === null) return false;
    if (this.thumb === null) {
      const bitmap = await createImageBitmap(frame);
      const thumb = this.thumbOf(bitmap, [0, 0, bitmap.width, bitmap.height]);
      bitmap.close();
      if (frame !== this.frame) return false; // a newer frame was explained meanwhile
      this.thumb = thumb;
    }
    return difference(this.thumb, this.thumbOf(drawable, seen)) > OTHER;
  }

  thumbOf(drawable, seen) {
    this.context.imageSmoothingQuality = "high";
    this.context.drawImage(drawable, ...seen, 0, 0, SIDE, SIDE);
    const { data } = this.context.getImageData(0, 0, SIDE, SIDE), thumb = new Float32Array(SIDE * SIDE);
    for (let i = 0; i < thumb.length; i++) thumb[i] = 0.3 * data[4 * i] + 0.6 * data[4 * i + 1] + 0.1 * data[4 * i + 2];
    return thumb;
  }
}

/** Returns the difference of two small pictures relative to their contrast; a change of brightness alone gives 0. */
export function difference(one, other) {
  const size = one.length, mean = (values) => values.reduce((sum, each) => sum + each, 0) / size;
  const [a, b] = [mean(one), mean(other)];
  let apart = 0, spreadOne = 0, spreadOther = 0;
  for (let i = 0; i < size; i++) {
    apart += Math.abs(one[i] - a - (other[i] - b));
    spreadOne += Math.abs(one[i] - a);
    spreadOther += Math.abs(other[i] - b);
  }
  return apart / Math.max(MIN_CONTRAST * size, spreadOne, spreadOther);
}
