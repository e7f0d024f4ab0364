"""Headless Chromium driven over its debugging pipe: no package, no port."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Browser", "find"]


def find() -> str | None:
    """Return a Chromium of this machine; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


class Browser:
    """One page, and what it asked the network for."""

    def __init__(self, executable: str, profile: Path) -> None:
        to_it, ours_out = os.pipe()
        ours_in, from_it = os.pipe()
        arguments = ["--headless=new", "--remote-debugging-pipe", "--no-first-run", f"--user-data-dir={profile}"]
        arguments += ["--no-sandbox"] if os.geteuid() == 0 else []
        arguments += ["--disable-gpu", "--disable-background-networking", "--window-size=1100,1400"]

        def at_its_place() -> None:  # Chromium reads commands from descriptor 3 and writes to 4
            os.dup2(to_it, 3)
            os.dup2(from_it, 4)

        self.process = subprocess.Popen(
            [executable, *arguments, "about:blank"],
            preexec_fn=at_its_place,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_it)
        os.close(from_it)
        self._out, self._in, self._rest, self._last = ours_out, ours_in, b"", 0
        self.requested: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.page("Network.enable")
        self.page("Page.enable")

    def call(self, method: str, session: str | None = None, **params: Any) -> Any:
        """Call *method* and return its result."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self._last:
                assert "error" not in found, found
                return found["result"]

    def page(self, method: str, **params: Any) -> Any:
        return self.call(method, self.session, **params)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            read = os.read(self._in, 65536)
            assert read, "Chromium ended"
            self._rest += read
        first, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(first)
        if found.get("method") == "Network.requestWillBeSent":
            self.requested.append(found["params"]["request"]["url"])
        return found

    def open(self, path: Path) -> None:
        """Load a file, to its end."""
        self.page("Page.navigate", url=path.as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, expression: str) -> Any:
        """Return the value of *expression* in the page."""
        found = self.page("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        os.close(self._out)
        os.close(self._in)
