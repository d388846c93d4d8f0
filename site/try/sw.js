/**
 * The service worker keeps the page for use without a network, and sends the headers that a page needs for several
 * threads. The build writes `files.js`; when that file changes, the browser uses the new page.
 */
/// <reference lib="webworker" />
/** @type {ServiceWorkerGlobalScope & {SITE: {version: string, files: string[], large: string[]}}} */
const worker = /** @type {any} */ (self);
worker.importScripts("files.js");
const PAGE = `page-${worker.SITE.version}`;
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob:; object-src 'none'",
};

worker.addEventListener("install", (event) => {
  const files = worker.SITE.files.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(caches.open(PAGE).then((page) => page.addAll(files)).then(() => worker.skipWaiting()));
});

worker.addEventListener("activate", (event) => {
  const tidy = async () => {
    for (const name of await caches.keys()) if (name.startsWith("page-") && name !== PAGE) await caches.delete(name);
    const networks = await caches.open("networks") /* as in download.js */;
    const wanted = worker.SITE.large.map((file) => new URL(file, worker.registration.scope).href);
    for (const kept of await networks.keys()) if (!wanted.includes(kept.url)) await networks.delete(kept);
    await worker.clients.claim();
  };
  event.waitUntil(tidy());
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(worker.registration.scope)) return;
  const answer = async () => {
    const page = await caches.open(PAGE);
    const kept = await page.match(request, { ignoreSearch: true });
    const found = kept ?? (await fetch(request));
    if (!kept && found.status === 200 && !request.url.endsWith(".bin")) await page.put(request, found.clone()); // runtime
    const headers = new Headers(found.headers);
    for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
    return new Response(found.body, { status: found.status, statusText: found.statusText, headers });
  };
  event.respondWith(answer());
});
