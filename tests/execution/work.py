"""Work for tests of backends and guards, found by name as other processes do; a sample's key tells what happens."""

import ctypes
import json
import logging
import os
import signal
import time
from pathlib import Path

from labelprep.batch import pack, separate, unpack
from labelprep.errors import DamagedFileError


def batch(*keys):
    """A batch of samples of these names."""
    return pack(
        "", [(n, {"key": k, "mask": k, "source": k, "image_source": None, "split": None}) for n, k in enumerate(keys)]
    )


def keys_of(results):
    """What `echo` and the others answered, in one list, and the keys of samples that a guard answered for."""
    return [a if isinstance(a, str) else a["row"]["key"] for a in _answers(results)]


def findings_of(results):
    """Key -> finding of the samples that a guard answered for."""
    return {a["row"]["key"]: a["findings"][0] for a in _answers(results) if isinstance(a, dict)}


def _answers(results):
    return [json.loads(answer) for joined in results for answer in separate(joined)]


def each(function):
    """Work that answers with what the function makes of the key."""

    def work(blob):
        for _, sample in unpack(blob)[1]:
            yield json.dumps(function(sample["key"])).encode()

    work.__module__, work.__qualname__ = function.__module__, function.__qualname__
    return work


@each
def echo(key):
    return key


@each
def slow_when_even(key):
    time.sleep(0.02 if int(key) % 2 == 0 else 0)
    return key


@each
def nap(key):
    time.sleep(0.2)
    return key


@each
def refuse_seven(key):
    if key == "7":
        raise DamagedFileError("the seventh", path="masks/7.png", hint="look at it")
    return key


@each
def stumble(key):
    raise KeyError(key)


@each
def complain(key):
    logging.getLogger("distributed.worker").error("a worker's log")
    print("a library's words")
    os.write(2, b"a decoder's words")
    return key


@each
def threads_allowed(key):
    return os.environ.get("OMP_NUM_THREADS", "")


@each
def variable(key):
    return os.environ.get(key, "unset")


@each
def process(key):
    return str(os.getpid())


@each
def parent(key):
    return str(os.getppid())


@each
def die(key):
    os._exit(3)


@each
def die_once(key):
    """Dies the first time that it sees a key; the key is a folder where it remembers that."""
    try:
        Path(f"{key}.seen").mkdir()
    except FileExistsError:
        return key
    return os.kill(os.getpid(), signal.SIGSEGV)


KILLERS = ("segv", "abort", "hang", "memory", "killed")
CODES = {
    "segv": "crashed-decoder",
    "abort": "crashed-decoder",
    "hang": "hung-decoder",
    "memory": "out-of-memory",
    "killed": "out-of-memory",
}


def poison(key):
    """What a bad file does to the process that decodes it, for keys such as `12-segv`."""
    what = key.rpartition("-")[2]
    if what == "segv":
        ctypes.string_at(0)
    elif what == "abort":
        os.abort()
    elif what == "hang":
        while True:
            time.sleep(1)
    elif what == "memory":
        held = [bytearray(1 << 20)]
        while True:
            held.append(bytearray(2 * len(held[-1])))
    elif what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)


@each
def poisoned(key):
    poison(key)
    return key


@each
def starve(key):
    if key.endswith("-memory"):
        raise MemoryError
    return key


@each
def slumber(key):
    time.sleep(2.5)
    return key


@each
def blink(key):
    time.sleep(0.05)
    return key


@each
def take_much(key):
    return str(len(bytearray(1 << 29)))
