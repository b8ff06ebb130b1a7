// Notices in a corner of the picture: a message, and what is being compiled.

const SECONDS = 6;

const byId = (id) => document.getElementById(id);

export class Notice {
  /** @param words translates a text. */
  constructor(words) {
    this.words = words;
    this.said = ""; // the English text
  }

  /** Shows a message for some seconds, or with `stays` until the next one. */
  say(text, stays = false) {
    clearTimeout(this.silence);
    this.said = text;
    byId("notice").textContent = this.words(text);
    if (text && !stays) this.silence = setTimeout(() => this.say(""), 1000 * SECONDS);
  }

  /** Shows what is being compiled; null: nothing. */
  compiling(what) {
    const said = what === null ? "" : this.words(`compiling ${what} …`);
    if (byId("busy").textContent !== said) byId("busy").textContent = said;
  }
}
