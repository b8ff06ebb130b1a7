// The opening of cameras and files: the last one that was chosen wins, and a camera that was lost is opened again.

import { CameraSource, ServerSource, openFile } from "./sources.js";

export class SourceOpening {
  constructor(page) {
    this.page = page;
    this.turn = 0; // how often a camera or a file was chosen
    this.wanted = null; // the camera that was lost: its id, or "" where it has none
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.devicesChanged());
  }

  /** Opens a camera of this device; where it cannot be opened, the former one goes on. */
  async camera(deviceId) {
    const { page } = this, turn = ++this.turn;
    const before = page.source?.isCamera && !page.source.gone ? page.source : null;
    if (before !== null) {
      // Phones open one camera at a time; the last picture stays until the other one is there.
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

  /** A camera that was lost is opened again when it is back. */
  async devicesChanged() {
    await this.page.controls.listCameras();
    if (this.wanted !== null) await this.camera(this.wanted);
  }

  /** Opens the camera that was lost again. */
  again() {
    return this.camera(this.wanted || undefined);
  }
}
