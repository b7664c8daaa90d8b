"""What pages are tested with: what they are made of, and a headless Chromium that opens them."""

from __future__ import annotations

import base64
import fcntl
import io
import itertools
import json
import os
import select
import subprocess
from html.parser import HTMLParser
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


class Outline(HTMLParser):
    """What a page is made of; it must be well nested."""

    VOID = ("meta", "img", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.held: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if self.open:
            self.held.setdefault(self.open[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


class Browser:
    """A headless Chromium, driven by its own protocol over two pipes."""

    def __init__(self, program: str, home: Path) -> None:
        pipes = [os.pipe(), os.pipe()]
        # The browser reads descriptor 3 and writes 4; the copies lie where neither is in the way.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 40) for end in (pipes[0][0], pipes[1][1])]
        options = ("--headless", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={home}")
        self.process = subprocess.Popen(
            [program, *options, "--no-sandbox", "--remote-debugging-pipe", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(3, 4),
            preexec_fn=lambda: [os.dup2(end, 3 + at) for at, end in enumerate(ends)],
        )
        for end in (*ends, pipes[0][0], pipes[1][1]):
            os.close(end)
        self.writes, self.reads = pipes[0][1], pipes[1][0]
        self.numbers, self.pending, self.events = itertools.count(1), b"", []
        self.session: str | None = None

    def call(self, method: str, **params):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writes, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _next(self):
        while b"\0" not in self.pending:
            ready, _, _ = select.select([self.reads], [], [], 60)
            assert ready, "the browser does not answer"
            part = os.read(self.reads, 1 << 20)
            assert part, "the browser ended"
            self.pending += part
        message, _, self.pending = self.pending.partition(b"\0")
        return json.loads(message)

    def open(self, path: Path, width: int = 1100, height: int = 900) -> None:
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        self.load("Page.navigate", url=path.as_uri())

    def load(self, method: str, **params) -> None:
        self.events.clear()
        self.call(method, **params)
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._next())

    def ask(self, expression: str):
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def key(self, name: str) -> None:
        for kind in ("keyDown", "keyUp"):
            code = {"ArrowRight": 39, "ArrowDown": 40, "Tab": 9, "Home": 36, "End": 35}[name]
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=name, code=name,
                windowsVirtualKeyCode=code,
            )  # fmt: skip

    def mouse(self, *places: tuple[float, float]) -> None:
        """Press at the first place, move over the others, let go at the last."""
        steps = [("mousePressed", places[0]), *(("mouseMoved", place) for place in places[1:])]
        for kind, (x, y) in [*steps, ("mouseReleased", places[-1])]:
            self.call(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1,
                clickCount=1,
            )  # fmt: skip

    def picture(self):
        """What the window shows, height x width x 3, 0 to 255."""
        import numpy as np
        from PIL import Image

        data = self.call("Page.captureScreenshot")["data"]
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            return np.asarray(image.convert("RGB")).astype(int)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.writes)
        os.close(self.reads)
