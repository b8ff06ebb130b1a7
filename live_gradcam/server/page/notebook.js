// The camera of a notebook's reader with the heat on it: the view of `camera_widget.py`, made of the page's modules.

import { readAnswer } from "./connection.js";
import { fitted, inPicture } from "./fit.js";
import { colours } from "./heat_painter.js";
import { figure, guessOf, named } from "./label_plate.js";
import { Pane } from "./pane.js";

const QUALITY = 0.75;
const WHOLE = [0, 0, 1, 1];
const WAIT_MS = 4000; // then the kernel is said to be busy
const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 } };

/** Draws the widget into a cell's output; returns what ends it. */
export function render({ model, el }) {
  const view = new View(model, el);
  return () => view.close();
}

class View {
  constructor(model, root) {
    this.model = model;
    this.setup = model.get("setup");
    this.id = Math.random().toString(36).slice(2); // the widget may be shown twice: each view has answers of its own
    this.palette = colours(this.setup.palette);
    this.pane = new Pane(this.setup);
    this.video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
    this.button = make("button", "start", "Start the camera");
    this.notice = Object.assign(make("p", "notice"), { role: "status" });
    this.label = make("strong", "label");
    this.share = make("span", "share");
    this.note = make("p", "note");
    this.top = make("ol", "top");
    this.plate = make("div", "plate");
    this.plate.hidden = true;
    const headline = make("p", "headline");
    headline.append(this.label, " ", this.share);
    this.plate.append(headline, this.note, this.top);
    this.stage = make("div", "stage");
    this.stage.hidden = true;
    this.stage.append(this.pane.root);
    const box = make("div", "live-gradcam");
    box.append(this.stage, this.plate, this.button, this.notice);
    root.append(box);
    this.canvas = document.createElement("canvas");
    this.frame = 0;
    this.waiting = null; // when the frame was sent that is being explained
    this.stream = null;
    this.button.onclick = () => (this.stream === null ? this.start() : this.stop());
    this.take = (content, buffers) => this.took(content, buffers);
    model.on("msg:custom", this.take);
    this.sizes = new ResizeObserver(() => this.fit());
    this.sizes.observe(box);
  }

  async start() {
    this.say("");
    if (!navigator.mediaDevices?.getUserMedia) {
      this.say("This page may not use a camera. Open the notebook in a browser, at an address with https or localhost.");
      return;
    }
    this.button.disabled = true;
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: PICTURE, audio: false });
      this.video.srcObject = this.stream;
      await this.video.play();
    } catch (error) {
      this.stop();
      this.say(refusal(error));
      return;
    } finally {
      this.button.disabled = false;
    }
    this.stream.getVideoTracks()[0].onended = () => {
      this.stop();
      this.say("The camera was unplugged, or another program took it.");
    };
    this.button.textContent = "Stop the camera";
    this.stage.hidden = false;
    this.pane.show(this.video);
    this.fit();
    this.painted = performance.now();
    this.next = requestAnimationFrame((now) => this.paint(now));
  }

  stop() {
    cancelAnimationFrame(this.next);
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = this.waiting = null;
    this.frame += 1; // an answer that is on its way belongs to no picture any more
    this.button.textContent = "Start the camera";
    this.pane.drop();
    this.pane.painter.clear();
    this.plate.hidden = this.stage.hidden = true;
  }

  get size() {
    return [this.video.videoWidth, this.video.videoHeight];
  }

  fit() {
    const [width, height] = this.size;
    if (!width || this.stage.hidden) return;
    this.pane.root.style.aspectRatio = `${width} / ${height}`;
    this.pane.fit([width, height]);
  }

  paint(now) {
    this.next = requestAnimationFrame((later) => this.paint(later));
    this.pane.paint(Math.min(1, (now - this.painted) / 1000), this.setup.look, this.palette);
    if (this.pane.box) this.pane.names.show(this.pane.box, false, this.plate);
    this.painted = now;
    if (this.waiting === null) this.send();
    else if (now - this.waiting > WAIT_MS) this.say("Waiting for the kernel: it runs another cell, or has stopped.");
  }

  async send() {
    const { size, setup } = this;
    if (!size[0] || document.hidden) return;
    this.waiting = performance.now();
    this.frame += 1;
    const frame = this.frame;
    const fit = fitted(size, WHOLE, setup.input, setup.fit);
    [this.canvas.width, this.canvas.height] = fit.size;
    const context = this.canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(this.video, ...fit.seen, 0, 0, ...fit.size);
    const jpeg = await new Promise((resolve) => this.canvas.toBlob(resolve, "image/jpeg", QUALITY));
    this.sent = { seen: fit.seen, size };
    this.model.send({ view: this.id, frame }, undefined, [await jpeg.arrayBuffer()]);
  }

  took(content, buffers) {
    if (content.view !== this.id || content.frame !== this.frame || this.stream === null) return;
    this.waiting = null;
    if (content.error) {
      this.stop();
      this.say(content.error);
      return;
    }
    this.say("");
    const { buffer, byteOffset, byteLength } = buffers[0];
    const answer = readAnswer(buffer.slice(byteOffset, byteOffset + byteLength));
    const placed = (region) => inPicture(region, this.sent.seen, this.sent.size);
    const [map] = answer.maps;
    const things = map.things?.map((each) => ({ ...each, box: placed(each.box) })) ?? null;
    this.pane.explained(map, placed(map.region), things, performance.now() / 1000);
    this.name(answer);
  }

  /** Writes the label and the most probable classes. */
  name(answer) {
    const { caption } = answer, [{ target }] = answer.maps;
    this.plate.hidden = false;
    this.plate.classList.toggle("unsure", !caption.sure);
    this.label.textContent = caption.label;
    this.share.textContent = caption.percent;
    this.note.textContent = caption.in_chart ? "" : caption.note;
    const top = answer.top.map(guessOf);
    this.top.replaceChildren(
      ...top.map((guess) => {
        const row = make("li", guess.id === target.id && caption.sure ? "target" : "");
        const bar = make("span", "bar");
        bar.style.transform = `scaleX(${guess.probability ?? 0})`;
        row.append(bar, make("span", "name", guess.label), make("span", "share", figure(guess, top)));
        return row;
      }),
    );
    this.pane.painter.canvas.setAttribute("role", "img");
    this.pane.painter.canvas.setAttribute("aria-label", `heat: evidence for ${named(target)}`);
  }

  say(text) {
    if (this.notice.textContent !== text) this.notice.textContent = text;
  }

  close() {
    this.stop();
    this.sizes.disconnect();
    this.model.off("msg:custom", this.take);
    this.pane.close();
  }
}

function refusal(error) {
  if (error.name === "NotAllowedError")
    return "The browser refused the camera. Allow it beside the page's address, then start the camera again.";
  if (error.name === "NotFoundError") return "This computer has no camera that the browser can see.";
  if (error.name === "NotReadableError") return "Another program uses the camera. Close it, then start the camera again.";
  return `The camera cannot be opened: ${error.message}`;
}

function make(name, kind, text = "") {
  return Object.assign(document.createElement(name), { className: kind, textContent: text });
}
