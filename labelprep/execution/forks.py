"""Inside the nursery: it loads what work needs and forks a child for every guard that asks.

It has one thread and no other whenever it forks, so that nobody holds a lock in the copy; where work that it loaded
has started more, guards start their children by themselves.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress

from labelprep import interrupts
from labelprep.execution import child
from labelprep.execution.nursery import NUMBER

FIRST = "labelprep.prepare:run_batch"  # loaded before anybody asks; other work when its first child is asked for
REQUEST = 1 << 12  # bytes
FILES = 3  # stdin, stdout, stderr


def main() -> None:
    """Serves guards until the parent ends; every child comes back from there, as if it had been started by itself."""
    listener, parent = int(sys.argv[2]), int(sys.argv[3])
    interrupts.ignore()
    child.die_with_parent()
    if os.getppid() != parent:
        return
    os.close(os.pidfd_open(os.getpid()))  # a kernel before 5.3 has none: then there is no nursery
    forks = Forks(socket.socket(fileno=listener))
    forks.load(FIRST)
    forks.serve()
    child.main()


class Forks:
    """The children, and the connections to the guards that want them."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.loaded: set[str] = set()
        self.pids: dict[socket.socket, int] = {}
        self.selector = selectors.DefaultSelector()
        self.selector.register(listener, selectors.EVENT_READ)

    def load(self, work: str) -> None:
        """Loads work once; where that fails, its children fail by themselves and say why."""
        if work in self.loaded:
            return
        self.loaded.add(work)
        with suppress(Exception):
            child.load(work)
            child.warm_up(work)
        gc.collect()
        gc.freeze()  # or the collector would write to every page that is shared with the children

    def serve(self) -> None:
        """Does what guards ask for; returns in every child, and nowhere else."""
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    self.selector.register(self.listener.accept()[0], selectors.EVENT_READ)
                elif isinstance(key.fileobj, int):
                    self.bury(key.fileobj, key.data)
                elif isinstance(key.fileobj, socket.socket) and self.listen(key.fileobj):
                    return

    def listen(self, guard: socket.socket) -> bool:
        """Forks a child for a guard, or kills that of a guard that has gone; whether this is the child."""
        if guard.fileno() < 0:  # its child ended at the same moment
            return False
        try:
            request, files, _, _ = socket.recv_fds(guard, REQUEST, FILES)
        except ConnectionError:
            request, files = b"", []
        if request and guard not in self.pids:
            born = self.fork(guard, json.loads(request)["work"], files)
            for file in files:
                os.close(file)
            return born
        self.selector.unregister(guard)
        if guard in self.pids:
            os.kill(self.pids[guard], signal.SIGKILL)  # nobody else waits for it, so the number is still its own
        else:
            guard.close()
        return False

    def fork(self, guard: socket.socket, work: str, files: list[int]) -> bool:
        """Whether this is the child."""
        self.load(work)
        me, pid = os.getpid(), None
        if len(files) == FILES and len(os.listdir("/proc/self/task")) == 1:  # noqa: PTH208 - names suffice
            with suppress(OSError):  # no room for a process
                pid = os.fork()
        if pid == 0:
            child.die_with_parent()
            if os.getppid() != me:
                sys.exit(1)
            for place, file in enumerate(files):
                os.dup2(file, place)
            self.let_go()
            return True
        if pid is None:
            self.selector.unregister(guard)
            guard.close()
        else:
            self.pids[guard] = pid
            self.selector.register(os.pidfd_open(pid), selectors.EVENT_READ, guard)
            self.say(guard, pid)
        return False

    def bury(self, pidfd: int, guard: socket.socket) -> None:
        """Tells a guard how its child ended."""
        self.selector.unregister(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(self.pids.pop(guard), 0)
        with suppress(KeyError):  # it has gone
            self.selector.unregister(guard)
        self.say(guard, os.waitstatus_to_exitcode(status))
        guard.close()

    def say(self, guard: socket.socket, number: int) -> None:
        """Sends a guard a number, unless it has gone."""
        with suppress(OSError):
            guard.send(number.to_bytes(NUMBER, "big", signed=True))

    def let_go(self) -> None:
        """Closes, in a child, what is the nursery's."""
        for key in list(self.selector.get_map().values()):
            if isinstance(key.fileobj, int):
                os.close(key.fileobj)
            elif isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        for guard in self.pids:
            guard.close()
        self.selector.close()
