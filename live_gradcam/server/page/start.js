// Loads the page's modules; if one does not load, reports it and retries.

const MAX_TRIES = 6;
const SLOW_MS = 10000;

const byId = (id) => document.getElementById(id);

function reload(tries) {
  history.replaceState({ tries }, ""); // the count survives the reload and ends with the tab
  location.reload();
}

/** Reports that the page is still loading, and offers a retry. */
function showSlow() {
  if (byId("notice").textContent) return; // another message is shown
  byId("notice").textContent = "The server has not answered yet.";
  byId("again").hidden = false;
  byId("again").onclick = () => reload(0);
}

async function start() {
  const tries = history.state?.tries ?? 0, slow = setTimeout(showSlow, SLOW_MS);
  try {
    // A variable of the style sheet shows whether it has loaded.
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
    // Any other error is in the page itself: reloading would not help.
    const missing = error instanceof TypeError;
    const goesOn = missing && tries < MAX_TRIES;
    byId("notice").textContent = missing
      ? `A part of this page did not load: the server is busy or away.${goesOn ? " Trying again …" : ""}`
      : `This page does not work in this browser: ${error.message}`;
    // Many pages may wait for the same server: spread their retries.
    if (goesOn) setTimeout(() => reload(tries + 1), 1000 * (1 + 2 * Math.random()) * (1 + tries));
  }
}

start();
