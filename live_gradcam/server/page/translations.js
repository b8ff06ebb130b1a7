// Translations of the page's texts, with the table and rules of the program (translations.py).

const SLOT = "{}";
const BETWEEN = " · ";

/**
 * Returns a function that translates a text; a text that is not in the table stays as it is.
 *
 * @param table English text → translation. `{}` is a placeholder; the text in its place is translated, too.
 */
export function wordsOf(table) {
  const texts = Object.keys(table), slots = texts.filter((text) => text.includes(SLOT));
  const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const patterns = slots
    .sort((one, other) => other.length - one.length)
    .map((text) => [new RegExp(`^${text.split(SLOT).map(escape).join("(.+)")}$`), table[text]]);
  const words = (text) => {
    if (!texts.length || !text) return text;
    if (!text.includes(SLOT) && Object.hasOwn(table, text)) return table[text];
    if (text.includes(BETWEEN)) return text.split(BETWEEN).map(words).join(BETWEEN);
    for (const [pattern, said] of patterns) {
      const match = pattern.exec(text);
      if (match === null) continue;
      const parts = match.slice(1).map(words);
      return said.replaceAll(SLOT, () => parts.shift());
    }
    return text;
  };
  return words;
}

const ATTRIBUTES = ["aria-label", "title", "placeholder"];

/** Translates the texts of the HTML page. */
export function translate(root, words) {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { currentNode: node } = texts, text = node.data.replace(/\s+/g, " ").trim();
    if (text && words(text) !== text) node.data = words(text);
  }
  for (const name of ATTRIBUTES)
    for (const element of root.querySelectorAll(`[${name}]`))
      element.setAttribute(name, words(element.getAttribute(name)));
}
