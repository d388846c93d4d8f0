"""The screen on which a page is shown: how large and how dense it is, and the colour of each of its pixels."""

import base64
import io

import numpy as np
from PIL import Image


class Screen:
    """Of a page of playwright. It may change while the page is open."""

    def __init__(self, page):
        self.session = page.context.new_cdp_session(page)

    def change(self, width: int, height: int, ratio: float = 1) -> None:
        """To a window of this size, in CSS pixels, on a screen with so many pixels for each of them."""
        change = {"width": width, "height": height, "deviceScaleFactor": ratio, "mobile": False}
        self.session.send("Emulation.setDeviceMetricsOverride", change)

    def pixels(self) -> np.ndarray:
        """What the window shows, uint8 (H, W, 3). Playwright's own way to take a screenshot forgets the ratio."""
        taken = self.session.send("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": True})
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB"))
