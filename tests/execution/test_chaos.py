"""Workers that keep dying, schedulers that die at any time, hosts that are cut off: `pytest -m chaos -s`."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import psutil
import pytest

from labelprep.execution import local
from tests.dataset import labelprep, tree
from tests.execution import hostile
from tests.execution.test_cluster import free_port, scheduler_at, stopped, wait_for, worker_of

pytestmark = [pytest.mark.chaos, pytest.mark.skipif(sys.platform == "win32", reason="signals")]
GUARD = ("--guard",)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("chaos") / "data"
    hostile.dataset(root, 400, 0)
    undisturbed = root.parent / "undisturbed"
    assert labelprep("convert", root, "-o", undisturbed, "--scheduler", "inline").code == 0
    return root, undisturbed


@pytest.fixture
def slow(tmp_path, monkeypatch):
    """Every process that starts now takes a twentieth of a second to read a mask."""
    for name, value in hostile.slow(tmp_path / "site").items():
        monkeypatch.setenv(name, value)


def differing(out, undisturbed):
    """Names of files that are not the same in both."""
    ours, theirs = tree(out, state=False), tree(undisturbed, state=False)
    return [name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)]


@pytest.fixture(scope="module")
def calm_seconds(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("calm")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in hostile.slow(folder / "site").items():
            patch.setenv(name, value)
        began = time.monotonic()
        assert labelprep("convert", data[0], "-o", folder / "out", "--scheduler", "local", "-j2", *GUARD).code == 0
        return time.monotonic() - began


@contextmanager
def killing(every):
    """Kills one of this process's workers now and then."""
    end = threading.Event()

    def kill():
        while not end.wait(random.expovariate(1 / every)):
            found = [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
            workers = [p for p in found if "resource_tracker" not in " ".join(p.cmdline())]
            if workers:
                random.choice(workers).kill()

    killer = threading.Thread(target=kill)
    killer.start()
    yield
    end.set()
    killer.join()


@pytest.mark.parametrize("mode", ["sys.exit", "segfault", "SIGKILL"])
def test_workers_that_live_a_few_seconds(data, tmp_path, monkeypatch, slow, calm_seconds, mode):
    from distributed import Client
    from distributed.chaos import KillWorker

    root, undisturbed = data
    life = max(2.0, calm_seconds / 6)  # two seconds, but on a busy machine a worker takes as long to start
    start = local._started

    def started(*words):
        cluster = start(*words)
        if mode != "SIGKILL":
            with Client(cluster, set_as_default=False) as client:
                client.register_plugin(KillWorker(f"{life} s", mode))
        return cluster

    monkeypatch.setattr(local, "_started", started)
    began = time.monotonic()
    with killing(life if mode == "SIGKILL" else 1e6):
        result = labelprep("convert", root, "-o", tmp_path / "out", "--scheduler", "local", "-j2", *GUARD)
        seconds = time.monotonic() - began
    print(f"{mode}: {seconds:.1f} s, undisturbed {calm_seconds:.1f} s, workers live {life:.1f} s")

    assert result.code == 0, result.err
    assert differing(tmp_path / "out", undisturbed) == []


@pytest.mark.parametrize("after", [0.1 * n for n in range(10)])
def test_a_scheduler_that_dies_at_any_time(data, tmp_path, after, slow):
    root, undisturbed = data
    out = tmp_path / "out"
    address = f"tcp://127.0.0.1:{free_port()}"
    processes = [scheduler_at(address, tmp_path), worker_of(address, tmp_path), worker_of(address, tmp_path)]
    try:
        wait_for(address)
        command = [sys.executable, "-m", "labelprep", "convert", str(root), "-o", str(out), "--scheduler", address]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while run.poll() is None and not (out / "masks").is_dir():
            time.sleep(0.02)
        time.sleep(after)
        processes[0].kill()
        began = time.monotonic()
        output, err = run.communicate(timeout=90)
        print(f"left {time.monotonic() - began:.1f} s after the scheduler")
    finally:
        stopped(*processes)

    assert run.returncode == 4, (output, err)
    assert time.monotonic() - began < 60
    assert "error: the scheduler" in err
    assert "000" not in err.partition("error:")[2]
    assert labelprep("convert", root, "-o", out, "--scheduler", "inline").code == 0
    assert differing(out, undisturbed) == []


def namespaces():
    """Why there can be no separate hosts here, or nothing."""
    if not shutil.which("ip") or os.geteuid():
        return "needs `ip` and root"
    probe = subprocess.run(["ip", "netns", "add", "labelprep-probe"], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "del", "labelprep-probe"], capture_output=True, check=False)
    return probe.stderr


