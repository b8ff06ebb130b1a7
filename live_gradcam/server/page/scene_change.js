// Whether the picture has become another since a frame was explained: heat and label of the former scene must go then.

const SIDE = 16;
const MIN_CONTRAST = 12; // grey levels: below, differences are noise
const OTHER = 0.5;

/** Compares the newest frame that was explained with what is to be seen now. */
export class SceneChange {
  constructor() {
    this.canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.frame = null;
    this.thumb = null;
  }

  /** Takes note of a frame that was explained: its JPEG. It is decoded only where somebody asks. */
  explained(jpeg) {
    this.frame = jpeg;
    this.thumb = null;
  }

  /** Returns whether what is to be seen in [x, y, width, height] of the drawable is another scene than that frame. */
  async differs(drawable, seen) {
    const { frame } = this;
    if (frame === null) return false;
    if (this.thumb === null) {
      const bitmap = await createImageBitmap(frame);
      const thumb = this.thumbOf(bitmap, [0, 0, bitmap.width, bitmap.height]);
      bitmap.close();
      if (frame !== this.frame) return false; // a newer one was explained meanwhile
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

/** Returns how far two small pictures differ, beside how far each varies; what only became darker does not. */
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
