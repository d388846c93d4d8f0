/** Writes PNG files. A canvas could do it, too, but would lose the profile, and the colours of transparent pixels. */

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** @param {string} type @param {Uint8Array} data */
function chunk(type, data) {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  let crc = 0xffffffff;
  for (let i = 4; i < 8 + data.length; i++) crc = CRC[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  view.setUint32(8 + data.length, ~crc >>> 0);
  return bytes;
}

const bytesOf = async (/** @type {ReadableStream} */ stream) => new Uint8Array(await new Response(stream).arrayBuffer());

/** @param {Blob} blob @param {"deflate" | "gzip"} format */
export const inflate = (blob, format) => bytesOf(blob.stream().pipeThrough(new DecompressionStream(format)));

/** Rows with their filter byte: Paeth's, which suits photos. @param {Uint8ClampedArray} pixels RGBA
 * @param {number} width @param {number} height @param {number[]} keep which of the four channels */
function* filtered(pixels, width, height, keep) {
  const n = keep.length;
  let above = new Uint8Array(width * n);
  for (let y = 0; y < height; y++) {
    const row = new Uint8Array(width * n);
    const line = new Uint8Array(1 + row.length);
    line[0] = 4;
    for (let x = 0, i = 0; x < width; x++) {
      for (let k = 0; k < n; k++, i++) {
        row[i] = pixels[4 * (y * width + x) + keep[k]];
        const a = i < n ? 0 : row[i - n], b = above[i], c = i < n ? 0 : above[i - n];
        const pa = Math.abs(b - c), pb = Math.abs(a - c), pc = Math.abs(a + b - 2 * c);
        line[1 + i] = row[i] - (pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
      }
    }
    above = row;
    yield line;
  }
}

/** @param {Uint8ClampedArray} pixels RGBA @param {number} width @param {number} height
 * @param {{grey: boolean, alpha: boolean, profile: Uint8Array<ArrayBuffer> | null}} kind @returns {Promise<Blob>} */
export async function encodePng(pixels, width, height, { grey, alpha, profile }) {
  const keep = [...(grey ? [0] : [0, 1, 2]), ...(alpha ? [3] : [])];
  const sides = [width, height].flatMap((n) => [n >> 24, n >> 16, n >> 8, n]);
  const head = Uint8Array.of(...sides, 8, (grey ? 0 : 2) + (alpha ? 4 : 0), 0, 0, 0); // 8 bits per channel, the colour type
  const parts = [Uint8Array.of(0x89, 80, 78, 71, 13, 10, 26, 10), chunk("IHDR", head)];
  if (profile) { // its name, a zero, "deflate", and the profile
    const packed = await bytesOf(new Blob([profile]).stream().pipeThrough(new CompressionStream("deflate")));
    parts.push(chunk("iCCP", Uint8Array.of(73, 67, 67, 0, 0, ...packed)));
  }
  const rows = filtered(pixels, width, height, keep);
  const source = new ReadableStream({
    pull(to) {
      const { value, done } = rows.next();
      done ? to.close() : to.enqueue(value);
    },
  });
  parts.push(chunk("IDAT", await bytesOf(source.pipeThrough(new CompressionStream("deflate")))));
  return new Blob([...parts, chunk("IEND", new Uint8Array())], { type: "image/png" });
}
