"""Real servers on loopback for tests: processes of their own, with credentials that exist nowhere else."""

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


@contextlib.contextmanager
def google_server(folder):
    """Starts an emulator of Google's store on a free port, with this process speaking to it."""
    pytest.importorskip("gcp_storage_emulator", reason="gcp-storage-emulator is not installed")
    core = pytest.importorskip("gcsfs.core", reason="gcsfs is not installed")
    import fsspec

    log = folder / "google.log"
    serve = (
        "from gcp_storage_emulator.server import create_server; s = create_server('127.0.0.1', 0, in_memory=True);"
        "s.start(); port = s._api._httpd.server_address[1];"
        "print('Running on http://127.0.0.1:%d' % port, flush=True); input()"
    )
    with log.open("wb") as stream:
        server = subprocess.Popen([sys.executable, "-c", serve], stdout=stream, stderr=stream, stdin=subprocess.PIPE)
    try:
        address = _address(server, log)
        # the plain one: the other first asks for the bucket's kind by gRPC, which the emulator does not speak
        fsspec.register_implementation("gs", core.GCSFileSystem, clobber=True)
        with (
            mock.patch.dict(os.environ, {"STORAGE_EMULATOR_HOST": address}),
            mock.patch.dict(fsspec.config.conf, {"gs": {"token": "anon"}}),
        ):
            yield address
    finally:
        server.kill()
        server.communicate()


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
    from labelprep.storage.place import Remote

    start = len(place.path) + 1
    return {
        item.name[start:]: Remote(place.scheme, item.name).read_bytes()
        for item in place.below()
        if state or "/.labelprep/" not in item.name
    }
