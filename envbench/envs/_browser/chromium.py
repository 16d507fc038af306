"""Which Chromium runs, and with which flags. The only place that looks for one."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from envbench.errors import BrowserMissing

SHELLS = ("chromium-headless-shell", "chrome-headless-shell", "headless_shell")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

_PLAYWRIGHT = (  # below $PLAYWRIGHT_BROWSERS_PATH; shells first
    "chromium_headless_shell-*/chrome-*/*headless[-_]shell",
    "chromium-*/chrome-*/chrome",
)

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-software-rasterizer",
    "--process-per-site",  # the pages of one context share a renderer: an environment's page and its next one
    "--js-flags=--lite-mode",  # an environment takes 19.4 instead of 21.1 MB, a step up to a tenth longer
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--no-first-run",
    "--disable-quic",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-dev-shm-usage",
    "--disable-popup-blocking",
    "--disable-prompt-on-repost",
    "--disable-hang-monitor",
    "--disable-ipc-flooding-protection",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
    "--disable-smooth-scrolling",
    "--disable-features=Translate,OptimizationHints,MediaRouter,BackForwardCache,PaintHolding,AutofillServerCommunication",
    "--force-color-profile=srgb",
    "--force-device-scale-factor=1",
    "--font-render-hinting=none",
    "--hide-scrollbars",
    "--mute-audio",
    "--password-store=basic",
    "--use-mock-keychain",
    "--remote-debugging-pipe",
    # No network, whatever a page tries: no name resolves, everything else goes to a proxy that is not there.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)

_FRAME_CONTROL = (
    "--enable-begin-frame-control",
    "--run-all-compositor-stages-before-draw",
    "--disable-new-content-rendering-timeout",
    "--disable-threaded-animation",
    "--disable-threaded-scrolling",
    "--disable-checker-imaging",
    "--disable-gpu-process-crash-limit",
)


@dataclass(frozen=True, slots=True)
class Program:
    """A Chromium on this machine.

    Attributes:
        path: of the executable.
        frame_control: it is the old headless shell, in which frames are drawn on command.
    """

    path: str
    frame_control: bool

    @property
    def flags(self) -> tuple[str, ...]:
        return (*_FLAGS, *_FRAME_CONTROL) if self.frame_control else _FLAGS


def find_chromium() -> Program | None:
    """Return $ENVBENCH_CHROMIUM, else the first headless shell or browser on the path, else Playwright's; or None."""
    named = os.environ.get("ENVBENCH_CHROMIUM")
    for name in (named,) if named else (*SHELLS, *BROWSERS):
        if path := shutil.which(name):
            return _program(path)
    if named:
        return None
    home = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    for pattern in _PLAYWRIGHT:
        for path_found in sorted(home.glob(pattern), reverse=True):
            return _program(str(path_found))
    return None


def need_chromium() -> Program:
    """Return a Chromium.

    Raises:
        BrowserMissing: there is none.
    """
    program = find_chromium()
    if program is None:
        raise BrowserMissing(why_missing())
    return program


def why_missing() -> str:
    """Return the line that says what to do where `find_chromium` finds none."""
    if named := os.environ.get("ENVBENCH_CHROMIUM"):
        return f"$ENVBENCH_CHROMIUM names {named!r}, which is no program here; unset it or name a Chromium"
    return MISSING


def _program(path: str) -> Program:
    """Debian's /usr/bin/chromium* are scripts that would stand between us and the process; take what they start."""
    name = Path(path).name
    beneath = Path("/usr/lib/chromium") / name
    with open(path, "rb") as file:
        if file.read(2) == b"#!" and beneath.is_file():
            path = str(beneath)
    return Program(path, name.replace("_", "-").endswith("headless-shell"))


MISSING = (
    "no Chromium found. Run: apt-get install chromium-headless-shell (or: playwright install chromium-headless-shell), "
    "or name one in $ENVBENCH_CHROMIUM"
)
"""One line for `make` and `doctor`."""
