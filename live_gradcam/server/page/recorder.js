// Saves what is shown as a picture or a video; the browser encodes it.

const KINDS = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm", "video/mp4"];
const FPS = 30;
const NOTHING = "There is no picture to record yet.";

export class Recorder {
  /**
   * @param draw draws the panes onto a canvas and returns whether there was something to draw.
   * @param say shows a text to the viewer.
   */
  constructor(draw, say) {
    this.draw = draw;
    this.say = say;
    this.canvas = document.createElement("canvas");
    this.recorder = null;
    this.bytes = 0;
  }

  get running() {
    return this.recorder !== null;
  }

  /** Starts; returns the reason if it cannot, else null. */
  start() {
    const kind = KINDS.find((each) => globalThis.MediaRecorder?.isTypeSupported(each));
    if (kind === undefined) return "This browser cannot record.";
    if (!this.draw(this.canvas, true)) return NOTHING;
    const parts = [];
    const recorder = new MediaRecorder(this.canvas.captureStream(FPS), { mimeType: kind, videoBitsPerSecond: 5e6 });
    this.bytes = 0;
    recorder.ondataavailable = ({ data }) => {
      parts.push(data);
      this.bytes += data.size;
    };
    recorder.onstop = () => {
      const [type] = kind.split(";");
      // A browser that has no time encodes nothing in a short recording.
      if (parts.every((each) => each.size === 0)) this.say(NOTHING);
      else save(new Blob(parts, { type }), type === "video/mp4" ? "mp4" : "webm");
    };
    recorder.start(1000);
    this.recorder = recorder;
    return null;
  }

  /** Adds the current picture; the size stays that of the first one. */
  add() {
    if (this.running) this.draw(this.canvas, false);
  }

  stop() {
    this.recorder?.stop();
    this.recorder = null;
  }

  /** Saves what is shown as a picture. */
  async snapshot() {
    const canvas = document.createElement("canvas");
    if (!this.draw(canvas, true)) return "There is no picture to save yet.";
    save(await new Promise((resolve) => canvas.toBlob(resolve, "image/png")), "png");
    return null;
  }
}

function save(blob, ending) {
  const now = new Date();
  const local = new Date(now - 60000 * now.getTimezoneOffset()).toISOString().slice(0, 19);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `live_gradcam ${local.replace("T", " ").replaceAll(":", ".")}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
