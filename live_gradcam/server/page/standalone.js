// Starts a page that holds everything in one file: makes its modules of the texts in it. It is no module itself.

const modules = new Map();

/** Returns the address of a module, whose own imports have such addresses, too. */
function addressOf(name) {
  if (!modules.has(name)) {
    const text = document.querySelector(`script[data-module="${name}"]`).textContent;
    const linked = text.replace(/(from |import\()"\.\/(\w+\.js)"/g, (_, before, other) => `${before}"${addressOf(other)}"`);
    modules.set(name, URL.createObjectURL(new Blob([linked], { type: "text/javascript" })));
  }
  return modules.get(name);
}

async function startPage() {
  try {
    for (const name of ["DecompressionStream", "WebAssembly", "Worker"]) if (!(name in window)) throw new Error(`it has no ${name}`);
    window.liveGradcam = await import(addressOf("main.js"));
  } catch (error) {
    console.warn(error);
    document.getElementById("stuck").hidden = true;
    document.getElementById("notice").textContent =
      `This page does not work in this browser: ${error.message}. It needs Chrome 94, Firefox 114, Safari 16.4 or later.`;
  }
}

startPage();
