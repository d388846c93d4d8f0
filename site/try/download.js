/** Downloads that continue where they stopped, are checked, and are kept in the browser's cache for the next visit. */
import { Trouble } from "./photo.js";

/** @typedef {{file: string, bytes: number, sha256: string}} Entry  of files.json; a file's name changes with its content */
/** @type {Map<string, Promise<Blob>>} */
const here = new Map();

/** A file of the site. If it is requested twice, it is fetched once. @param {Entry} entry
 * @param {(bytes: number) => void} [report] gets the number of bytes that have arrived @returns {Promise<Blob>} */
export function download(entry, report = () => {}) {
  const wanted = here.get(entry.file) ?? fetchOrTake(entry, report);
  here.set(entry.file, wanted);
  wanted.catch(() => here.delete(entry.file));
  return wanted.then((blob) => (report(entry.bytes), blob));
}

/** @param {Entry} entry @param {(bytes: number) => void} report */
async function fetchOrTake(entry, report) {
  const cache = await self.caches?.open("networks").catch(() => null); // missing in some private windows
  const kept = await cache?.match(entry.file);
  if (kept) return kept.blob();
  const blob = await fetchAll(entry, report);
  const hash = await self.crypto?.subtle?.digest("SHA-256", await blob.arrayBuffer()); // only on secure pages
  if (hash && [...new Uint8Array(hash)].map((b) => b.toString(16).padStart(2, "0")).join("") !== entry.sha256) {
    throw new Trouble("A download arrived damaged. Load the page again.");
  }
  await cache?.put(entry.file, new Response(blob)).catch(() => {}); // a full disk is no reason to stop
  return blob;
}

/** @param {Entry} entry @param {(bytes: number) => void} report */
async function fetchAll(entry, report) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  let parts = [];
  for (let size = 0, failures = 0; size < entry.bytes;) {
    const before = size;
    try {
      const answer = await fetch(entry.file, size ? { headers: { Range: `bytes=${size}-` } } : {});
      if (!answer.ok || !answer.body) throw new Error(`status ${answer.status}`);
      if (size && answer.status !== 206) [parts, size] = [[], 0]; // a server that cannot continue starts again
      const reader = answer.body.getReader();
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        parts.push(read.value);
        report(size += read.value.length);
      }
      if (size < entry.bytes) throw new Error("cut off");
    } catch {
      failures = size > before ? 1 : failures + 1;
      if (failures > 5) throw new Trouble("The network could not be loaded, because there is no connection. Try again when it is back.");
      report(size);
      await new Promise((resolve) => { // after a pause, or at once when the connection is back
        setTimeout(resolve, navigator.onLine ? failures * 500 : 60_000);
        self.addEventListener("online", resolve, { once: true });
      });
    }
  }
  return new Blob(parts);
}
