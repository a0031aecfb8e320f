"""Chromium without a window, told what to do through a pipe: no package and no driver is needed."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 30.0
"""Seconds that an answer may take, on a busy machine."""


def found() -> str | None:
    """Return the path of a Chromium, or of Chrome; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
BEGIN = """
import fcntl, os, sys
a, b = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(a, 3), os.dup2(b, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""A program that becomes the browser, which reads from 3 and writes to 4."""


class Page:
    """A page of a browser that runs.

    Args:
        said: what the browser writes, messages of JSON, each with a zero byte at its end.
        told: what it reads.
    """

    def __init__(self, said: int, told: int) -> None:
        self._said, self._told = said, told
        self._read = b""
        self._number = 0
        self._session: str | None = None
        target = self._do("Target.createTarget", url="about:blank")["targetId"]
        attached = self._do("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]

    def open(self, path: Path, end: str = "") -> None:
        """Open a file, and wait until its scripts have run.

        Args:
            path: of the file.
            end: what follows it in the address, such as ``#q=kalman``.
        """
        # By way of an empty page: an address that differs in its end alone loads nothing.
        for address in ("about:blank", path.resolve().as_uri() + end):
            self._do("Page.navigate", url=address)
            wanted = f"location.href.startsWith({address.partition('#')[0]!r})"
            self.wait(f"{wanted} && document.readyState === 'complete'")

    def look(self, width: int, *, dark: bool = False, height: int = 900) -> None:
        """Set the width and height of the window, in pixels, and light or dark colours."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._do("Emulation.setDeviceMetricsOverride", **size)
        colours = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._do("Emulation.setEmulatedMedia", features=[colours])

    def value(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript.

        Raises:
            AssertionError: it failed there.
        """
        answer = self._do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + PATIENCE
        while not self.value(f"!!({expression})"):
            assert time.monotonic() < end, f"{expression} is not true"
            time.sleep(0.02)

    def click(self, selector: str) -> None:
        """Click in the middle of the first element that a selector finds, as a mouse does."""
        element = f"document.querySelector({selector!r})"
        self.value(f"{element}.scrollIntoView({{block: 'center'}})")
        box = self.value(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({element}"
                         ".getBoundingClientRect())")  # fmt: skip
        for kind in ("mousePressed", "mouseReleased"):
            at = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
            self._do("Input.dispatchMouseEvent", type=kind, **at)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        for letter in text:
            self._do("Input.dispatchKeyEvent", type="char", text=letter)

    def press(self, key: str) -> None:
        """Press a key, such as ``Tab``, ``Enter`` or ``ArrowDown``."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowUp": 38, "ArrowDown": 40, "/": 191}
        words: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": codes[key]}
        text = {"Enter": "\r", "/": "/"}.get(key)
        self._do(
            "Input.dispatchKeyEvent", type="keyDown", **words, **({"text": text} if text else {})
        )
        self._do("Input.dispatchKeyEvent", type="keyUp", **words)

    def picture(self, path: Path) -> None:
        """Write what is seen as a PNG."""
        data = self._do("Page.captureScreenshot")["data"]
        path.write_bytes(base64.b64decode(data))

    def _do(self, method: str, **words: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": words}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._told, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            more = os.read(self._said, 1 << 16)
            assert more, "the browser has ended"
            self._read += more
        message, _, self._read = self._read.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


@contextlib.contextmanager
def chromium(program: str) -> Iterator[Page]:
    """Run a browser for as long as its page is looked at.

    Args:
        program: its path.
    """
    (reads, told), (said, writes) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [sys.executable, "-c", BEGIN, str(reads), str(writes), program, *OPTIONS,
             f"--user-data-dir={profile}"],
            pass_fds=[reads, writes],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(reads)
        os.close(writes)
        try:
            yield Page(said, told)
        finally:
            process.terminate()
            process.wait(20)
            os.close(told)
            os.close(said)
