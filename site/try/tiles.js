/**
 * The plan of tiles: as in srgan_lessons/upscaling, but all tiles of a picture have one shape, so that the runtime
 * plans its memory once. No halo is added beyond the picture's border, where a network pads by itself: the outermost
 * tiles are shifted inwards until their border is the picture's.
 *
 * @typedef {{x: number, y: number, left: number, top: number, right: number, bottom: number}} Tile
 *     read at x, y; kept from left, top to right, bottom; all in pixels of the small picture
 * @typedef {{width: number, height: number, tiles: Tile[]}} Plan
 */

/** 0..size in the fewest tiles of at most `limit` pixels, as short as they can be: where each is read from, and what of
 * it is kept. `limit` is more than two halos. @param {number} size @param {number} halo @param {number} limit */
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
