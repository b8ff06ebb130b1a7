// The part of a picture that the network gets, and its size: the same rules as in explain/input_fitting.py.

const SCANNED = 9 / 5; // the small windows of a scan have the network's size then: see explain/scan.py

/**
 * @param size [width, height] of the picture.
 * @param area [left, top, right, bottom] of the selected part, in fractions of the picture.
 * @param input [rows, columns] of the network's input.
 * @param fit "crop", "stretch", "pad", "wide" or "scan".
 * @returns {seen: [x, y, width, height] in pixels of the picture, size: [width, height] to send}.
 */
export function fitted(size, area, input, fit) {
  const [left, top, right, bottom] = area;
  const x = left * size[0], y = top * size[1];
  const width = Math.max(1, (right - left) * size[0]), height = Math.max(1, (bottom - top) * size[1]);
  const [rows, columns] = input;
  const whole = [x, y, width, height];
  const rounded = (w, h) => [Math.max(1, Math.round(w)), Math.max(1, Math.round(h))];
  if (fit === "stretch") return { seen: whole, size: [columns, rows] };
  if (fit === "pad") {
    const scale = Math.min(columns / width, rows / height);
    return { seen: whole, size: rounded(width * scale, height * scale) };
  }
  if (fit === "wide" || fit === "scan") {
    // The longer side is at most four times the shorter one: larger frames are refused by the server.
    const large = Math.min(width / columns, height / rows);
    const scale = fit === "scan" ? SCANNED / large : Math.min(rows, columns) / Math.min(width, height);
    const most = 4 * Math.min(width, height) * scale;
    return { seen: whole, size: rounded(Math.min(width * scale, most), Math.min(height * scale, most)) };
  }
  const scale = Math.min(width / columns, height / rows);
  const seenWidth = columns * scale, seenHeight = rows * scale;
  return {
    seen: [x + (width - seenWidth) / 2, y + (height - seenHeight) / 2, seenWidth, seenHeight],
    size: [columns, rows],
  };
}

/** Converts a region of the sent frame to the picture, both as fractions: [left, top, right, bottom]. */
export function inPicture(region, seen, size) {
  const [x, y, width, height] = seen;
  return [
    (x + region[0] * width) / size[0],
    (y + region[1] * height) / size[1],
    (x + region[2] * width) / size[0],
    (y + region[3] * height) / size[1],
  ];
}
