/** The page: what the visitor chooses, the running job, and what is shown. */
import { frameChooser, LONGEST, makeCanvas, MOST, putAll } from "./canvas.js";
import { compare } from "./compare.js";
import { download } from "./download.js";
import { openPhoto, readPixels, Trouble } from "./photo.js";
import { plan } from "./tiles.js";

/** @typedef {import("./download.js").Entry} Entry */
/** @typedef {{name: string, halo: number, model: Blob, runtime: Blob, gpu: boolean}} Network */
/** @typedef {{runtime: {wasm: Entry, webgpu: Entry}, networks: Record<string, Entry & {halo: number}>}} Site */
/** @type {<T extends HTMLElement = HTMLInputElement>(id: string) => T} */
const $ = (id) => /** @type {any} */ (document.getElementById(id));
const LABELS = { bicubic: "bicubic", espcn: "ESPCN", srresnet: "SRResNet", srgan: "SRGAN" };
const AT_ONCE = 320 ** 2; // LR pixels; for a larger photo, the frame is shown
const PATIENCE = 2500; // milliseconds after which the page is not loaded a second time
const settled = isolate();
/** @type {Site | undefined} */
let site;
/** @type {Worker | undefined} */
let worker;
/** @type {import("./photo.js").Photo | undefined} */
let photo;
/** @type {ReturnType<typeof compare> | undefined} */
let shown;
let part = { x: 0, y: 0, width: 1, height: 1 };
let arrivals = 0; // counts photos: one that takes longer to open does not replace a newer one
let run = 0; // counts jobs: messages from an older job are ignored
let busy = false; // an idle worker gets the next job; one that computes can only be ended
let useGpu = true;
/** @type {Record<string, number>} seconds per LR pixel, measured here */
const pace = {};

const chosen = (/** @type {string} */ name) =>
  /** @type {HTMLInputElement} */ (document.querySelector(`[name=${name}]:checked`)).value;
const shrink = () => chosen("question") === "truth";
const network = () => /** @type {keyof LABELS} */ (chosen("network"));
const show = frameChooser($("chooser"), (frame) => ((part = frame), describe()));

/** @param {string} text */
const say = (text) => ($("status").textContent = text);

/** @param {unknown} error */
function complain(error) {
  finish();
  if (!(error instanceof Trouble)) console.error(error);
  const unexpected = `Something went wrong that we did not expect (${error}). Load the page again.`;
  $("trouble").textContent = error instanceof Trouble ? error.message : unexpected;
  $("trouble").hidden = false;
}

/** @param {number} s */
function time(s) {
  if (s < 1.5) return "1 second";
  return s < 90 ? `${Math.round(s)} seconds` : s < 5400 ? `${Math.round(s / 60)} minutes` : `${Math.round(s / 3600)} hours`;
}

// --- a photo comes in ---------------------------------------------------------------------------------------------

/** @param {Blob | null | undefined} file */
async function take(file) {
  if (!file) return;
  stop();
  const mine = ++arrivals;
  $("trouble").hidden = true;
  try {
    const opened = await openPhoto(file);
    if (mine !== arrivals) return opened.bitmap.close();
    photo?.bitmap.close();
    photo = opened;
    document.body.classList.add("has-photo");
    consider();
  } catch (error) {
    if (mine === arrivals) complain(error);
  }
}

/** Begins at once with a small photo; asks which part of a large one to enlarge. */
function consider() {
  if (!photo) return;
  stop();
  $("trouble").hidden = $("result").hidden = true;
  const { width, height } = photo.bitmap, step = shrink() ? 4 : 1;
  if (Math.min(width, height) < step) {
    $("chooser").hidden = true;
    return complain(new Trouble("This picture is too small to be shrunk: each side needs at least 4 pixels. Choose 'Enlarge it'."));
  }
  const large = width * height > AT_ONCE * step ** 2 || Math.max(width, height) > LONGEST * step;
  $("chooser").hidden = !large;
  if (large) {
    show(photo.bitmap, shrink());
    $("chooser").scrollIntoView({ block: "nearest" });
    begin(measure);
  } else {
    const whole = (/** @type {number} */ side) => Math.floor(side / step) * step;
    part = { x: 0, y: 0, width: whole(width), height: whole(height) };
    begin(start);
  }
}

