/**
 * Plans the tiles as srgan_lessons/upscaling does, but with one shape for all tiles of a picture, so that the runtime
 * plans its memory only once. Beyond the picture's border, where a network adds its own padding, no halo is added: the
 * outermost tiles are shifted inwards until their border is the picture's border.
 *
 * @typedef {{x: number, y: number, left: number, top: number, right: number, bottom: number}} Tile
 *     read from x, y on; kept from left, top to right, bottom; all in pixels of the small picture
 * @typedef {{width: number, height: number, tiles: Tile[]}} Plan
 */

/** Cuts 0..size into the fewest tiles of at most `limit` pixels, made as short as possible: where each is read, and which
 * part of it is kept. `limit` is more than two halos. @param {number} size @param {number} halo @param {number} limit */
export function cut(size, halo, limit) {
  const count = size <= limit ? 1 : Math.ceil((size - 2 * halo) / (limit - 2 * halo));
  const length = Math.ceil((size + 2 * halo * (count - 1)) / count);
  const cuts = [];
  for (let k = 0, from = 0; k < count; k++) {
    const start = Math.min(k * (length - 2 * halo), size - length);
    const to = k === count - 1 ? size : start + length - halo;
    cuts.push({ start, from, to });
    from = to;
  }
  return { length, cuts };
}

/** The tiles of a picture, from its middle outwards.
 * @param {number} width @param {number} height @param {number} halo @param {number} limit @returns {Plan} */
export function plan(width, height, halo, limit) {
  const across = cut(width, halo, limit);
  const down = cut(height, halo, limit);
  const tiles = down.cuts.flatMap((v) =>
    across.cuts.map((u) => ({ x: u.start, y: v.start, left: u.from, top: v.from, right: u.to, bottom: v.to })));
  const away = (/** @type {Tile} */ t) => Math.hypot(t.left + t.right - width, t.top + t.bottom - height);
  return { width: across.length, height: down.length, tiles: tiles.sort((a, b) => away(a) - away(b)) };
}
