// The proof: one moment three times, as it is, with only its hottest part, and without that part.

const SHARES = [0.1, 0.2, 0.3, 0.4, 0.5]; // as SHARES of faithfulness.py
const BLUR = 16; // the picture is blurred over 1/16 of its shorter side: BLUR_SHARE of changed_pictures.py
const MOST = 1280; // pixels along the width of a kept picture

/** Returns the next share of the area. */
export function nextShare(share) {
  return SHARES[(SHARES.findIndex((each) => Math.abs(each - share) < 0.001) + 1) % SHARES.length];
}

/** Returns a copy of a picture, for the moment when its answer comes. */
export function kept(drawable, [width, height]) {
  const scale = Math.min(1, MOST / width);
  return sized(Math.round(width * scale), Math.round(height * scale), (context, size) => context.drawImage(drawable, 0, 0, ...size));
}

/** Returns the part of a picture that the network saw, its hottest part alone, and all but that: at the picture's scale. */
export function changed(picture, part, hot) {
  const { width, height } = picture, [left, top, right, bottom] = part;
  const box = [left * width, top * height, (right - left) * width, (bottom - top) * height].map(Math.round);
  const seen = sized(box[2], box[3], (context, size) => context.drawImage(picture, ...box, 0, 0, ...size));
  const covered = blurred(seen);
  const over = (below, above) =>
    sized(seen.width, seen.height, (context) => {
      context.drawImage(below, 0, 0);
      context.drawImage(cut(above, hot), 0, 0);
    });
  return [seen, over(covered, seen), over(seen, covered)];
}

/** Returns a mask as a canvas whose hot pixels are opaque. `bits` has one for each pixel, row by row. */
export function maskOf(bits, [rows, columns]) {
  return sized(columns, rows, (context) => {
    const image = context.createImageData(columns, rows);
    for (let i = 0; i < rows * columns; i++) image.data[4 * i + 3] = (bits[i >> 3] >> (7 - (i & 7))) & 1 ? 255 : 0;
    context.putImageData(image, 0, 0);
  });
}

/**
 * Returns the outline of a mask: lines [x, y, x, y] in fractions of its width and height, where its values, interpolated
 * between the centres of the pixels, are halfway. Outside the mask nothing is hot.
 */
export function outlineOf(bits, [rows, columns]) {
  const hot = (row, column) => {
    const i = row * columns + column;
    return row >= 0 && column >= 0 && row < rows && column < columns && ((bits[i >> 3] >> (7 - (i & 7))) & 1) === 1;
  };
  const lines = [];
  for (let row = -1; row < rows; row++) {
    for (let column = -1; column < columns; column++) {
      // Four neighbouring pixels, clockwise, and the middle of the line from each to the next.
      const corners = [hot(row, column), hot(row, column + 1), hot(row + 1, column + 1), hot(row + 1, column)];
      const x = column + 1, y = row + 1, middles = [[x, y - 0.5], [x + 0.5, y], [x, y + 0.5], [x - 0.5, y]];
      const crossed = [0, 1, 2, 3].filter((side) => corners[side] !== corners[(side + 1) % 4]);
      // Two hot pixels that touch at a corner only are kept apart.
      const order = crossed.length === 4 && corners[0] ? [3, 0, 1, 2] : crossed;
      for (let i = 0; i < order.length; i += 2) {
        const [[x0, y0], [x1, y1]] = [middles[order[i]], middles[order[i + 1]]];
        lines.push([x0 / columns, y0 / rows, x1 / columns, y1 / rows]);
      }
    }
  }
  return lines;
}

/** Returns the part of a picture where a mask is opaque. */
function cut(picture, mask) {
  return sized(picture.width, picture.height, (context, size) => {
    context.drawImage(mask, 0, 0, ...size);
    context.globalCompositeOperation = "source-in";
    context.drawImage(picture, 0, 0);
  });
}

/** Returns a picture blurred by shrinking and enlarging it, which every browser can do. */
function blurred(picture) {
  const { width, height } = picture, cell = Math.max(1, Math.min(width, height) / BLUR);
  const size = [Math.max(1, Math.round(width / cell)), Math.max(1, Math.round(height / cell))];
  let small = picture;
  for (let [w, h] = [width, height]; w > size[0] || h > size[1]; ) {
    [w, h] = [Math.max(size[0], Math.round(w / 2)), Math.max(size[1], Math.round(h / 2))]; // halves average all pixels
    const larger = small;
    small = sized(w, h, (context) => context.drawImage(larger, 0, 0, w, h));
  }
  return sized(width, height, (context) => context.drawImage(small, 0, 0, width, height));
}

function sized(width, height, draw) {
  const canvas = Object.assign(document.createElement("canvas"), { width: Math.max(1, width), height: Math.max(1, height) });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  draw(context, [canvas.width, canvas.height]);
  return canvas;
}
