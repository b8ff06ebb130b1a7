// Fetches the setup: the server's model, methods, layers and classes, and the actions of the page.

import { fetchJson } from "./connection.js";
import { embeddedSetup } from "./embedded.js";

const RETRY_MS = [2000, 4000, 8000, 15000];
const RETRIED = [408, 429, 500, 502, 503, 504]; // temporary errors

const byId = (id) => document.getElementById(id);

/** Returns whether an error of `fetchJson` is temporary. */
export const isTemporary = (error) => RETRIED.includes(error.status);

/** Returns the setup in the page, or fetches it; if the server is busy or away, shows it and retries, at once if the viewer clicks. */
export async function fetchSetup() {
  const embedded = embeddedSetup();
  if (embedded !== null) return embedded;
  for (let tries = 0; ; tries++) {
    try {
      return await fetchJson("/setup");
    } catch (error) {
      const busy = isTemporary(error);
      if (error.status && !busy) {
        byId("notice").textContent = error.message;
        return null;
      }
      const why = error.status ? `The server is busy: ${error.message}` : "The server cannot be reached.";
      byId("notice").textContent = `${why} Trying again …`;
      const wait = Math.max(1000 * (error.after ?? 0), RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
      byId("again").hidden = false;
      await new Promise((resolve) => {
        byId("again").onclick = resolve;
        setTimeout(resolve, wait * (0.75 + Math.random() / 2)); // spreads the retries of many pages
      });
      byId("again").hidden = true;
    }
  }
}
