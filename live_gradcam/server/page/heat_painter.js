// Paints heat on a canvas over the picture: with WebGL, or else with a 2-D canvas.

export const STYLES = ["overlay", "fade", "contours", "masked", "heat"];
const COLD = 0.15, HOT = 0.75; // in the style "fade", heat becomes opaque between these levels: as in render/styles.py
const LINES = 5;
const MAX_PIXELS = 1024;

const VERTEX = `#version 300 es
out vec2 place;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  place = vec2(corner.x, 1.0 - corner.y);
  gl_Position = vec4(2.0 * corner - 1.0, 0.0, 1.0);
}`;

// The output has premultiplied alpha: the picture keeps 1 − alpha of its colour.
const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D heat;
uniform sampler2D palette;
uniform float alpha;
uniform int style;
in vec2 place;
out vec4 colour;
void main() {
  float value = texture(heat, place).r;
  vec3 hot = texture(palette, vec2((value * 255.0 + 0.5) / 256.0, 0.5)).rgb;
  if (style == 0) {
    colour = vec4(hot * alpha, alpha);
  } else if (style == 1) {
    float strength = smoothstep(${COLD}, ${HOT}, value) * min(1.0, 2.0 * alpha);
    colour = vec4(hot * strength, strength);
  } else if (style == 2) {
    float level = value * float(${LINES + 1});
    float width = max(fwidth(level), 1e-5);
    float nearest = abs(level - clamp(floor(level + 0.5), 1.0, float(${LINES})));
    float line = 1.0 - smoothstep(1.0, 2.0, nearest / width);
    float strength = line * min(1.0, 2.0 * alpha);
    colour = vec4(hot * strength, strength);
  } else if (style == 3) {
    colour = vec4(0.0, 0.0, 0.0, (1.0 - smoothstep(0.1, 0.6, value)) * min(1.0, 2.2 * alpha));
  } else {
    colour = vec4(hot, 1.0);
  }
}`;

/** Returns a painter with a new canvas. */
export function createPainter() {
  const canvas = document.createElement("canvas");
  try {
    if (new URLSearchParams(location.search).get("heat") !== "2d") return new WebGlPainter(canvas);
  } catch {
    // No WebGL: this canvas may not give another context any more.
    return new CanvasPainter(document.createElement("canvas"));
  }
  return new CanvasPainter(canvas);
}

/** @returns 256 colours as RGBA bytes, from a palette of the server. */
export function colours(base64) {
  const rgb = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const rgba = new Uint8ClampedArray(1024).fill(255);
  for (let i = 0; i < 256; i++) rgba.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
  return rgba;
}

class WebGlPainter {
  kind = "webgl";

  constructor(canvas) {
    this.canvas = canvas;
    const gl = canvas.getContext("webgl2", { premultipliedAlpha: true, antialias: false, preserveDrawingBuffer: true });
    if (gl === null) throw new Error("no WebGL");
    this.gl = gl;
    this.setUp();
    // A phone that slept may have dropped the context; it is set up again.
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => this.setUp());
  }

  setUp() {
    const gl = this.gl, program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    gl.useProgram(program);
    this.at = (name) => gl.getUniformLocation(program, name);
    this.textures = [0, 1].map((unit) => {
      const texture = gl.createTexture();
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      const filter = unit === 0 ? gl.LINEAR : gl.NEAREST;
      for (const [name, value] of [
        [gl.TEXTURE_MIN_FILTER, filter],
        [gl.TEXTURE_MAG_FILTER, filter],
        [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
        [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
      ])
        gl.texParameteri(gl.TEXTURE_2D, name, value);
      return texture;
    });
    gl.uniform1i(this.at("heat"), 0);
    gl.uniform1i(this.at("palette"), 1);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    this.palette = null;
  }

  /** @param size [width, height] in device pixels. */
  paint(mesh, palette, style, alpha, size) {
    const gl = this.gl, scale = Math.min(1, MAX_PIXELS / Math.max(...size));
    const [width, height] = size.map((side) => Math.max(1, Math.round(side * scale)));
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    gl.viewport(0, 0, width, height);
    gl.activeTexture(gl.TEXTURE0);
    const levels = Uint8Array.from(mesh.values, (value) => value * 255 + 0.5);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, mesh.columns, mesh.rows, 0, gl.RED, gl.UNSIGNED_BYTE, levels);
    if (this.palette !== palette) {
      gl.activeTexture(gl.TEXTURE1);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(palette.buffer));
      this.palette = palette;
    }
    gl.uniform1f(this.at("alpha"), alpha);
    gl.uniform1i(this.at("style"), STYLES.indexOf(style));
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  clear() {
    this.gl.clearColor(0, 0, 0, 0);
    this.gl.clear(this.gl.COLOR_BUFFER_BIT);
  }
}

class CanvasPainter {
  kind = "2d";

  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  /** Paints one pixel for each point of the mesh; the browser scales the canvas. */
  paint(mesh, palette, style, alpha) {
    const { values, rows, columns } = mesh;
    if (this.canvas.width !== columns || this.canvas.height !== rows)
      Object.assign(this.canvas, { width: columns, height: rows });
    const image = this.context.createImageData(columns, rows), out = image.data;
    for (let i = 0; i < values.length; i++) {
      const value = values[i], hot = 4 * Math.round(value * 255), at = 4 * i;
      let opacity = alpha;
      if (style === "heat") opacity = 1;
      else if (style === "contours") opacity = onLine(values, i, columns) ? Math.min(1, 2 * alpha) : 0;
      else if (style === "fade") opacity = smooth(COLD, HOT, value) * Math.min(1, 2 * alpha);
      else if (style === "masked") opacity = (1 - smooth(0.1, 0.6, value)) * Math.min(1, 2.2 * alpha);
      if (style !== "masked") {
        out[at] = palette[hot];
        out[at + 1] = palette[hot + 1];
        out[at + 2] = palette[hot + 2];
      }
      out[at + 3] = 255 * opacity;
    }
    this.context.putImageData(image, 0, 0);
  }

  clear() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }
}

function smooth(begin, end, value) {
  const t = Math.min(1, Math.max(0, (value - begin) / (end - begin)));
  return t * t * (3 - 2 * t);
}

function onLine(values, i, columns) {
  const level = (at) => Math.floor(values[at] * (LINES + 1));
  const here = level(i);
  return (i % columns !== 0 && level(i - 1) !== here) || (i >= columns && level(i - columns) !== here);
}
