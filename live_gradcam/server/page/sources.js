// Sources of the page: a camera of this device, a picture, a video, or the server's own camera.

const ASKED = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const MAX_SIDE = 4096;
const MAX_ASPECT = 64; // a narrower picture has less than a cell of the network's last map across

/** A source has an `element` to draw from, `size`, `live` (whether it moves), `name` and `close()`. */
class Source {
  constructor(element, name, live) {
    Object.assign(this, { element, name, live });
  }

  get size() {
    const { element } = this;
    return element instanceof HTMLVideoElement
      ? [element.videoWidth, element.videoHeight]
      : [element.width, element.height];
  }

  /** Whether it was closed or unplugged. */
  gone = false;

  /** Pauses or continues the source, if it can pause. */
  hold() {}

  close() {}
}

/** Continues a video that the browser has stopped, in a hidden tab or because it was moved. */
function run(element) {
  if (element.paused) element.play().catch(() => {}); // if it may not play yet, the next touch tries again
}

export class CameraSource extends Source {
  isCamera = true;

  /** Opens a camera; `lost` is called when it is unplugged. Throws an error with a message for the viewer. */
  static async open(deviceId, lost) {
    if (!navigator.mediaDevices?.getUserMedia && location.protocol === "file:")
      throw new Error("This browser gives no camera to a page that is a file. Open it in Chrome or Firefox, or from an https address.");
    if (!navigator.mediaDevices?.getUserMedia)
      throw new Error(
        "Browsers give a camera to https pages and to localhost only. Open this page through an SSH tunnel, or start the server with --phone.",
      );
    const video = deviceId ? { ...ASKED, deviceId: { exact: deviceId } } : { ...ASKED, facingMode: "environment" };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    } catch (error) {
      throw Object.assign(new Error(REASONS[error.name] ?? `The camera cannot be used: ${error.message}`), {
        kind: error.name,
      });
    }
    const element = document.createElement("video");
    Object.assign(element, { srcObject: stream, muted: true, playsInline: true });
    const track = stream.getVideoTracks()[0];
    const source = new CameraSource(element, track.label || "camera", true);
    source.deviceId = track.getSettings().deviceId ?? deviceId;
    track.addEventListener("ended", lost);
    try {
      await element.play();
    } catch (error) {
      source.close();
      throw new Error(`The camera's picture cannot be shown: ${error.message}`, { cause: error });
    }
    return source;
  }

  hold(on) {
    if (!on) run(this.element);
  }

  close() {
    this.gone = true;
    for (const track of this.element.srcObject?.getTracks() ?? []) track.stop();
    this.element.srcObject = null;
  }
}

const REASONS = {
  NotAllowedError: "The camera was refused. Allow it in the address bar, then start it again; or choose a picture.",
  NotFoundError: "There is no camera on this device. Choose a picture or a video, or drop one here.",
  NotReadableError: "The camera is in use by another program. Close it there, then start it again.",
  OverconstrainedError: "That camera is not there any more. Choose another.",
};

/** Opens a picture or video file. Throws an error with a message for the viewer. */
export async function openFile(file) {
  if (file.type.startsWith("video/")) return VideoSource.open(file);
  if (file.type.startsWith("image/")) return StillSource.open(file);
  // The system does not know the type; the browser may.
  return StillSource.open(file).catch((error) => VideoSource.open(file).catch(() => Promise.reject(error)));
}

export class StillSource extends Source {
  static async open(file) {
    const name = file.name || "This file";
    let bitmap;
    try {
      bitmap = await createImageBitmap(file);
    } catch {
      const isHeic = /\.hei[cf]$/i.test(file.name) || /hei[cf]/.test(file.type);
      throw new Error(
        isHeic
          ? `${name} is no picture that the browser can show. Safari shows HEIC; for others, save the photo as JPEG.`
          : `${name} is no picture that the browser can show.`,
      );
    }
    const { width, height } = bitmap;
    if (Math.max(width, height) > MAX_ASPECT * Math.min(width, height)) {
      bitmap.close();
      const form = width > height ? " times as wide as it is high." : " times as high as it is wide.";
      throw new Error(
        `${name} has ${width}×${height} pixels: it is too narrow to be shown. Cut out a part that is at most ` +
          `${MAX_ASPECT}${form}`,
      );
    }
    const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return new StillSource(canvas, file.name, false);
  }
}

export class VideoSource extends Source {
  static async open(file) {
    const element = document.createElement("video"), name = file.name || "This file";
    const url = URL.createObjectURL(file);
    Object.assign(element, { src: url, muted: true, loop: true, playsInline: true });
    try {
      await element.play();
    } catch {
      URL.revokeObjectURL(url);
      throw new Error(`${name} is no video that the browser can play.`);
    }
    const source = new VideoSource(element, file.name, true);
    source.url = url;
    if (element.videoWidth) return source;
    source.close();
    throw new Error(`${name} has no picture that the browser can show.`);
  }

  hold(on) {
    if (on) this.element.pause();
    else run(this.element);
  }

  close() {
    this.element.pause();
    this.element.removeAttribute("src");
    URL.revokeObjectURL(this.url);
  }
}

/** The server's own camera; its frames come with the answers. */
export class ServerSource extends Source {
  remote = true;

  constructor(name) {
    super(document.createElement("canvas"), name, true);
    this.context = this.element.getContext("2d");
    this.element.width = this.element.height = 0;
  }

  async take(blob) {
    const bitmap = await createImageBitmap(blob);
    if (this.element.width !== bitmap.width || this.element.height !== bitmap.height)
      Object.assign(this.element, { width: bitmap.width, height: bitmap.height });
    this.context.drawImage(bitmap, 0, 0);
    bitmap.close();
  }
}

/** Lists the cameras of this device: [{id, name}]. The browser tells names only after a camera was allowed. */
export async function cameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices
    .filter((device) => device.kind === "videoinput" && device.deviceId)
    .map((device, i) => ({ id: device.deviceId, name: device.label || `camera ${i + 1}` }));
}