/** Says what the frame contains, and how long it will take. */
function describe() {
  const step = shrink() ? 4 : 1, width = part.width / step, height = part.height / step;
  $("part").textContent = shrink()
    ? `${part.width} × ${part.height} pixels, shrunk to ${width} × ${height} and enlarged again.`
    : `${width} × ${height} pixels become ${4 * width} × ${4 * height}.`;
  const tiles = plan(Math.ceil(width), Math.ceil(height), site?.networks[network()]?.halo ?? 0, side(width, height));
  const seconds = pace[network()] * tiles.width * tiles.height * tiles.tiles.length;
  $("estimate").textContent = network() === "bicubic" ? "This takes a moment." : seconds >= 0 // 0 where the browser's clock is coarse
    ? `This takes about ${time(seconds)} on this device, judging by the first tile.` : "Measuring how long this will take…";
}

/** Side of a tile: larger tiles waste less on their halo, smaller tiles need less memory and appear sooner.
 * @param {number} width @param {number} height */
const side = (width, height) => (width * height > 2 ** 17 && !matchMedia("(pointer: coarse)").matches ? 208 : 176);

// --- networks and the worker --------------------------------------------------------------------------------------

/** @param {(text: string) => void} [report] @returns {Promise<Network | null>} what the worker needs; null for bicubic */
async function load(report = () => {}, name = network()) {
  if (name === "bicubic") return null;
  if (typeof WebAssembly !== "object") {
    throw new Trouble("This browser has no WebAssembly, which the networks need (some browsers turn it off for safety). " +
      "Bicubic works; for the networks, use another browser.");
  }
  site ??= await (await fetch("files.json")).json();
  const { runtime, networks } = /** @type {Site} */ (site);
  const gpu = useGpu && (await hasGpu());
  const wanted = [gpu ? runtime.webgpu : runtime.wasm, networks[name]];
  const got = [0, 0], all = wanted[0].bytes + wanted[1].bytes;
  const here = await Promise.all(wanted.map((entry, k) => download(entry, (bytes) => {
    got[k] = bytes;
    report(`Loading the network (only the first time): ${((got[0] + got[1]) / 1e6).toFixed(1)} of ${(all / 1e6).toFixed(1)} MB` +
      (navigator.onLine ? "" : ". There is no connection; loading will continue when it is back."));
  })));
  return { name, halo: networks[name].halo, runtime: here[0], model: here[1], gpu };
}

async function hasGpu() {
  const adapter = await /** @type {any} */ (navigator).gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter && !adapter.info?.isFallbackAdapter && !adapter.isFallbackAdapter);
}

/** Loads the networks that were not needed yet, so that the page works without a connection from now on. */
async function loadOthers() {
  if (/** @type {any} */ (navigator).connection?.saveData) return;
  for (const name of /** @type {const} */ (["srgan", "srresnet", "espcn"])) await load(undefined, name);
  $("local").hidden = false;
}

function stop() {
  run++;
  if (busy) worker = void worker?.terminate();
  busy = false;
}

/** Begins a job. If it was ended meanwhile, nobody needs to know what went wrong in it. @param {() => Promise<void>} job */
function begin(job) {
  const done = job(), mine = run; // by now the job has been counted
  done.catch((error) => mine === run && complain(error));
}

/** @param {object} job @param {(answer: any) => void} hear */
function ask(job, hear) {
  const mine = run;
  worker ??= new Worker("worker.js", { type: "module" });
  busy = true;
  worker.onmessage = ({ data }) => {
    if (mine !== run) return;
    busy = !["png", "measured", "error"].includes(data.kind);
    hear(data);
  };
  worker.onerror = () => mine === run && complain(new Trouble(
    "This browser cannot run the networks: it is too old, or its memory is full. Update it, or close other tabs."));
  worker.postMessage(job);
}

/** Measures this machine with one tile from the middle of the frame. */
async function measure() {
  describe();
  const mine = ++run, name = network();
  const loaded = await load((text) => mine === run && ($("estimate").textContent = text));
  if (mine !== run || !loaded || !photo) return;
  const step = shrink() ? 4 : 1;
  const [width, height] = [part.width, part.height].map((n) => Math.min(Math.floor(n / step), 96) * step);
  const middle = { x: part.x + ((part.width - width) >> 1), y: part.y + ((part.height - height) >> 1), width, height };
  describe();
  if (pace[name] === undefined) {
    const { pixels } = await readPixels(photo, middle);
    if (mine !== run) return;
    ask({ task: "measure", pixels, width, height, shrink: shrink(), network: loaded, limit: 0 }, (answer) => {
      if (answer.kind === "error") return fail(answer, () => begin(measure));
      pace[name] = answer.pace;
      describe();
    });
  }
  loadOthers().catch(() => {});
}

