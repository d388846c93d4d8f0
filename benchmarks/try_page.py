"""Measures how fast a browser enlarges: the page's own worker in chromium beside native ONNX Runtime, in one run.

    make site
    python benchmarks/try_page.py --machine "2 cores of an AMD EPYC"

Both enlarge one tile of 128x128 pixels, with one and with two threads, in turns; the best round counts. The page gets
several threads if its service worker has isolated it; without the service worker, it has one.
"""

import functools
import gzip
import http.server
import json
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import onnxruntime
from common import Printed, parser
from playwright.sync_api import sync_playwright

PAGE = Path(__file__).resolve().parents[1] / "build" / "site" / "try"
SIDE = 128
MEASURE = """async (name) => {
    const site = await (await fetch('files.json')).json();
    const get = async (entry) => (await fetch(entry.file)).blob();
    const [runtime, model] = await Promise.all([site.runtime.wasm, site.networks[name]].map(get));
    const pixels = new Uint8ClampedArray(4 * SIDE * SIDE).map((_, i) => (i * 37) % 251);
    const worker = new Worker('worker.js', { type: 'module' });
    const network = { name, halo: 0, runtime, model, gpu: false };
    const told = await new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.postMessage({ task: 'measure', pixels, width: SIDE, height: SIDE, shrink: false, network });
    });
    worker.terminate();
    return told.pace * SIDE * SIDE;
}""".replace("SIDE", str(SIDE))


class Files(http.server.SimpleHTTPRequestHandler):
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def log_message(self, *arguments) -> None:
        pass


def native(name: str, threads: int) -> float:
    """The seconds of the second run, which is the one that the worker measures, too."""
    entry = json.loads((PAGE / "files.json").read_text(encoding="utf-8"))["networks"][name]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    model = gzip.decompress((PAGE / entry["file"]).read_bytes())
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    lr = np.random.default_rng(0).random((1, 3, SIDE, SIDE), np.float32)
    for _ in range(2):
        began = time.perf_counter()
        session.run(None, {"lr": lr})
    return time.perf_counter() - began


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=3)
    arguments = options.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=str(PAGE.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say = Printed(arguments.out)
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        pages = {}
        for threads, workers in ((1, "block"), (2, "allow")):
            pages[threads] = browser.new_context(service_workers=workers).new_page()
            pages[threads].goto(f"http://127.0.0.1:{server.server_port}/try/")
        pages[2].wait_for_timeout(3000)
        cores = pages[2].evaluate("self.crossOriginIsolated && navigator.hardwareConcurrency")
        if cores != 2:
            raise SystemExit(f"this table is for two cores; the browser says {cores}")
        say(
            f"# One tile of {SIDE}x{SIDE} in the browser{f', {arguments.machine}' if arguments.machine else ''}",
            "",
            f"chromium {browser.version}, onnxruntime {onnxruntime.__version__}; best of {arguments.rounds} rounds.",
            "",
            "| network | threads | WebAssembly, s | native, s | ratio |",
            "|---|---|---|---|---|",
        )
        for name in ("espcn", "srresnet", "srgan"):
            for threads, page in pages.items():
                pairs = [(page.evaluate(MEASURE, name), native(name, threads)) for _ in range(arguments.rounds)]
                wasm, own = (min(times) for times in zip(*pairs, strict=True))
                say(f"| {name} | {threads} | {wasm:.3f} | {own:.3f} | {wasm / own:.1f} |")
        browser.close()


if __name__ == "__main__":
    main()