@pytest.fixture
def hosts():
    """Names and addresses of three network namespaces that see one another over a bridge: driver, scheduler, worker."""
    if why := namespaces():
        pytest.skip(f"no network namespaces: {why}")
    mark = f"lp{os.getpid() % 10000}"
    names = [f"{mark}-{n}" for n in range(3)]
    commands = [f"ip link add {mark} type bridge", f"ip link set {mark} up"]
    for n, name in enumerate(names):
        inside = f"ip -n {name}"
        commands += [
            f"ip netns add {name}",
            f"ip link add {mark}v{n} type veth peer name eth0 netns {name}",
            f"ip link set {mark}v{n} master {mark} up",
            f"{inside} addr add 10.77.0.{n + 1}/24 dev eth0",
            f"{inside} link set eth0 up",
            f"{inside} link set lo up",
        ]
    try:
        for command in commands:
            done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"no network namespaces: {command}: {done.stderr}")
        yield [(name, f"10.77.0.{n + 1}") for n, name in enumerate(names)]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", mark], capture_output=True, check=False)


class Heard(threading.Thread):
    """Reads what a run says, and how long it said nothing."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        self.stream, self.lines, self.silence, self.last = stream, [], 0.0, time.monotonic()
        self.start()

    def run(self):
        with self.stream:
            for line in self.stream:
                now = time.monotonic()
                self.silence, self.last = max(self.silence, now - self.last), now
                self.lines.append(line)


@pytest.mark.parametrize("cut", ["nothing", "worker", "worker killed", "scheduler", "scheduler killed"])
def test_a_cluster_of_separate_hosts(data, tmp_path, hosts, slow, cut):
    """Driver, scheduler and worker in network namespaces of their own, over one folder that all of them see."""
    root, undisturbed = data
    (driver, _), (scheduler, address), (worker, worker_address) = hosts
    out = tmp_path / "out"
    url = f"tcp://{address}:8786"

    def at(host, *words):
        command = ["ip", "netns", "exec", host, sys.executable, "-m", *words]
        return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    plain = ("--no-dashboard",)
    processes = [at(scheduler, "distributed.cli.dask_scheduler", "--host", address, *plain)]
    more = ("--nthreads", "1", "--local-directory", str(tmp_path), *plain)
    processes.append(at(worker, "distributed.cli.dask_worker", url, "--host", worker_address, *more))
    processes.append(at(scheduler, "distributed.cli.dask_worker", url, "--host", address, *more))
    others = [Heard(process.stderr) for process in processes]  # or they would stop when the pipe is full
    run = at(driver, "labelprep", "convert", str(root), "-o", str(out), "--scheduler", url, *GUARD)
    heard = Heard(run.stderr)
    try:
        while run.poll() is None and not (out / "masks").is_dir():
            time.sleep(0.05)
        time.sleep(1)
        disturb(cut, driver, worker, processes)
        began = time.monotonic()
        run.wait(timeout=400)
        seconds = time.monotonic() - began
        print(f"{cut} lost: ended {seconds:.1f} s later, longest silence {heard.silence:.1f} s")
    finally:
        for process in [*processes, run]:
            end_with_children(process)
        for each in [*others, heard]:
            each.join()

    err = "".join(heard.lines)
    assert heard.silence < 120
    if cut.startswith("scheduler"):
        assert run.returncode == 4, err
        assert seconds < 60
        assert ".png" not in err
        assert labelprep("convert", root, "-o", out, "--scheduler", "inline").code == 0
    else:
        assert run.returncode == 0, err
    assert differing(out, undisturbed) == []


def disturb(cut, driver, worker, processes):
    """Takes a host off the network, or ends a process at once with all that it started."""
    if cut in ("worker", "scheduler"):
        host = worker if cut == "worker" else driver
        subprocess.run(["ip", "-n", host, "link", "set", "eth0", "down"], check=True)
    elif cut != "nothing":
        end_with_children(processes[1 if cut == "worker killed" else 0])


def end_with_children(process):
    if process.poll() is None:
        for each in [*psutil.Process(process.pid).children(recursive=True), process]:
            each.kill()
    process.wait()
