"""A headless Chromium, spoken to over its debugging pipe: no driver and no library.

As a program it takes pictures: `python -m tests.helpers.browser PAGE.html OUT.png [WIDTH] [dark]`.
"""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from select import select
from time import monotonic

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
PATIENCE = 120  # seconds for an answer


def program():
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One tab. faults: script errors, refusals of the policy, and what the page asked a network
    for."""

    def __init__(self, write, read):
        self.write, self.read, self.rest, self.count = write, read, b"", 0
        self.session, self.faults, self.loaded = None, [], False
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.notice(answer)

    def message(self):
        end = monotonic() + PATIENCE
        while b"\0" not in self.rest:
            ready, _, _ = select([self.read], [], [], max(0, end - monotonic()))
            part = os.read(self.read, 1 << 20) if ready else b""
            if not part:
                raise RuntimeError("the browser is gone, or does not answer")
            self.rest += part
        one, _, self.rest = self.rest.partition(b"\0")
        return json.loads(one)

    def notice(self, event):
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.faults.append(params["exceptionDetails"].get("exception", {}).get("description"))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.faults.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith(("file:", "data:", "about:")):
                self.faults.append(f"asked for {url}")
        elif method == "Page.loadEventFired":
            self.loaded = True

    def open(self, page, width=1280, height=900):
        self.resize(width, height)
        self.loaded = False
        self.ask("Page.navigate", url=Path(page).absolute().as_uri())
        while not self.loaded:
            self.notice(self.message())

    def resize(self, width, height=900):
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def run(self, script):
        """The value of an expression in the page."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"]["description"])
        return found["result"].get("value")

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **text,
            )

    def picture(self, file):
        """The whole page."""
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        Path(file).write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser():
    """Raises RuntimeError if it does not come up."""
    there, write = os.pipe()
    read, back = os.pipe()

    def above(file):
        """A copy out of the way of the two numbers that Chromium reads and writes."""
        return fcntl.fcntl(file, fcntl.F_DUPFD, 10)

    def plug():
        for source, place in [(above(there), 3), (above(back), 4)]:
            os.dup2(source, place)

    with tempfile.TemporaryDirectory() as profile, open(os.devnull, "wb") as silent:
        command = [program(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        running = subprocess.Popen(
            command, close_fds=False, preexec_fn=plug, stdout=silent, stderr=silent
        )
        os.close(there)
        os.close(back)
        try:
            yield Browser(write, read)
        finally:
            os.close(write)
            os.close(read)
            running.terminate()
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


if __name__ == "__main__":
    with browser() as shown:
        if "dark" in sys.argv:
            dark = [{"name": "prefers-color-scheme", "value": "dark"}]
            shown.ask("Emulation.setEmulatedMedia", features=dark)
        shown.open(sys.argv[1], int(sys.argv[3]) if len(sys.argv) > 3 else 1280)
        shown.picture(sys.argv[2])
        for fault in shown.faults:
            print(fault)
