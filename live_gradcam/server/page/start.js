// Loads the page's modules; where one does not come, says so and tries again.

const MAX_TRIES = 6;
const SLOW_MS = 10000;

const byId = (id) => document.getElementById(id);

function reload(tries) {
  history.replaceState({ tries }, ""); // the count outlives the reload, and ends with the tab
  location.reload();
}

/** Says that the page is still being loaded, and lets the viewer try again. */
function showSlow() {
  if (byId("notice").textContent) return; // something else is known
  byId("notice").textContent = "The server has not answered yet.";
  byId("again").hidden = false;
  byId("again").onclick = () => reload(0);
}

async function start() {
  const tries = history.state?.tries ?? 0, slow = setTimeout(showSlow, SLOW_MS);
  try {
    // The sheet's own variables say whether it came.
    const ground = getComputedStyle(document.documentElement).getPropertyValue("--ground");
    if (ground === "") throw new TypeError("the style sheet did not come");
    await import("/page/main.js");
    clearTimeout(slow);
    byId("again").hidden = true;
    history.replaceState(null, "");
  } catch (error) {
    clearTimeout(slow);
    console.warn(error);
    byId("again").hidden = false;
    byId("again").onclick = () => reload(0);
    // An error of any other kind is one of the page itself: loading it again would not help.
    const missing = error instanceof TypeError;
    const goesOn = missing && tries < MAX_TRIES;
    byId("notice").textContent = missing
      ? `A part of this page did not load: the server is busy or away.${goesOn ? " Trying again …" : ""}`
      : `This page does not work in this browser: ${error.message}`;
    // Many pages may wait for the same server: they do not come back all at once.
    if (goesOn) setTimeout(() => reload(tries + 1), 1000 * (1 + 2 * Math.random()) * (1 + tries));
  }
}

start();
