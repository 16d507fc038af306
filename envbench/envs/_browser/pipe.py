"""The pipe to a Chromium process: DevTools messages, each ended by a zero byte.

One thread starts the process and reads what it says; any thread may send and wait. The kernel kills the browser when
that thread ends, and so when this process ends, however it ends (PR_SET_PDEATHSIG); a forked child closes its copies of
the pipe, so that it neither speaks on it nor keeps it open.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from envbench.envs._browser.chromium import Program
from envbench.envs._browser.profile import Profile
from envbench.errors import BrowserFailed

log = logging.getLogger(__name__)

_LAUNCHER = """
import ctypes, os, signal, sys
parent, into, out = map(int, sys.argv[1:4])
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != parent:
    os._exit(1)
into, out = os.dup(into), os.dup(out)
os.dup2(into, 3)
os.dup2(out, 4)
os.set_inheritable(3, True)
os.set_inheritable(4, True)
os.execv(sys.argv[4], sys.argv[4:])
"""

START_S = 30.0
"""Seconds that a browser may take to start."""

_CHUNK = 1 << 18


class _Message(msgspec.Struct):
    id: int | None = None
    method: str = ""
    sessionId: str = ""  # noqa: N815  # as DevTools calls it
    params: msgspec.Raw = msgspec.Raw(b"{}")
    result: msgspec.Raw = msgspec.Raw(b"{}")
    error: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(_Message).decode


def plain(text: bytes | bytearray | msgspec.Raw | str) -> Any:
    """Return JSON as plain data, halves of surrogate pairs too: pages may say them, and msgspec refuses them."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text if isinstance(text, str) else bytes(text))


def _message(text: bytes | bytearray) -> _Message:
    try:
        return _decode(text)
    except msgspec.DecodeError:
        parts = plain(text)
        raw = {name: msgspec.Raw(json.dumps(parts[name]).encode()) for name in ("params", "result") if name in parts}
        return _Message(**parts | raw)


class Reply:
    """What a command will answer."""

    __slots__ = ("_done", "error", "method", "result", "session")

    def __init__(self, method: str, session: str) -> None:
        self._done = threading.Lock()
        self._done.acquire()
        self.method, self.session = method, session
        self.result: msgspec.Raw = msgspec.Raw(b"{}")
        self.error = ""

    def settle(self, result: msgspec.Raw | None, error: str = "") -> None:
        if result is not None:
            self.result = result
        self.error = error
        with suppress(RuntimeError):  # settled before
            self._done.release()

    def wait(self, seconds: float) -> bool:
        """Tell whether the answer came within `seconds`."""
        if self._done.acquire(timeout=max(seconds, 0.0)):
            self._done.release()
            return True
        return False

    def get(self, seconds: float) -> Any:
        """Return the result as plain data.

        Raises:
            BrowserFailed: no answer within `seconds`, or an error for an answer.
        """
        if not self.wait(seconds):
            raise BrowserFailed(f"the browser did not answer {self.method} within {seconds:g} s")
        if self.error:
            raise BrowserFailed(f"{self.method}: {self.error}")
        return plain(self.result)


Listener = Callable[[str, msgspec.Raw], None]


