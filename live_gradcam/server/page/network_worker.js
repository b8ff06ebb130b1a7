// A worker that runs the page's network in ONNX Runtime, so that the picture goes on meanwhile.

const TRIES = 3;
const MOST_ERROR = 1e-3; // of the heat map and of a probability, where rounding differs: as a processor of another kind

let ort = null, session = null;

/** Loads the runtime and the network, and tries it on a known picture. Returns milliseconds of a picture. */
async function load({ script, binary, network, kind, threads, example }) {
  ort = await import(script);
  ort.env.logLevel = "error";
  Object.assign(ort.env.wasm, { wasmBinary: binary, numThreads: threads });
  session = await ort.InferenceSession.create(network, { executionProviders: [kind] });
  const given = { image: example.image, asked: example.asked }, times = [];
  for (let i = 0; i < TRIES; i++) {
    const began = performance.now(), found = await run(given);
    times.push(performance.now() - began);
    const apart = Math.max(...["scores", "heatmap"].map((name) => difference(found[name], example[name])));
    if (!(apart <= MOST_ERROR)) throw new Error(`its results differ from the known ones by ${apart}`);
  }
  return Math.min(...times);
}

/** Returns the largest difference of two lists, as a part of the largest number or of 1; of different lengths, infinity. */
function difference(one, other) {
  if (one.length !== other.length) return Infinity;
  let most = 0, size = 1;
  for (let i = 0; i < one.length; i++) {
    if (!(Math.abs(one[i] - other[i]) <= most)) most = Math.abs(one[i] - other[i]);
    size = Math.max(size, Math.abs(other[i]));
  }
  return most / size;
}

/** Returns the network's outputs, name → array, for a picture (RGB) and an aim. */
async function run({ image, asked }) {
  const [height, width] = asked.input, names = session.inputNames;
  const given = { image: new ort.Tensor("uint8", image, [1, height, width, 3]) };
  if (names.includes("aims")) given.aims = new ort.Tensor("int32", Int32Array.of(asked.id, asked.rival), [1, 1, 2]);
  if (names.includes("strengths")) given.strengths = new ort.Tensor("float32", Float32Array.of(asked.strength), [1, 1]);
  const found = await session.run(given), results = {};
  for (const [name, tensor] of Object.entries(found)) results[name] = Array.from(tensor.data, Number);
  return results;
}

onmessage = async ({ data }) => {
  try {
    if (data.load) return postMessage({ loaded: await load(data.load) });
    const began = performance.now(), results = [];
    for (const asked of data.asked) results.push(await run({ image: data.image, asked }));
    postMessage({ results, ms: performance.now() - began });
  } catch (error) {
    postMessage({ failed: String(error?.message ?? error) });
  }
};
