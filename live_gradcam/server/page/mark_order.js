// Which photograph is marked next, and how many are left: photographs are {name: class, state}, in the order of showing.

const KNOWN = ["box", "outline"];

/** Returns class → {known, wanted, all}: how many have a box, how many are asked for, and how many there are. */
export function countsOf(photos, needed) {
  const counts = new Map();
  for (const { name, state } of photos) {
    const count = counts.get(name) ?? { known: 0, none: 0, all: 0 };
    counts.set(name, count);
    count.all += 1;
    if (KNOWN.includes(state)) count.known += 1;
    if (state === "none" || state === "unread") count.none += 1;
  }
  for (const count of counts.values()) {
    // Photographs that show no thing, or cannot be read, get no box.
    count.wanted = Math.min(needed, count.all - count.none);
    count.left = Math.max(0, count.wanted - count.known);
  }
  return counts;
}

/** Returns how many boxes are left to draw. */
export function leftOf(counts) {
  return [...counts.values()].reduce((sum, each) => sum + each.left, 0);
}

/**
 * Returns the number of the next photograph about which nothing is said: of a class that needs more boxes, else of any.
 *
 * @param at the number after which the search begins; -1: at the first.
 * @return null if something is said about all of them.
 */
export function nextOf(photos, at, needed) {
  const counts = countsOf(photos, needed);
  const order = photos.map((_, i) => (at + 1 + i) % photos.length);
  const open = order.filter((i) => photos[i].state === "");
  return open.find((i) => counts.get(photos[i].name).left > 0) ?? open[0] ?? null;
}
