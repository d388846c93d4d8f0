/**
 * Enlarges pictures in the background. One message begins a job; to stop the job, the page ends the worker.
 *
 * @typedef {object} Job
 * @property {"measure" | "enlarge"} task
 * @property {Uint8ClampedArray<ArrayBuffer>} pixels RGBA
 * @property {number} width @property {number} height
 * @property {boolean} shrink first shrink by 4; then both sides are multiples of 4
 * @property {boolean} grey @property {boolean} alpha
 * @property {{name: string, halo: number, model: Blob, runtime: Blob, gpu: boolean} | null} network null: bicubic
 * @property {number} limit side of a tile
 *
 * @typedef {{width: number, height: number, pixels: Uint8ClampedArray<ArrayBuffer>}} Picture  RGBA
 */
import { encodePng, inflate } from "./png.js";
import { imresize, psnr, strips } from "./resize.js";
import { plan } from "./tiles.js";

/** @type {typeof import("onnxruntime-web") | undefined} */
let ort;
let loaded = "";
/** @type {import("onnxruntime-web").InferenceSession} */
let session;
/** @type {Picture & {grey: boolean, alpha: boolean} | undefined} */
let result;
/** @type {Promise<never>} rejected when the GPU is lost */
let lost = new Promise(() => {});

/** @param {object} message @param {Transferable[]} [transfer] */
const tell = (message, transfer = []) => self.postMessage(message, { transfer });

self.onmessage = async ({ data }) => {
  try {
    if (data.task === "png") tell({ kind: "png", blob: await toPng(data.profile) });
    else if (data.task === "measure") tell({ kind: "measured", pace: await measure(data) });
    else await enlarge(data);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error); // the runtime throws numbers, too
    tell({ kind: "error", gpu: Boolean(data.network?.gpu), memory: /memory|alloc|^\d+$|out of bounds/i.test(message), message });
  }
};

/** @param {NonNullable<Job["network"]>} network */
async function load(network) {
  if (loaded === network.name) return;
  if (!ort) {
    ort = /** @type {typeof import("onnxruntime-web")} */ (await import(`./ort/ort.${network.gpu ? "webgpu" : "wasm"}.min.mjs`));
    const cores = navigator.hardwareConcurrency;
    ort.env.wasm.wasmBinary = (await inflate(network.runtime, "gzip")).buffer;
    ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
    ort.env.wasm.numThreads = self.crossOriginIsolated ? (cores <= 4 ? cores : Math.min(8, Math.ceil(cores / 2))) : 1;
    ort.env.logLevel = "error";
  }
  await session?.release();
  const executionProviders = [network.gpu ? "webgpu" : "wasm"];
  session = await ort.InferenceSession.create(await inflate(network.model, "gzip"), { executionProviders });
  loaded = network.name;
  if (network.gpu) {
    const device = /** @type {any} */ (await ort.env.webgpu.device);
    lost = device.lost.then(() => Promise.reject(new Error("the GPU was lost")));
    lost.catch(() => {});
  }
}

/** Sends one piece of the small picture through the network. @returns {Promise<Float32Array>} planes of R, G, B, not clipped
 * @param {Picture} picture @param {number} x @param {number} y @param {number} width @param {number} height */
async function run(picture, x, y, width, height) {
  if (!ort) throw new Error("no runtime");
  const planes = new Float32Array(3 * width * height);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0, i = 4 * ((y + row) * picture.width + x); column < width; column++, at++, i += 4) {
      for (let c = 0; c < 3; c++) planes[c * width * height + at] = picture.pixels[i + c] / 255;
    }
  }
  const lr = new ort.Tensor("float32", planes, [1, 3, height, width]);
  const { sr } = await Promise.race([session.run({ lr }), lost]);
  const data = /** @type {Float32Array} */ (await sr.getData());
  sr.dispose();
  return data;
}

/** Seconds per pixel of the small picture, measured with a second run: the first one prepares memory. @param {Job} job */
async function measure(job) {
  if (!job.network) return 0;
  await load(job.network);
  const small = job.shrink ? shrink(job) : job;
  let pace = 0;
  for (let k = 0; k < 2; k++) {
    const begun = performance.now();
    await run(small, 0, 0, small.width, small.height);
    pace = (performance.now() - begun) / 1000 / small.width / small.height;
  }
  return pace;
}

/** @param {Picture} picture @returns {Picture} */
function shrink({ pixels, width, height }) {
  return { width: width / 4, height: height / 4, pixels: imresize(pixels, width, height, 4, 1 / 4) };
}

/** @param {Job} job */
async function enlarge(job) {
  const small = job.shrink ? shrink(job) : job;
  const width = 4 * small.width, height = 4 * small.height;
  const large = { width, height, pixels: new Uint8ClampedArray(4 * width * height), grey: job.grey, alpha: job.alpha };
  for (const { top, height: rows, pixels } of strips(small.pixels, small.width, small.height, 4, 4, 128)) {
    large.pixels.set(pixels, 4 * top * width);
    tell({ kind: "bicubic", top, width, height: rows, pixels }, [pixels.buffer]);
  }
  const before = job.shrink ? psnr(large.pixels, job.pixels, width, height) : undefined;
  if (job.network) await byNetwork(job, job.network, small, large);
  result = large;
  tell({ kind: "done", psnr: job.shrink && { bicubic: before, network: psnr(large.pixels, job.pixels, width, height) } });
}

/** @param {Job} job @param {NonNullable<Job["network"]>} network @param {Picture} small @param {Picture} large */
async function byNetwork(job, network, small, large) {
  await load(network);
  const { tiles, ...shape } = plan(small.width, small.height, network.halo, job.limit);
  tell({ kind: "planned", tiles: tiles.length });
  for (const [k, tile] of tiles.entries()) {
    const begun = performance.now();
    const planes = await run(small, tile.x, tile.y, shape.width, shape.height);
    const seconds = (performance.now() - begun) / 1000;
    const width = 4 * (tile.right - tile.left), height = 4 * (tile.bottom - tile.top);
    const piece = new Uint8ClampedArray(4 * width * height);
    const stride = 4 * shape.width, plane = 16 * shape.width * shape.height;
    for (let row = 0; row < height; row++) {
      let from = (4 * (tile.top - tile.y) + row) * stride + 4 * (tile.left - tile.x);
      let i = 4 * row * width;
      let to = 4 * ((4 * tile.top + row) * large.width + 4 * tile.left);
      for (let column = 0; column < width; column++, from++, i += 4, to += 4) {
        const r = planes[from], g = planes[from + plane], b = planes[from + 2 * plane];
        const grey = 0.299 * r + 0.587 * g + 0.114 * b; // ITU-R BT.601, full range
        for (let c = 0; c < 3; c++) {
          const value = job.grey ? grey : c ? (c > 1 ? b : g) : r;
          piece[i + c] = Math.floor(255 * Math.min(Math.max(value, 0), 1) + 0.5);
        }
        piece[i + 3] = large.pixels[to + 3]; // from bicubic: the networks have learnt only colours
      }
      large.pixels.set(piece.subarray(i - 4 * width, i), to - 4 * width);
    }
    const pace = seconds / shape.width / shape.height;
    tell({ kind: "tile", x: 4 * tile.left, y: 4 * tile.top, width, height, pixels: piece, done: k + 1, seconds, pace }, [piece.buffer]);
  }
}

/** @param {Uint8Array<ArrayBuffer> | null} profile */
function toPng(profile) {
  if (!result) throw new Error("there is no result yet");
  return encodePng(result.pixels, result.width, result.height, { grey: result.grey, alpha: result.alpha, profile });
}