class Pipe:
    """A running browser process.

    Args:
        program: which one.

    Raises:
        BrowserFailed: it did not start.
    """

    def __init__(self, program: Program) -> None:
        self._listeners: dict[str, Listener] = {}
        self._waiting: dict[int, Reply] = {}
        self._count = 0
        self._lock = threading.Lock()
        self._ended = ""
        self.profile = Profile()
        self._owner = os.getpid()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(program, started), daemon=True, name="envbench-browser")
        self._thread.start()
        try:
            started.wait()
            if not self._ended:
                _OPEN.add(self)
            self.call("Browser.getVersion", {}, seconds=START_S)
        except BrowserFailed as error:
            self.close()
            raise BrowserFailed(f"{program.path} did not start: {error}") from None
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        return not self._ended and os.getpid() == self._owner

    @property
    def pid(self) -> int:
        return self._process.pid

    def listen(self, session: str, listener: Listener | None) -> None:
        """Have the events of a session ("" for the browser's own) sent to `listener`, on the reading thread."""
        if listener is None:
            self._listeners.pop(session, None)
        else:
            self._listeners[session] = listener

    def tell(self, session: str, method: str, params: msgspec.Raw) -> None:
        """Send an event to the listener of a session, on the reading thread."""
        listener = self._listeners.get(session)
        if listener is not None:
            try:
                listener(method, params)
            except Exception:
                log.exception("while handling %s", method)

    def send(self, method: str, params: dict[str, Any], session: str = "") -> Reply:
        """Send a command without waiting."""
        reply = Reply(method, session)
        message = {"method": method, "params": params}
        if session:
            message["sessionId"] = session
        with self._lock:
            if not self.alive:
                reply.settle(None, self._ended or "the browser belongs to another process")
                return reply
            self._count += 1
            number = self._count
            self._waiting[number] = reply
            try:
                self._write(msgspec.json.encode(message | {"id": number}) + b"\0")
            except OSError as error:
                self._waiting.pop(number, None)
                reply.settle(None, f"the browser is gone ({error})")
        return reply

    def call(self, method: str, params: dict[str, Any], session: str = "", seconds: float = START_S) -> Any:
        """Send a command and return its result.

        Raises:
            BrowserFailed: an error, no answer in time, or no browser any more.
        """
        return self.send(method, params, session).get(seconds)

    def fail(self, session: str, reason: str) -> None:
        """Settle what waits for a session that will not answer any more."""
        for number, reply in list(self._waiting.items()):
            if reply.session == session:
                self._waiting.pop(number, None)
                reply.settle(None, reason)

    def close(self) -> None:
        """Kill the browser with all its processes and remove its profile. Again does nothing."""
        if os.getpid() != self._owner:
            return
        _OPEN.discard(self)
        self._ended = self._ended or "the browser was closed"
        self._kill()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=5.0)
        self._kill()  # it may have been starting
        self.profile.remove()

    def _kill(self) -> None:
        process = getattr(self, "_process", None)
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def forget(self) -> None:
        """Close the copies of the pipe in a forked child."""
        self.profile.forget()
        for end in (self._to, self._from):
            with suppress(OSError):
                os.close(end)
        self._ended = "the browser belongs to the parent process"

    def _run(self, program: Program, started: threading.Event) -> None:
        try:
            self._start(program)
        except OSError as error:
            self._ended = str(error)
        finally:
            started.set()
        try:
            if not self._ended:
                self._read()
        finally:
            self._end()

    def _end(self) -> None:
        self._ended = self._ended or "the browser process ended"
        for reply in list(self._waiting.values()):
            reply.settle(None, self._ended)
        self._waiting.clear()
        if hasattr(self, "_to"):
            with self._lock:
                _OPEN.discard(self)  # a child that is forked from now on has other files at these numbers
                os.close(self._to)
                os.close(self._from)

    def _start(self, program: Program) -> None:
        its_in, self._to = os.pipe()
        self._from, its_out = os.pipe()
        os.set_blocking(self._to, False)
        command = [sys.executable, "-S", "-E", "-c", _LAUNCHER, str(os.getpid()), str(its_in), str(its_out)]
        command += [program.path, *program.flags, f"--user-data-dir={self.profile.path}", "about:blank"]
        environment = os.environ | {"TZ": "UTC", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TMPDIR": self.profile.path}
        try:
            self._process = subprocess.Popen(
                command,
                pass_fds=(its_in, its_out),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=environment,
                cwd=self.profile.path,
            )
        finally:
            os.close(its_in)
            os.close(its_out)

    def _read(self) -> None:
        rest = bytearray()
        while chunk := os.read(self._from, _CHUNK):
            if b"\0" not in chunk:
                rest += chunk
                continue
            rest += chunk
            *messages, rest = rest.split(b"\0")
            for text in messages:
                self._take(_message(text))

    def _take(self, message: _Message) -> None:
        if message.id is not None:
            reply = self._waiting.pop(message.id, None)
            if reply is not None:
                error = message.error
                reply.settle(message.result, str(error.get("message", error)) if error else "")
            return
        self.tell(message.sessionId, message.method, message.params)

    def _write(self, data: bytes) -> None:
        until = time.monotonic() + START_S
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._to, view) :]
            except BlockingIOError:
                if time.monotonic() > until:
                    raise
                select.select([], [self._to], [], 1.0)


_OPEN: weakref.WeakSet[Pipe] = weakref.WeakSet()


def _forget_all() -> None:
    for pipe in list(_OPEN):
        pipe.forget()
    _OPEN.clear()


os.register_at_fork(after_in_child=_forget_all)
