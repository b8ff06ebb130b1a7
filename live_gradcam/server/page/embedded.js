// The parts of a page that holds everything in one file (`server/own_page.py`): its setup, and packed bytes.

const known = new Map();

/** Returns the setup in this page; null if a server gives it. */
export function embeddedSetup() {
  const found = document.getElementById("setup");
  return found === null ? null : JSON.parse(found.textContent);
}

/** Returns the bytes of a part, as an ArrayBuffer. They are kept until `forgetParts`. */
export function part(name) {
  if (!known.has(name)) known.set(name, unpacked(document.querySelector(`script[data-part="${name}"]`).textContent));
  return known.get(name);
}

export function forgetParts() {
  known.clear();
}

/** Undoes Base64 and gzip. */
async function unpacked(text) {
  const packed = await fetch(`data:application/octet-stream;base64,${text.trim()}`);
  return new Response(packed.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
