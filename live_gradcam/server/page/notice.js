// The notice: a line in a corner of the picture that says what happened, and one that says what is being compiled.

const SECONDS = 6;

const byId = (id) => document.getElementById(id);

export class Notice {
  /** @param words puts a text into the viewer's language. */
  constructor(words) {
    this.words = words;
    this.said = ""; // in English, whatever the language
  }

  /** Says something for some seconds, or until something else is said. */
  say(text, stays = false) {
    clearTimeout(this.silence);
    this.said = text;
    byId("notice").textContent = this.words(text);
    if (text && !stays) this.silence = setTimeout(() => this.say(""), 1000 * SECONDS);
  }

  /** Says what is being compiled, as long as it is; null: nothing. */
  compiling(what) {
    const said = what === null ? "" : this.words(`compiling ${what} …`);
    if (byId("busy").textContent !== said) byId("busy").textContent = said;
  }
}
