"""A real browser without a screen, which looks at a page and says what it sees."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

WANTED = os.environ.get("BROWSER_TESTS", "")
"""`must`: fail where there is no browser, as CI wants it; else its tests are skipped there."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
)
PHONE = 360
DESK = 1280


@dataclass(frozen=True, slots=True)
class Browser:
    """Chromium, driven over the WebDriver protocol."""

    driver: Chrome

    def show(
        self, page: Path, *, width: int = DESK, scheme: str = "light", media: str = "screen"
    ) -> None:
        """Opens a page as on a screen of this width, in pixels, or on paper."""
        self.driver.get_log("performance")
        self.driver.get_log("browser")
        screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self._tell("Emulation.setDeviceMetricsOverride", screen)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._tell("Emulation.setEmulatedMedia", {"media": media, "features": features})
        self.driver.get(page.as_uri())

    def ask(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def requests(self) -> list[str]:
        """The addresses that were asked for since the page was shown."""
        messages = [json.loads(one["message"]) for one in self.driver.get_log("performance")]
        return [
            message["message"]["params"]["request"]["url"]
            for message in messages
            if message["message"]["method"] == "Network.requestWillBeSent"
        ]

    def console(self) -> list[str]:
        """What the page complained about since it was shown."""
        return [one["message"] for one in self.driver.get_log("browser")]

    def accessible(self) -> list[dict[str, Any]]:
        """What a screen reader reads from: the role and name of each node that is not ignored."""
        nodes = self._tell("Accessibility.getFullAXTree", {})["nodes"]
        return [
            {"role": node["role"]["value"], "name": node.get("name", {}).get("value", "")}
            for node in nodes
            if not node.get("ignored") and "role" in node
        ]

    def printed(self) -> bytes:
        """The page as PDF, with the size that its style sheet asks for."""
        self._tell("Emulation.setEmulatedMedia", {"media": "", "features": []})
        wanted = {"preferCSSPageSize": True, "printBackground": True}
        return base64.b64decode(self._tell("Page.printToPDF", wanted)["data"])

    def _tell(self, command: str, parameters: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.driver.execute_cdp_cmd(command, parameters)
        return found


def _leave_out(why: str) -> None:
    if WANTED == "must":
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests; what it keeps goes with the session."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        _leave_out("there is no browser here: apt-get install chromium chromium-driver")
        return
    with started(program, driver, tmp_path_factory.mktemp("browser")) as found:
        yield Browser(found)


@contextmanager
def started(program: str, driver: str, profile: Path) -> Iterator[Chrome]:
    """The browser with its driver, both ended in the end."""
    options = ChromeOptions()
    options.binary_location = program
    root = ("--no-sandbox",) if os.getuid() == 0 else ()
    for flag in (*FLAGS, *root, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    chrome = Chrome(options=options, service=Service(driver))
    try:
        yield chrome
    finally:
        chrome.quit()
