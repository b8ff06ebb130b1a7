// Opens cameras and files: the last choice wins, and a lost camera is opened again.

import { CameraSource, ServerSource, openFile } from "./sources.js";

export class SourceOpening {
  constructor(page) {
    this.page = page;
    this.turn = 0; // how often a camera or a file was chosen
    this.wanted = null; // id of the lost camera, or "" if it has none
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.devicesChanged());
  }

  /** Opens a camera of this device; if it cannot be opened, the former one is opened again. */
  async camera(deviceId) {
    const { page } = this, turn = ++this.turn;
    const before = page.source?.isCamera && !page.source.gone ? page.source : null;
    if (before !== null) {
      // Phones open one camera at a time; the last picture stays until the new camera is open.
      page.grid.freeze(true);
      before.close();
    }
    page.say("opening the camera …", true);
    try {
      const source = await CameraSource.open(deviceId, () => this.lost(source));
      if (turn !== this.turn) return source.close();
      await this.show(source);
    } catch (error) {
      if (turn !== this.turn) return;
      if (before !== null && before.deviceId !== deviceId) await this.camera(before.deviceId);
      else if (before !== null) this.wanted = before.deviceId ?? "";
      page.say(error.message, true);
      page.controls.show();
    }
  }

  /** Opens a picture or a video. */
  async file(file) {
    if (!file) return;
    const { page } = this, turn = ++this.turn;
    page.say(`opening ${file.name} …`, true);
    try {
      const source = await openFile(file);
      if (turn !== this.turn) return source.close();
      await this.show(source);
    } catch (error) {
      if (turn === this.turn) page.say(error.message, true);
    }
  }

  /** Shows the camera of the server. */
  server() {
    this.turn += 1;
    return this.show(new ServerSource(this.page.setup.camera));
  }

  show(source) {
    this.wanted = null;
    this.page.use(source);
    this.page.say("");
    return this.page.controls.listCameras();
  }

  lost(source) {
    const { page } = this;
    if (source !== page.source) return;
    source.gone = true;
    this.wanted = source.deviceId ?? "";
    page.freeze(true);
    page.say("The camera was unplugged. It goes on when it is back.", true);
  }

  /** Opens a lost camera again when it is back. */
  async devicesChanged() {
    await this.page.controls.listCameras();
    if (this.wanted !== null) await this.camera(this.wanted);
  }

  /** Opens the lost camera again. */
  again() {
    return this.camera(this.wanted || undefined);
  }
}
