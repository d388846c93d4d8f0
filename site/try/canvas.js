/** Draws pictures on canvases, piece by piece. */
import { Trouble } from "./photo.js";

export const MOST = 2 ** 20; // LR pixels: the result has 16,777,216, the most that every browser can show (iPhones)
export const LONGEST = 4096; // LR pixels along a side: in every browser, a canvas may have 16,384

const breathe = () => new Promise((resolve) => setTimeout(resolve));

/** @param {number} width @param {number} height @param {PredefinedColorSpace} colorSpace @param {string} label */
export async function makeCanvas(width, height, colorSpace, label) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  const context = canvas.getContext("2d", { colorSpace });
  if (!context || canvas.width !== width) {
    throw new Trouble("The enlarged picture is too large for this browser. Choose a smaller part of the photo.");
  }
  /** @param {Uint8ClampedArray<ArrayBuffer>} pixels RGBA @param {number} x @param {number} y @param {number} across */
  const put = (pixels, x, y, across) =>
    context.putImageData(new ImageData(pixels, across, pixels.length / 4 / across, { colorSpace }), x, y);
  put(new Uint8ClampedArray(4), 0, 0, 1); // now the browser allocates the memory, which takes time: one canvas at a time
  await breathe();
  return { canvas, put };
}

/** Draws a whole picture in strips, so that the page stays responsive. @param {Awaited<ReturnType<typeof makeCanvas>>} target
 * @param {Uint8ClampedArray<ArrayBuffer>} pixels RGBA @param {number} width */
export async function putAll(target, pixels, width) {
  const strip = 4 * width * Math.max(1, Math.floor(500_000 / width));
  for (let at = 0; at < pixels.length; at += strip) {
    target.put(pixels.slice(at, at + strip), 0, at / 4 / width, width);
    await breathe();
  }
}

/** The photo in the chooser, and the frame on it.
 * @param {HTMLElement} root @param {(part: {x: number, y: number, width: number, height: number}) => void} changed */
export function frameChooser(root, changed) {
  const canvas = /** @type {HTMLCanvasElement} */ (root.querySelector("canvas"));
  const frame = /** @type {HTMLElement} */ (root.querySelector(".frame"));
  const size = /** @type {HTMLInputElement} */ (root.querySelector("input"));
  const part = { x: 0, y: 0, width: 1, height: 1 };
  let photo = { width: 1, height: 1 };
  let step = 1, most = 1; // sides are multiples of step; most is the frame's largest share of the photo's side

  /** @param {number} x @param {number} y @param {number} share of the photo's sides */
  function place(x, y, share) {
    const side = (/** @type {number} */ whole) => Math.max(step, Math.floor((whole * share) / step + 1e-9) * step);
    part.width = Math.min(side(photo.width), LONGEST * step);
    part.height = Math.min(side(photo.height), LONGEST * step);
    part.x = Math.round(Math.min(Math.max(x, 0), photo.width - part.width));
    part.y = Math.round(Math.min(Math.max(y, 0), photo.height - part.height));
    const percent = (/** @type {number} */ length, /** @type {number} */ whole) => `${(100 * length) / whole}%`;
    Object.assign(frame.style, { left: percent(part.x, photo.width), top: percent(part.y, photo.height) });
    Object.assign(frame.style, { width: percent(part.width, photo.width), height: percent(part.height, photo.height) });
    changed({ ...part });
  }
  // the slider's 0..100 sets the side of the frame, from an eighth of the largest side to the largest side
  const share = () => most * (0.125 + 0.00875 * Number(size.value));

  size.addEventListener("input", () => {
    const middle = { x: part.x + part.width / 2, y: part.y + part.height / 2 };
    place(part.x, part.y, share());
    place(middle.x - part.width / 2, middle.y - part.height / 2, share());
  });
  frame.addEventListener("pointerdown", (down) => {
    const begun = { ...part }, scale = photo.width / canvas.clientWidth;
    frame.setPointerCapture(down.pointerId);
    frame.onpointermove = (event) =>
      place(begun.x + scale * (event.clientX - down.clientX), begun.y + scale * (event.clientY - down.clientY), share());
    frame.onpointerup = frame.onpointercancel = () => (frame.onpointermove = null);
  });
  frame.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    place(part.x + (by[0] * photo.width) / 40, part.y + (by[1] * photo.height) / 40, share());
  });

  /** @param {ImageBitmap} bitmap @param {boolean} shrink */
  return (bitmap, shrink) => {
    photo = { width: bitmap.width, height: bitmap.height };
    step = shrink ? 4 : 1;
    const reduce = Math.min(1, 1200 / Math.max(photo.width, photo.height));
    canvas.width = Math.max(1, Math.round(photo.width * reduce));
    canvas.height = Math.max(1, Math.round(photo.height * reduce));
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const area = photo.width * photo.height / step ** 2;
    most = Math.min(1, Math.sqrt(MOST / area));
    size.value = String((Math.min(1, Math.sqrt(2 ** 16 / area) / most) - 0.125) / 0.00875);
    place((photo.width * (1 - share())) / 2, (photo.height * (1 - share())) / 2, share());
  };
}