/** @param {{gpu: boolean, memory: boolean, message: string}} error @param {() => void} again */
function fail(error, again) {
  busy = true; // a worker that failed is not used again
  stop();
  if (error.gpu) {
    useGpu = false; // lost, or of a kind that does not work: the processor is slower, but always available
    return again();
  }
  complain(new Trouble(error.memory
    ? `This device does not have enough memory for the network. Close other tabs, choose a smaller part, or use ESPCN. (${error.message})`
    : `The network could not run here. Update the browser, or try another one. (${error.message})`));
}

// --- the job ------------------------------------------------------------------------------------------------------

async function start() {
  if (!photo) return;
  stop();
  const mine = run, name = network(), label = LABELS[name], truth = shrink(), frame = { ...part }, source = photo;
  $("trouble").hidden = $("save").hidden = true;
  $("result").hidden = false;
  $("exact").checked = $("invented").checked = false;
  $("compare").className = "working";
  document.querySelector(".progress")?.classList.remove("over");
  $("notes").replaceChildren(...source.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
  $("bar").removeAttribute("value"); // not known yet
  say("Reading the photo…");
  const { pixels, alpha } = await readPixels(source, frame);
  if (mine !== run) return;
  const colorSpace = source.profile ? "display-p3" : "srgb";
  const width = truth ? frame.width : 4 * frame.width, height = truth ? frame.height : 4 * frame.height;
  const bicubic = await makeCanvas(width, height, colorSpace, "Your photo, enlarged with bicubic");
  const layers = [{ label: "bicubic", element: bicubic.canvas }];
  const enlarged = name === "bicubic" ? bicubic : await makeCanvas(width, height, colorSpace, `Your photo, enlarged with ${label}`);
  if (enlarged !== bicubic) layers.push({ label, element: enlarged.canvas });
  enlarged.canvas.classList.add("network");
  if (truth || name === "bicubic") { // the photo as it was: on top as the truth, or small at the bottom
    const original = await makeCanvas(frame.width, frame.height, colorSpace, "Your photo");
    original.canvas.classList.add(truth ? "truth" : "pixelated");
    if (truth) layers.push({ label: "original", element: original.canvas });
    else layers.unshift({ label: "your pixels", element: original.canvas });
    await putAll(original, pixels, frame.width);
  }
  if (mine !== run) return;
  const view = (shown = compare($("compare"), layers, { width, height }));
  layers.slice(1).forEach((layer, k) => view.move(k, layer.element === enlarged.canvas ? 0 : 1)); // watch it arrive
  $("result").scrollIntoView({ block: "nearest" });
  const loaded = await load((text) => mine === run && say(text));
  if (mine !== run) return;
  say(name === "bicubic" ? "A moment…" : "Starting the network…");
  let tiles = 0, seconds = 0;
  const job = { task: "enlarge", pixels, width: frame.width, height: frame.height, shrink: truth, grey: source.grey, alpha };
  ask({ ...job, network: loaded, limit: side(width / 4, height / 4) }, (answer) => {
    if (answer.kind === "bicubic") {
      bicubic.put(answer.pixels, 0, answer.top, answer.width);
      if (enlarged !== bicubic) enlarged.put(answer.pixels, 0, answer.top, answer.width);
    } else if (answer.kind === "planned") {
      tiles = answer.tiles;
      $("bar").max = String(tiles);
      say(tiles > 1 ? `Tile 1 of ${tiles}…` : "Enlarging…");
    } else if (answer.kind === "tile") {
      enlarged.put(answer.pixels, answer.x, answer.y, answer.width);
      seconds += answer.seconds;
      pace[name] = answer.pace;
      $("bar").value = answer.done;
      const left = (seconds / answer.done) * (tiles - answer.done);
      if (tiles > 1) say(`${answer.done} of ${tiles} tiles, ${time(left)} left`);
      document.title = `${Math.floor((100 * answer.done) / tiles)} % · Your photo, four times as large`;
    } else if (answer.kind === "done") {
      finish();
      const db = (/** @type {number} */ value) => (value === Infinity ? "no difference at all" : `${value.toFixed(2)} dB`);
      const numbers = answer.psnr && !Number.isNaN(answer.psnr.bicubic)
        ? ` PSNR against the original: bicubic ${db(answer.psnr.bicubic)}${loaded ? `, ${label} ${db(answer.psnr.network)}` : ""}.` : "";
      say(`${width} × ${height} pixels with ${label}${seconds ? `, in ${time(seconds)}` : ""}.${numbers}`);
      view.glide(layers.slice(1).map((_, k) => (k + 1) / layers.length));
      ask({ task: "png", profile: source.profile }, (png) => {
        if (png.kind !== "png") return;
        URL.revokeObjectURL($("save").getAttribute("href") ?? "");
        Object.assign($("save"), { href: URL.createObjectURL(png.blob), download: `${source.name}_x4_${name}.png`, hidden: false });
      });
      if (loaded) loadOthers().catch(() => {}); // what is still missing is loaded when it is needed
    } else if (answer.kind === "error") {
      fail(answer, () => begin(start));
    }
  });
}

function finish() {
  $("compare").classList.remove("working");
  document.querySelector(".progress")?.classList.add("over");
  document.title = "Your photo, four times as large · SRGAN Lessons";
}

// --- what the visitor can do --------------------------------------------------------------------------------------

for (const id of ["choose", "camera"]) {
  $(id).addEventListener("change", () => take($(id).files?.[0]).then(() => ($(id).value = "")));
}
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length) take(files.find((file) => file.type.startsWith("image/")) ?? files[0]);
});
for (const event of ["dragover", "dragleave", "drop"]) {
  addEventListener(event, (drag) => {
    drag.preventDefault(); // otherwise the browser leaves the page and shows the file
    $("drop").classList.toggle("over", event === "dragover");
    if (event === "drop") take(/** @type {DragEvent} */ (drag).dataTransfer?.files[0]);
  });
}
for (const input of document.querySelectorAll("[type=radio]")) {
  input.addEventListener("change", () => {
    if (/** @type {HTMLInputElement} */ (input).name !== "network") return consider();
    if (!$("result").hidden) return begin(start);
    $("trouble").hidden = true;
    stop();
    if (photo && !$("chooser").hidden) begin(measure); // the frame stays where it is
  });
}
$("start").addEventListener("click", () => begin(start));
$("cancel").addEventListener("click", () => (stop(), finish(), say("Cancelled. The parts that the network did not reach show bicubic.")));
$("exact").addEventListener("change", () => shown?.zoom($("exact").checked));
$("invented").addEventListener("change", () => {
  $("compare").classList.toggle("invented", $("invented").checked);
  $("legend").hidden = !$("invented").checked;
});

