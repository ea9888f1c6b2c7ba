"""A real S3 server on loopback for tests: a process of its own, with credentials that exist nowhere else."""

import contextlib
import os
import re
import subprocess
import sys
from unittest import mock

import pytest

SECRET = "labelprep-tests-secret"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "labelprep-tests-key",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextlib.contextmanager
def s3_server(folder):
    """Starts moto's server on a free port; gives the environment in which labelprep speaks to it."""
    pytest.importorskip("moto.server", reason="moto is not installed: the S3 server of these tests")
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    log = folder / "moto.log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with log.open("wb") as stream:
        server = subprocess.Popen(
            command, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL, env=os.environ | CREDENTIALS
        )
    try:
        yield CREDENTIALS | {"AWS_ENDPOINT_URL": _address(server, log)}
    finally:
        server.kill()
        server.wait()


def _address(server, log):
    while server.poll() is None:
        found = re.search(rb"Running on (http://127\.0\.0\.1:\d+)", log.read_bytes())
        if found:
            return found[1].decode()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(0.05)
    raise RuntimeError(log.read_text())


@contextlib.contextmanager
def speaking_to(environment):
    """This process in that environment; s3fs forgets what it knew of another one."""
    import s3fs

    with mock.patch.dict(os.environ, environment):
        s3fs.S3FileSystem.clear_instance_cache()
        yield
    s3fs.S3FileSystem.clear_instance_cache()


def upload(folder, place):
    """Every file below a folder, as objects below a place."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            (place / path.relative_to(folder).as_posix()).put(path.read_bytes())
    return place


def objects(place, state=True):
    """Every object below a place with its bytes, as `tests.dataset.tree` gives files."""
    from labelprep.place import Remote

    start = len(place.path) + 1
    return {
        item.name[start:]: Remote(place.scheme, item.name).read_bytes()
        for item in place.below()
        if state or "/.labelprep/" not in item.name
    }
