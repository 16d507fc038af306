"""What goes wrong in a browser: it is killed, hangs, throws, asks, opens windows, downloads. None of it gets out."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envbench.envs._browser.browser import browser, close_browser, replaced
from envbench.envs._browser.page import Page
from envbench.envs._browser.session import Session, Start
from envbench.envs._browser.site import ORIGIN, Response
from envbench.errors import BrowserFailed

pytestmark = pytest.mark.browser

Play = Callable[..., Any]


def running(group: int) -> list[int]:
    """Processes of a group (of the browser, which leads a session of its own) that are alive."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, pgrp = entry.joinpath("stat").read_text().rpartition(")")[2].split()[:3]
            except (OSError, ValueError):
                continue
            if int(pgrp) == group and state != "Z":
                found.append(int(entry.name))
    return found


def gone(group: int, seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not running(group):
            return True
        time.sleep(0.02)
    return False


def go_on(played: Any) -> None:
    """Act until it is noticed that something died."""
    for _ in range(100):
        played.act("noop()")
        time.sleep(0.01)


def test_a_killed_browser_is_replaced(play: Play) -> None:
    played = play("<button>go</button>")
    before = replaced()
    pid = browser().pipe.pid
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(BrowserFailed, match="ended|gone"):
        go_on(played)
    assert gone(pid)
    again = play("<button>go</button>")
    assert again.act("noop()") == ""
    assert replaced() == before + 1
    assert browser().pipe.pid != pid


def test_a_crashed_page_fails_alone(play: Play) -> None:
    healthy, sick = play("<p>well</p>"), play("<p>ill</p>")
    page = sick.session.page
    page.send("Page.crash")
    with pytest.raises(BrowserFailed, match="crashed"):
        go_on(sick)
    assert healthy.act("noop()") == ""


@pytest.mark.parametrize("action", ["click", "hover"])  # in an input event, and in a frame
def test_a_hanging_page_meets_the_deadline_and_the_others_go_on(play: Play, action: str) -> None:
    healthy = play("<p>well</p>")
    hanging = play(f"<button on{'mouseenter' if action == 'hover' else action}='for (;;);'>go</button>")
    hanging.session.page.deadline = 1.0
    begun = time.monotonic()
    with pytest.raises(BrowserFailed, match="within 1 s"):
        hanging.act(f"{action}({hanging.ref('go')})")
    assert time.monotonic() - begun < 15.0  # of a busy machine
    assert healthy.act("noop()") == ""
    with pytest.raises(BrowserFailed):
        hanging.act("noop()")


def test_halves_of_surrogate_pairs_are_text_like_any_other(play: Play) -> None:
    half = "<button onclick='console.log(`\\ud800`); title = `a\\ud800b`; throw Error(`\\udc00`)'>go</button>"
    healthy, odd = play("<p>well</p>"), play(half)
    assert odd.act(f"click({odd.ref('go')})") == ""
    assert odd.js("`a\\ud800`") == "a\ud800"
    assert "\udc00" in odd.session.page.errors[0]
    assert odd.act("noop()") == healthy.act("noop()") == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_browser_that_is_not_heard_any_more_is_replaced(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    played = play("<p>well</p>")
    deaf = browser()
    monkeypatch.setattr(deaf.pipe, "_take", None)
    with pytest.raises(BrowserFailed, match="ended"):
        played.act("noop()")
    assert not deaf.alive
    assert play("<p>well</p>").act("noop()") == ""
    assert browser() is not deaf


def test_endless_timers_are_an_error(play: Play) -> None:
    endless = play("<script>function again() { setTimeout(again, 0); }</script><p>so</p>")
    endless.js("again()")
    with pytest.raises(BrowserFailed, match="timers"):
        endless.act("noop(60000)")


def test_a_page_that_throws_goes_on(play: Play) -> None:
    played = play("<button onclick='throw new Error(`no`)'>go</button><script>setTimeout('nothing()', 50)</script>")
    assert played.act(f"click({played.ref('go')})") == ""
    assert played.session.seen.counts["errors"] == 2
    assert "Error: no" in " ".join(played.session.page.errors)


def test_dialogs_are_answered(play: Play) -> None:
    played = play("<button onclick='said = [alert(1), confirm(2), prompt(3), prompt(4, `x`)]'>go</button>")
    played.act(f"click({played.ref('go')})")
    assert played.js("said.slice(1)") == [True, "", "x"]
    assert played.session.seen.counts["dialogs"] == 4


def test_a_question_before_leaving_does_not_hold_the_page(play: Play) -> None:
    pages = {
        "/": "<a href='/next'>go</a><script>onbeforeunload = (e) => { e.preventDefault(); return 'x'; }</script>",
        "/next": "<p>there</p>",
    }
    played = play(pages)
    played.act(f"click({played.ref('go')})")
    assert played.session.seen.url.endswith("/next")


def test_a_page_that_wipes_itself_is_still_a_page(play: Play) -> None:
    played = play("<button onclick='document.open()'>go</button>")
    assert played.act(f"click({played.ref('go')})") == ""
    assert played.session.seen.rows == ()
    assert played.act("noop()") == ""


def test_scripts_open_nothing(play: Play) -> None:
    played = play("<button onclick='was = window.open(`/`)'>script</button>")
    played.act(f"click({played.ref('script')})")
    assert played.js("was") is None


@pytest.mark.parametrize("attributes", ["target='_blank'", "target='_blank' rel='opener'", ""])
@pytest.mark.parametrize("modifiers", ["", ", modifiers=['Control']", ", modifiers=['Shift']"])
def test_popups_are_closed(play: Play, attributes: str, modifiers: str) -> None:
    played = play(
        f"<a href='/elsewhere' {attributes}>go</a>" if attributes or modifiers else "<a href='/' target=x>go</a>"
    )
    before = browser().popups
    assert played.act(f"click({played.ref('go')}{modifiers})") == ""
    assert played.act("noop()") == ""
    until = time.monotonic() + 5
    while (open_now := tabs()) != {played.session.page._target} or browser().popups == before:
        assert time.monotonic() < until, open_now
        time.sleep(0.01)
    assert browser().popups == before + 1
    assert played.act("noop()") == ""


def tabs() -> set[str]:
    """Tabs that show something."""
    found = browser().pipe.call("Target.getTargets", {})["targetInfos"]
    return {one["targetId"] for one in found if one["type"] == "page" and one["url"] not in ("", "about:blank")}


def test_downloads_are_refused(play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    close_browser()
    played = play("<a download='it.txt' href='data:text/plain,hello'>go</a>")
    assert played.act(f"click({played.ref('go')})") == ""
    assert played.act("noop()") == ""
    assert played.session.page.downloads == 1
    assert played.session.seen.url.endswith("/")
    profile = Path(browser().pipe.profile.path)
    assert not [path for place in (tmp_path, profile) for path in place.rglob("it*.txt*")]
    close_browser()


def test_pickers_of_the_system_stay_closed(play: Play) -> None:
    kinds = ("file", "color", "date")
    fields = "".join(f"<input type={kind} aria-label={kind}>" for kind in kinds)
    played = play(fields + "<select aria-label=list><option>a<option>b</select><button onclick='ok=1'>go</button>")
    for name in (*kinds, "list"):
        assert played.act(f"click({played.ref(name)})") == ""
    assert played.act(f"click({played.ref('go')})") == ""
    assert played.js("ok") == 1


def test_everything_but_the_site_is_refused_and_reported(play: Play) -> None:
    wanted = ("http://127.0.0.1:1/a.png", "https://example.org/b.png", "file:///etc/hostname", "/not-here.png")
    body = "".join(f"<img src='{address}' onload='got = 1'>" for address in wanted)
    played = play(body + "<button onclick='sent = fetch(`http://localhost:1/x`).then(() => 1, () => 0)'>go</button>")
    played.act(f"click({played.ref('go')})")
    refused = played.session.page.refused
    for address in ("http://127.0.0.1:1/a.png", "https://example.org/b.png", "not-here.png", "http://localhost:1/x"):
        assert any(address in one for one in refused), address
    assert played.session.page.evaluate("sent", wait=True) == 0
    assert played.js("typeof got") == "undefined"
    for gone_from_pages in ("WebSocket", "RTCPeerConnection", "EventSource", "WebTransport", "Worker"):
        assert played.js(f"typeof {gone_from_pages}") == "undefined"


def test_a_site_that_fails_ends_the_episode() -> None:
    from envbench.envs._browser.session import Session, Start
    from envbench.envs._browser.site import ORIGIN, Request, Response

    def serve(request: Request) -> Response:
        raise RuntimeError("out of stock")

    session = Session(tick_ms=100)
    with pytest.raises(BrowserFailed, match="out of stock|cannot be loaded"):
        session.begin(Start(f"{ORIGIN}/", serve))
    session.close()


def test_no_process_is_left_after_close() -> None:
    pid = browser().pipe.pid
    assert running(pid)
    close_browser()
    assert gone(pid)


CHILD = """
import os, sys, time
from envbench.envs._browser.browser import browser
from envbench.envs._browser.page import Page
page = Page()
print(browser().pipe.pid, flush=True)
{end}
"""


@pytest.mark.parametrize(
    ("end", "kill"),
    [("time.sleep(60)", True), ("raise RuntimeError", False), ("pass", False), ("os._exit(3)", False)],
    ids=["kill -9", "exception", "end", "_exit"],
)
def test_no_process_outlives_its_parent(end: str, kill: bool) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(end=end)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert child.stdout is not None
    pid = int(child.stdout.readline())
    if kill:
        assert running(pid)
        child.kill()
    child.wait(timeout=30)
    child.stdout.close()
    assert gone(pid)


def test_the_folder_of_a_killed_process_is_removed_by_the_next_browser() -> None:
    script = "import time\nfrom envbench.envs._browser.browser import browser\n"
    script += "print(browser().pipe.profile.path, flush=True)\ntime.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    left = Path(child.stdout.readline().strip())
    close_browser()
    browser()
    assert left.is_dir()  # in use
    child.kill()
    child.wait(timeout=30)
    child.stdout.close()
    assert left.is_dir()
    close_browser()
    own = Path(browser().pipe.profile.path)
    assert not left.exists()
    assert not left.with_name(left.name + ".lock").exists()
    close_browser()
    assert not own.exists()
    assert not own.with_name(own.name + ".lock").exists()


@pytest.mark.parametrize("ms", [10, 40])
def test_an_interrupt_while_a_browser_starts_leaves_none(ms: int) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    close_browser()
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, ms / 1000)
    try:
        browser()
    except KeyboardInterrupt:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    close_browser()
    ours = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    names = [Path(f"/proc/{child}/cmdline").read_bytes() for child in ours]
    assert not any(b"--remote-debugging-pipe" in name for name in names)


def test_an_interrupted_step_ends_the_episode(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    played = play("<button>go</button>")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Page, "hear", interrupt)
    with pytest.raises(KeyboardInterrupt):
        played.act("noop()")
    assert played.session.gone  # what it has done is not known
    with pytest.raises(BrowserFailed, match="reset"):
        played.act("noop()")


def test_a_fork_after_a_browser_died_closes_nothing_of_others(tmp_path: Path) -> None:
    pipe = browser().pipe
    os.kill(pipe.pid, signal.SIGKILL)
    pipe._thread.join(timeout=10)
    files = [tmp_path.joinpath(str(number)).open("w") for number in range(8)]
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for file in files:
                os.fstat(file.fileno())
            code = 0
        finally:
            os._exit(code)
    for file in files:
        file.close()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_forked_child_neither_uses_nor_keeps_the_browser() -> None:
    pid = browser().pipe.pid
    child = os.fork()
    if child == 0:
        try:
            own = browser().pipe.pid
            os._exit(0 if own != pid else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert browser().pipe.pid == pid
    assert browser().alive


def test_the_next_page_survives_the_end_of_the_one_before(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the last page of a context its process ends, and with that a page that is just being opened in it."""
    played = play("<button>go</button>")
    start = Start(f"{ORIGIN}/", lambda _: Response(b"<!DOCTYPE html><body>next"), width=400, height=300)
    loads: list[str] = []
    load = Session._load

    def noted(self: Session, what: Start) -> Any:
        loads.append(threading.current_thread().name)
        return load(self, what)

    monkeypatch.setattr(Session, "_load", noted)
    for _ in range(10):
        played.session.prepare(start, load=True)
        played.act("noop()")
        played.session.begin(start)
    assert all(name.startswith("envbench-ahead") for name in loads)
    assert len(loads) == 10
    assert played.session.failures == 0


def test_after_many_tabs_a_session_goes_on_in_a_new_context(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envbench.envs._browser.session.TABS", 3)
    played = play("<button>go</button>")
    start = Start(f"{ORIGIN}/", lambda _: Response(b"<!DOCTYPE html><body>next"), width=400, height=300)
    seen, contexts = [], []
    for number in range(9):
        if number % 2:
            played.session.prepare(start, load=True)
        played.act("noop()")
        seen.append(played.session.begin(start))
        contexts.append(played.session._home)
    assert all(one == seen[0] for one in seen)
    assert len(set(contexts)) == 5  # ten tabs that were used, and two made ready that were given up with their context
    assert played.session.failures == 0
    alive = browser().pipe.call("Target.getBrowserContexts", {})["browserContextIds"]
    assert {one for _, one in contexts} & set(alive) == {contexts[-1][1]}


def test_a_session_that_ends_while_its_next_page_is_opened_keeps_nobody_waiting(play: Play) -> None:
    start = Start(f"{ORIGIN}/", lambda _: Response(b"<!DOCTYPE html><body>next"), width=400, height=300)
    for number in range(10):
        played = play("<button>go</button>")
        played.session.prepare(start, load=True)
        time.sleep(0.01 * number)
        played.session.close()
    assert browser().ahead.submit(lambda: "free").result(timeout=5.0) == "free"