// --- the first moment ---------------------------------------------------------------------------------------------

/** Several threads need headers that only the service worker sends, and only from the second time that the page is
 * loaded. So the page is loaded a second time, unless somebody has begun to use it. */
async function isolate() {
  if (!navigator.serviceWorker) return;
  const { controller } = navigator.serviceWorker;
  let touched = false;
  setTimeout(() => (touched = true), PATIENCE);
  for (const event of ["pointerdown", "keydown", "wheel", "drop", "paste"]) addEventListener(event, () => (touched = true));
  try {
    await navigator.serviceWorker.register("sw.js");
    await navigator.serviceWorker.ready;
    if (!controller && !self.crossOriginIsolated && !touched && !photo) location.reload();
  } catch {
    // private windows of some browsers have no service worker: there is one thread then, and no offline use
  }
}

const pictures = [...document.querySelectorAll("#sample img")].map((image) => /** @type {HTMLImageElement} */ (image));
const layers = pictures.map((element, k) => ({ element, label: ["bicubic", "SRResNet", "SRGAN"][k] }));
const sample = compare($("sample"), layers, { width: 888, height: 592 });
const pause = new Promise((resolve) => setTimeout(resolve, PATIENCE));
Promise.all([Promise.race([settled, pause]), ...pictures.map((image) => image.decode().catch(() => {}))])
  .then(() => sample.glide([1 / 3, 2 / 3], 0.16));
settled.then(() => ($("engine").textContent = self.crossOriginIsolated ? "Works offline." : ""));
