/** MATLAB's imresize for 8-bit pixels, bit for bit as in srgan_lessons/resize.py, and PSNR as in metrics.py. */

/** Keys' cubic kernel, a = -0.5. @param {number} x */
function cubic(x) {
  x = Math.abs(x);
  if (x <= 1) return 1.5 * x ** 3 - 2.5 * x ** 2 + 1;
  return x <= 2 ? -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2 : 0;
}

/** For each new pixel along one axis: the old pixels that it is computed from, and their weights.
 * @param {number} size @param {number} scale @returns {{index: number, weight: number}[][]} */
function taps(size, scale) {
  const stretch = Math.max(1, 1 / scale); // antialiasing: when a picture shrinks, the kernel is widened
  return Array.from({ length: Math.ceil(Number((size * scale).toFixed(9))) }, (_, n) => {
    const centre = (n + 0.5) / scale - 0.5;
    const first = Math.floor(centre - 2 * stretch);
    const all = Array.from({ length: Math.ceil(4 * stretch) + 2 }, (_, k) => ({
      index: Math.min(Math.max(first + k, 0), size - 1), // beyond the border, the pixel at the border counts
      weight: cubic((centre - first - k) / stretch),
    }));
    const sum = all.reduce((total, tap) => total + tap.weight, 0);
    return all.filter((tap) => tap.weight).map(({ index, weight }) => ({ index, weight: weight / sum }));
  });
}

/** Strips of the resized picture from top to bottom: rows are resampled first, then columns; both are rounded half up.
 * @param {Uint8ClampedArray} pixels @param {number} width @param {number} height @param {number} channels
 * @param {number} scale @param {number} [rows] of one strip
 * @returns {Generator<{top: number, height: number, pixels: Uint8ClampedArray<ArrayBuffer>}>} */
export function* strips(pixels, width, height, channels, scale, rows = 256) {
  const down = taps(height, scale);
  const across = taps(width, scale);
  const sums = new Float64Array(width * channels);
  for (let top = 0; top < down.length; top += rows) {
    const count = Math.min(rows, down.length - top);
    const out = new Uint8ClampedArray(count * across.length * channels);
    let at = 0;
    for (let y = top; y < top + count; y++) {
      sums.fill(0);
      for (const { index, weight } of down[y]) {
        const row = index * sums.length;
        for (let i = 0; i < sums.length; i++) sums[i] += pixels[row + i] * weight;
      }
      for (let i = 0; i < sums.length; i++) sums[i] = Math.min(Math.max(Math.floor(sums[i] + 0.5), 0), 255);
      for (const column of across) {
        for (let c = 0; c < channels; c++) {
          let sum = 0.5;
          for (let k = 0; k < column.length; k++) sum += sums[column[k].index * channels + c] * column[k].weight;
          out[at++] = Math.floor(sum);
        }
      }
    }
    yield { top, height: count, pixels: out };
  }
}

/** The whole resized picture. @param {Parameters<typeof strips>} picture */
export const imresize = (...[pixels, width, height, channels, scale]) =>
  [...strips(pixels, width, height, channels, scale, Infinity)][0].pixels;

/** Peak signal-to-noise ratio of luma (ITU-R BT.601, 4 pixels cut from each border) in dB, as papers report it.
 * Infinite for equal pictures, NaN if nothing is left inside the border.
 * @param {Uint8ClampedArray} a @param {Uint8ClampedArray} b RGBA both @param {number} width @param {number} height */
export function psnr(a, b, width, height, border = 4) {
  /** @param {Uint8ClampedArray} p @param {number} i */
  const luma = (p, i) => Math.floor(16.5 + (65.481 * p[i] + 128.553 * p[i + 1] + 24.966 * p[i + 2]) / 255);
  let sum = 0;
  for (let y = border; y < height - border; y++) {
    for (let x = border; x < width - border; x++) {
      const i = 4 * (y * width + x);
      sum += (luma(a, i) - luma(b, i)) ** 2;
    }
  }
  return 10 * Math.log10(255 ** 2 / (sum / Math.max(0, width - 2 * border) / Math.max(0, height - 2 * border)));
}
