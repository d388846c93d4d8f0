/** Reads a photo: what its file says, and its pixels, upright. */
import { inflate } from "./png.js";

/** Something that goes wrong, as a sentence for the person in front of the page. */
export class Trouble extends Error {}

/**
 * @typedef {object} Photo
 * @property {ImageBitmap} bitmap upright
 * @property {string} name without ending
 * @property {boolean} grey the file has one channel, so the enlargement is grey, too
 * @property {Uint8Array<ArrayBuffer> | null} profile of Display P3, whose numbers are kept as they are
 * @property {string[]} notes what was not used from the file
 */

/** @param {Uint8Array} bytes @param {number} start @param {number} length */
const ascii = (bytes, start, length) => String.fromCharCode(...bytes.subarray(start, start + length));

/** The segments of a JPEG file up to its picture. @param {Uint8Array} b @returns {Generator<[number, Uint8Array]>} */
function* segments(b) {
  for (let at = 2, next; b[at] === 0xff && b[at + 1] !== 0xda; at = next) {
    next = at + 1;
    if (b[next] === 0xff) continue; // a fill byte
    next = at + 2 + b[at + 2] * 256 + b[at + 3];
    yield [b[at + 1], b.subarray(at + 4, next)];
  }
}

/** The chunks of a PNG file up to its picture. @param {Uint8Array} b @returns {Generator<[string, Uint8Array]>} */
function* chunks(b) {
  for (let at = 8, next; at + 12 <= b.length && ascii(b, at + 4, 4) !== "IDAT"; at = next) {
    next = at + 12 + new DataView(b.buffer).getUint32(at);
    yield [ascii(b, at + 4, 4), b.subarray(at + 8, next - 4)];
  }
}

/** What the browser does not say about a file. @param {Uint8Array<ArrayBuffer>} b */
async function header(b) {
  const about = { kind: "", grey: false, profile: /** @type {Uint8Array<ArrayBuffer> | null} */ (null), notes: [""].slice(1) };
  if (b[0] === 0xff && b[1] === 0xd8) {
    about.kind = "JPEG";
    const profile = [];
    for (const [marker, data] of segments(b)) {
      if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) about.grey = data[5] === 1;
      if (marker === 0xe2 && ascii(data, 0, 11) === "ICC_PROFILE") profile.push(...data.subarray(14));
    }
    if (profile.length) about.profile = Uint8Array.from(profile);
  } else if (ascii(b, 1, 3) === "PNG") {
    about.kind = "PNG";
    for (const [type, data] of chunks(b)) {
      if (type === "IHDR") about.grey = data[9] === 0 || data[9] === 4;
      if (type === "IHDR" && data[8] === 16) about.notes.push("Its 16 bits per channel became 8, because the networks use 8.");
      if (type === "acTL") about.notes.push("This is an animation: only its first picture is used.");
      if (type === "iCCP") { // a damaged profile does not count, as in browsers
        about.profile = await inflate(new Blob([data.slice(data.indexOf(0) + 2)]), "deflate").catch(() => null);
      }
    }
  } else if (ascii(b, 0, 3) === "GIF") {
    about.kind = "GIF";
    about.notes.push("A GIF may be an animation: only its first picture is used.");
  } else if (ascii(b, 4, 4) === "ftyp" && /^(hei|hev|mif1|msf1)/.test(ascii(b, 8, 4))) about.kind = "HEIC";
  else if (ascii(b, 8, 8) === "WEBPVP8X" && b[20] & 2) about.notes.push("This is an animation: only its first picture is used.");
  const name = about.profile && new TextDecoder("latin1").decode(about.profile).replaceAll("\0", "");
  if (!name?.includes("Display P3")) about.profile = null; // the browser turns all other profiles into sRGB
  return about;
}

/** @param {File | Blob} file @returns {Promise<Photo>} Throws Trouble if this browser cannot open it as a picture. */
export async function openPhoto(file) {
  const called = file instanceof File ? file.name : "pasted.png";
  if (!file.size) throw new Trouble(`${called} is empty. Copy or download it again.`);
  // A profile and the number of channels come before the picture, usually after at most a preview.
  const about = await header(new Uint8Array(await file.slice(0, 1 << 20).arrayBuffer()));
  try {
    const bitmap = await createImageBitmap(file);
    return { bitmap, name: called.replace(/\.[^.]*$/, ""), ...about };
  } catch {
    if (about.kind === "HEIC") {
      throw new Trouble(`${called} is a HEIC photo, which this browser cannot open. On an iPhone, choose Settings, Camera, ` +
        "Formats, Most Compatible; on a computer, save a copy as JPEG. Safari can open HEIC.");
    }
    throw new Trouble(about.kind ? `${called} is a damaged or cut-off ${about.kind} file, or too large for this device. ` +
      "Copy it again, or save a smaller copy." : `${called} is not a picture that this browser can open. Save it as PNG or JPEG.`);
  }
}

const REACH = 64; // how many pixels colours spread into transparent parts

/** Gives pixels without a colour (alpha 0) the colour of a neighbour that has one, in REACH steps. A network looks at
 * such pixels, and black ones would cause a dark fringe. `upscale` does the same. Returns whether any pixel is transparent.
 * @param {Uint8ClampedArray} p RGBA @param {number} width */
export function fillTransparent(p, width) {
  const count = p.length / 4;
  const since = new Uint8Array(count); // the step in which a pixel got a colour, counted from 1; 0 if it has none
  /** @type {number[]} */
  let edge = [];
  let transparent = false;
  for (let i = 0; i < count; i++) {
    transparent ||= p[4 * i + 3] < 255;
    if (p[4 * i + 3]) since[i] = 1;
  }
  if (!transparent) return false;
  /** @param {number} i: above, left, right, below */
  const neighbours = (i) => [
    i >= width ? i - width : -1, i % width ? i - 1 : -1, (i + 1) % width ? i + 1 : -1, i + width < count ? i + width : -1,
  ].filter((j) => j >= 0);
  for (let i = 0; i < count; i++) if (since[i] && neighbours(i).some((j) => !since[j])) edge.push(i);
  for (let step = 2; step < REACH + 2 && edge.length; step++) {
    /** @type {number[]} */
    const reached = [];
    for (const i of edge) {
      for (const j of neighbours(i)) if (!since[j]) { since[j] = step; reached.push(j); }
    }
    for (const j of reached) {
      const from = neighbours(j).find((k) => since[k] && since[k] < step);
      if (from !== undefined) p.copyWithin(4 * j, 4 * from, 4 * from + 3);
    }
    edge = reached;
  }
  return true;
}

/** The pixels of a part of a photo, RGBA. Read in strips, so that the page stays responsive.
 * @param {Photo} photo @param {{x: number, y: number, width: number, height: number}} part */
export async function readPixels(photo, { x, y, width, height }) {
  const pixels = new Uint8ClampedArray(4 * width * height);
  const rows = Math.max(1, Math.floor(500_000 / width));
  const colorSpace = photo.profile ? "display-p3" : "srgb";
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    const canvas = Object.assign(document.createElement("canvas"), { width, height: count });
    const context = canvas.getContext("2d", { colorSpace, willReadFrequently: true });
    if (!context) throw new Trouble("This device has no memory left for the picture. Close other tabs, or choose a smaller part.");
    context.drawImage(photo.bitmap, x, y + top, width, count, 0, 0, width, count);
    pixels.set(context.getImageData(0, 0, width, count, { colorSpace }).data, 4 * top * width);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return { pixels, alpha: fillTransparent(pixels, width) };
}
