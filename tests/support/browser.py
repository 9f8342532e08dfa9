"""A real browser, driven through tests/browser/drive.mjs one JSON line at a time."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

BROWSER_TESTS = Path(__file__).parents[1] / "browser"
EXECUTABLES = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "firefox": ("firefox-esr", "firefox"),
}


def find_executable(name: str) -> str | None:
    """Return the path of the browser *name*, or None."""
    return next(filter(None, map(shutil.which, EXECUTABLES[name])), None)


def why_unavailable(name: str) -> str | None:
    """Return why the browser *name* cannot be driven here, or None when it can."""
    if find_executable(name) is None:
        return f"{name} is not installed"
    if shutil.which("node") is None:
        return "Node.js is not installed"
    if not (BROWSER_TESTS / "node_modules/puppeteer-core").is_dir():
        return "puppeteer-core is not installed (run npm ci in tests/browser, or scripts/test)"
    return None


class BrowserError(AssertionError):
    """The browser or the script in the page failed."""


class Page:
    """One page, in a context (cookies, cache) of its own; leaving its block closes the tab."""

    def __init__(self, browser: "Browser", number: int) -> None:
        self._browser = browser
        self._number = number

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ask("close")

    def _ask(self, do: str, **arguments: Any) -> Any:
        return self._browser.ask(do, page=self._number, **arguments)

    def wait_playing(self, *, seconds: float = 10) -> dict[str, bool]:
        """Wait until a video plays; return whether it is muted and whether there was a user's gesture.

        Every other request counts as a gesture of the user: puppeteer evaluates with one.
        """
        told: dict[str, bool] = self._ask("playing", seconds=seconds)
        return told

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """Call the JavaScript function *script* in the page and return what it resolves to."""
        return self._ask("evaluate", script=script, argument=argument)

    def wait(self, script: str, argument: Any = None, *, seconds: float = 10) -> None:
        """Wait until the JavaScript function *script* returns something true."""
        self._ask("wait", script=script, argument=argument, seconds=seconds)

    def measure(self, seconds: float) -> dict[str, float]:
        """Return how video and audio flow over the next *seconds* (see probe.js)."""
        figures: dict[str, float] = self.evaluate("(seconds) => probe.measure(seconds)", seconds)
        return figures

    def troubles(self) -> list[str]:
        """Return the console's errors and the exceptions nobody caught, up to now."""
        found: list[str] = self._ask("troubles")
        return found

    def resize(self, width: int, height: int) -> None:
        """Give the page another viewport."""
        self._ask("viewport", width=width, height=height)

    def screenshot(self, path: Path) -> None:
        """Save what the page looks like as a PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._ask("screenshot", path=str(path))


class Browser:
    """A running browser; use it as a context manager."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._driver = subprocess.Popen(
            ["node", "drive.mjs", name, str(find_executable(name))],
            cwd=BROWSER_TESTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version: str = self._answer()

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self._driver.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self._driver.terminate()  # puppeteer takes the browser with it
            self._driver.communicate()

    def ask(self, do: str, **arguments: Any) -> Any:
        """Send one request to the driver and return its answer."""
        assert self._driver.stdin is not None
        self._driver.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._driver.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._driver.stdout is not None
        line = self._driver.stdout.readline()
        if not line:
            raise BrowserError(f"{self.name} ended with status {self._driver.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise BrowserError(answer["error"])
        return answer["value"]

    def open(self, url: str, *, width: int = 1280, height: int = 800) -> Page:
        """Open *url* in a new page."""
        return Page(self, self.ask("open", url=url, width=width, height=height))
