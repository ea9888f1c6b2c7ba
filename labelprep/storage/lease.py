"""One run at a time in a folder of a store, which knows no locks that end with their process.

A run holds the folder by an object `.labelprep/lock/<number>`, which it writes anew every few seconds. Whoever finds
one looks whether it changes: one that stands still for `LEASE` seconds, or whose process is gone from this very
machine, is taken over by creating the next number. All that the store has to offer is to create an object only where
there is none (S3: `If-None-Match`, Google: `ifGenerationMatch`), and listings that show what is written; no clock of
another machine is asked.

What holds: of any number of runs that ask, at most one gets the folder. What does not: a run that sleeps for longer
than `LEASE` (a laptop that was closed) loses the folder, and may put a mask or two before it sees that.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from labelprep.errors import EnvironmentFailure
from labelprep.storage.place import Remote

BEAT = 5.0  # seconds between signs of life
LEASE = 20.0  # seconds without one, after which the holder counts as dead
_LOOK = 0.5  # seconds between looks at somebody else's

Entries = dict[int, bytes]


@contextmanager
def leased(out: Remote) -> Iterator[Callable[[], None]]:
    """Holds a folder of a store for this process.

    Yields:
        Raises `EnvironmentFailure` where the folder was lost to another run meanwhile.

    Raises:
        EnvironmentFailure: where another run holds it, naming that process, or the store does not answer.
    """
    lease = _Lease(out)
    lease.take()
    thread = threading.Thread(target=lease.beat, daemon=True)
    thread.start()
    try:
        yield lease.check
    finally:
        lease.ended.set()
        if not lease.is_lost():  # else somebody else holds it, or the store is silent, and would be waited for again
            thread.join()
            lease.give_back()


class _Lease:
    def __init__(self, out: Remote) -> None:
        self.out, self.folder = out, out / ".labelprep" / "lock"
        self.number, self.beats, self.ended = 0, 0, threading.Event()
        self.seen_alive = time.monotonic()
        self.lost: str | None = None

    def take(self) -> None:
        """Gets the folder, at once where nobody holds it, after `LEASE` seconds where a dead holder cannot be told.

        Raises:
            EnvironmentFailure: where somebody holds it.
        """
        before, since = self.entries(), time.monotonic()
        while before and (lives := _lives(before[max(before)])) is not False and time.monotonic() - since < LEASE:
            if lives:
                raise self.busy(before)
            time.sleep(_LOOK)
            if (now := self.entries()) != before:
                if now:
                    raise self.busy(now)
                before = now
        self.number = max(before, default=0) + 1
        try:
            self.mine.put(self.content(), new=True)
        except FileExistsError:
            raise self.busy(self.entries()) from None
        after = self.entries()
        if {n: text for n, text in after.items() if n != self.number and before.get(n) != text}:
            self.give_back()  # two came at once: both leave, and neither spoils the other's work
            raise self.busy(after)
        for n in before:
            self.at(n).unlink(missing_ok=True)
        self.seen_alive = time.monotonic()

    def beat(self) -> None:
        """Gives signs of life until the run ends or the folder is lost."""
        while not self.ended.wait(BEAT):
            try:
                self.look()
                self.beats += 1
                if self.lost is None:
                    self.mine.put(self.content())
                    self.seen_alive = time.monotonic()
            except (EnvironmentFailure, OSError):
                continue  # the store may answer again; `check` looks at the time
            if self.lost is not None:
                return

    def look(self) -> None:
        """Sees whether the folder is still ours."""
        entries = self.entries()
        if self.number not in entries:
            self.lost = "somebody removed its lock"
        elif max(entries) > self.number:
            self.lost = f"{_holder(entries[max(entries)])} took it over"

    def is_lost(self) -> bool:
        """Whether somebody else holds the folder, or may take it, as the store took no sign of life for so long."""
        silent = time.monotonic() - self.seen_alive
        if self.lost is None and silent > LEASE:
            self.lost = f"the store took no sign of life for {silent:.0f} s"
        return self.lost is not None

    def check(self) -> None:
        """Does nothing as long as the folder is ours.

        Raises:
            EnvironmentFailure: where it is not.
        """
        if self.is_lost():
            message = f"this run no longer holds the folder: {self.lost}"
            raise EnvironmentFailure(message, path=self.out, code="busy", hint="run again: what is finished is kept")

    def give_back(self) -> None:
        """Lets go of the folder; where the store does not answer, the next run waits until the lease is over."""
        with suppress(EnvironmentFailure, OSError):
            self.mine.unlink(missing_ok=True)

    def entries(self) -> Entries:
        """What lies in the folder of locks, by number."""
        found: Entries = {}
        for item in self.folder.children():
            name = item.name.rpartition("/")[2]
            if name.isdecimal() and not item.folder:
                with suppress(FileNotFoundError):  # given back meanwhile
                    found[int(name)] = self.at(int(name)).read_bytes()
        return found

    def at(self, number: int) -> Remote:
        return self.folder / f"{number:08d}"

    @property
    def mine(self) -> Remote:
        return self.at(self.number)

    def content(self) -> bytes:
        process = psutil.Process()
        values = {"pid": process.pid, "started": process.create_time(), "host": platform.node(), "machine": _machine()}
        return json.dumps(values | {"beats": self.beats}).encode()

    def busy(self, entries: Entries) -> EnvironmentFailure:
        who = _holder(entries[max(entries)]) if entries else "another run"
        message = f"another run ({who}) works in {self.out}"
        return EnvironmentFailure(message, code="busy", hint="wait for it to end, or stop it")


def _holder(content: bytes) -> str:
    try:
        values = json.loads(content)
        return f"process {values['pid']} on {values['host']}"
    except (ValueError, KeyError, TypeError):
        return "process unknown"


def _lives(content: bytes) -> bool | None:
    """Whether the holder's process lives; None where it runs on another machine, or that cannot be told."""
    try:
        values = json.loads(content)
        if values["machine"] != _machine():
            return None
        return bool(psutil.Process(int(values["pid"])).create_time() == values["started"])
    except psutil.NoSuchProcess:
        return False
    except (ValueError, KeyError, TypeError, psutil.Error):
        return None


def _machine() -> str:
    """Equal for processes that see each other: same machine, same start of it, same container."""
    parts = [platform.node()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii"))
        parts.append(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115 - no path at its end
    except OSError:  # not Linux
        parts.append(str(uuid.getnode()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
