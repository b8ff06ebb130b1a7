// The search for a class by its name, by the rules of models/labels.py and name_suggestions.py.

const FEWEST_LETTERS = 4, LETTERS_PER_SLIP = 4, LETTERS_PER_SLIP_IN_PART = 5, MOST_NAMES = 3; // as in name_suggestions.py
const LIKE = 0.65;
const WORD = /[\p{L}\p{N}]+/gu;

const folded = (text) => text.toLowerCase().replace(/[\s_-]+/g, "");
const bare = (text) => folded(text.split(" (")[0]);
const alike = (one, other) => one.trim().toLowerCase() === other.trim().toLowerCase();

/**
 * Returns the number of the class that a number or name means. Throws an error with a message for the viewer.
 *
 * @param name a number, or text: a number, a name in any language, or a synonym.
 * @param names {labels, translations, synonyms}: the labels; each further language's; of each class further names.
 */
export function classNamed(name, { labels, translations = [], synonyms = [] }) {
  const text = String(name).trim();
  if (/^[+-]?\d+$/.test(text)) {
    const id = Number(text);
    if (id < 0 || id >= labels.length) throw new Error(`There is no class ${text}: they are 0 to ${labels.length - 1}.`);
    return id;
  }
  const exact = exactly(text, { labels, translations });
  if (exact.length === 1) return exact[0];
  const named = [...labels.keys()].map((id) => [labels, ...translations].map((language) => language[id]));
  const found = [
    [named, folded],
    [synonyms, folded],
    [named, bare],
  ].reduce((before, [lists, fold]) => (before.length ? before : among(lists, fold, folded(text))), []);
  if (found.length === 1) return found[0];
  if (found.length) {
    const listed = found.map((id) => `${labels[id]} (${id})`).join(", ");
    throw new Error(`Several classes are called ${text}: ${listed}. Give a number.`);
  }
  const near = nearest(text, named.flat());
  if (near.length) throw new Error(`There is no class ${text}. Did you mean ${near.join(", ")}?`);
  throw new Error(`There is no class ${text}. The list has all names.`);
}

/** Returns the numbers of the classes with exactly this name, in any language; only letter case does not count. */
export function exactly(name, { labels, translations = [] }) {
  return [...labels.keys()].filter((id) => [labels, ...translations].some((names) => alike(names[id], name)));
}

function among(lists, fold, wanted) {
  return [...lists.keys()].filter((id) => lists[id].some((name) => fold(name) === wanted));
}

/** Returns up to three names, those that contain the text first, then those with few slips of the keyboard. */
function nearest(text, names) {
  const typed = text.toLowerCase(), known = new Map(names.map((name) => [name.toLowerCase(), name]));
  const containing = [...known.keys()].filter((name) => typed.length > 2 && namesPart(typed, name));
  const most = Math.ceil(typed.length / LETTERS_PER_SLIP);
  const distance = (name) => (Math.abs(name.length - typed.length) > most ? Infinity : slips(sound(typed), sound(name)));
  const spelled = byDistance(known, distance, most).filter(([, name]) => likeness(sound(typed), sound(name)) >= LIKE);
  if (!containing.length) {
    const fewest = spelled.length ? spelled[0][0] - 1 : Infinity;
    const inPart = Math.min(Math.floor(typed.length / LETTERS_PER_SLIP_IN_PART), fewest);
    if (inPart > 0) spelled.unshift(...byDistance(known, (name) => slipsInPart(typed, name, inPart), inPart));
  }
  const order = new Set([...containing, ...spelled.map(([, name]) => name)]);
  return [...order].slice(0, MOST_NAMES).map((name) => known.get(name));
}

/** Returns [distance, name] of the names up to a distance, the nearest first. */
function byDistance(known, distance, most) {
  const found = [...known.keys()].map((name) => [distance(name), name]);
  return found.filter(([number]) => number <= most).sort(([one], [other]) => one - other);
}

function namesPart(typed, name) {
  const at = name.indexOf(typed);
  if (at < 0) return false;
  const begins = [...name.matchAll(WORD)].some(({ index }) => name.startsWith(typed, index));
  return begins || typed.length >= Math.max(FEWEST_LETTERS, name.length / 2);
}

/** Returns the fewest slips between the typed text and neighbouring words of a name. */
function slipsInPart(typed, name, most) {
  const words = [...name.matchAll(WORD)].map(({ 0: word, index }) => [index, index + word.length]);
  let fewest = Infinity;
  for (const [place, [begin]] of words.entries())
    for (const [, end] of words.slice(place))
      if (Math.abs(end - begin - typed.length) <= most) fewest = Math.min(fewest, slips(typed, name.slice(begin, end)));
  return fewest;
}

const sound = (text) => text.replaceAll("ph", "f");

/** Returns which part of two texts is in common pieces: as the ratio of Python's `difflib.SequenceMatcher`. */
function likeness(one, other) {
  return (2 * common(one, other)) / (one.length + other.length || 1);
}

function common(one, other) {
  let size = 0, at = 0, there = 0;
  for (let i = 0; i < one.length; i++)
    for (let j = 0; j < other.length; j++) {
      let same = 0;
      while (i + same < one.length && one[i + same] === other[j + same]) same++;
      if (same > size) [size, at, there] = [same, i, j];
    }
  if (!size) return 0;
  return size + common(one.slice(0, at), other.slice(0, there)) + common(one.slice(at + size), other.slice(there + size));
}

/** Returns the optimal string alignment distance of two texts. */
function slips(typed, meant) {
  let before = [], last = [...Array(meant.length + 1).keys()];
  for (let row = 1; row <= typed.length; row++) {
    const here = [row];
    for (let column = 1; column <= meant.length; column++) {
      const wrong = Number(typed[row - 1] !== meant[column - 1]);
      let least = Math.min(last[column] + 1, here[column - 1] + 1, last[column - 1] + wrong);
      const swapped = row > 1 && column > 1 && typed[row - 1] === meant[column - 2] && typed[row - 2] === meant[column - 1];
      if (swapped) least = Math.min(least, before[column - 2] + 1);
      here.push(least);
    }
    [before, last] = [last, here];
  }
  return last[meant.length];
}
