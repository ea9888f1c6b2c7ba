"""Objects behind a URL, through fsspec: the few requests that labelprep makes, and what their failures mean.

Nothing here is loaded before a URL is used. An object that is not there is a `FileNotFoundError`, as on disk; anything
else that goes wrong is a fault of the place, never of a file: access denied, no such bucket, nobody answers.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from labelprep.errors import EnvironmentFailure, LabelprepError, MissingExtraError

# scheme -> the package that speaks it, and the extra of ours that installs it
PACKAGES = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gcs"), "gcs": ("gcsfs", "gcs"), "memory": ("fsspec", "s3")}

# A request that nobody answers ends in well under a minute: five seconds to connect and eight of silence, three times
# by botocore and twice by s3fs. A guard's clock allows for that, so that no file is blamed for the network.
PATIENCE = 60.0
_S3 = {
    "config_kwargs": {"connect_timeout": 5, "read_timeout": 8, "retries": {"mode": "standard", "max_attempts": 3}},
    "max_concurrency": 1,  # an object in one request: half as many, and never bytes of two versions
}
_ROUNDS = 2
_HINT = "check the address, the network and what your credentials allow; what is finished is kept"
_VERSION = ("ETag", "md5Hash", "etag", "generation", "LastModified", "updated", "mtime", "created")


@dataclass(frozen=True)
class Found:
    """One object of a listing.

    Attributes:
        name: bucket and key.
        size: bytes.
        version: a number that changes with the content: a hash of the entity tag, or of the time where there is none.
        folder: it stands for everything below it.
    """

    name: str
    size: int = 0
    version: int = 0
    folder: bool = False


def connect(scheme: str, url: str) -> Any:
    """The fsspec file system of a scheme; asked for anew each time, because fsspec keeps one per process.

    Raises:
        MissingExtraError: where the package that speaks it is not installed.
        EnvironmentFailure: where it cannot be set up.
    """
    import fsspec

    with asking(url):
        try:
            options = {**(_S3 if scheme == "s3" else {}), **fsspec.config.conf.get(scheme, {})}
            system = fsspec.filesystem(scheme, use_listings_cache=False, **options)
        except ImportError:
            raise MissingExtraError(*PACKAGES[scheme]) from None
    if scheme == "s3":
        system.retries = _ROUNDS
    return system


@contextmanager
def asking(url: str) -> Iterator[None]:
    """Tells apart what the requests inside run into.

    Raises:
        FileNotFoundError: no such object.
        FileExistsError: there is one already, where that was not wanted.
        EnvironmentFailure: everything else.
    """
    try:
        yield
    except (LabelprepError, FileExistsError, MemoryError):
        raise
    except FileNotFoundError as error:
        if "bucket does not exist" in str(error):
            why = "no such bucket"
            raise _failure(why, None, url) from None
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), url) from None
    except PermissionError as error:
        why = "access denied"
        raise _failure(why, error, url) from error
    except Exception as error:
        why = "cannot be reached"
        raise _failure(why, error, url) from error


def _failure(what: str, error: BaseException | None, url: str) -> EnvironmentFailure:
    words = "" if error is None else " ".join((getattr(error, "strerror", None) or str(error)).split())[:300]
    return EnvironmentFailure(f"{what}: {words}" if words else what, path=url, code="remote", hint=_HINT)


def found(name: str, info: dict[str, Any]) -> Found:
    """An entry of a listing, or the state of one object, from what the file system tells."""
    seen = next((str(info[word]) for word in _VERSION if info.get(word)), "")
    version = int.from_bytes(hashlib.blake2b(seen.encode(), digest_size=7).digest(), "big")
    size = info.get("size", info.get("Size"))
    return Found(name, int(size or 0), version, info.get("type") == "directory")


def listing(scheme: str, path: str, url: str, *, deep: bool) -> Iterator[Found]:
    """Everything below a folder, or, not `deep`, directly in it with its folders; nothing where there is nothing.

    S3 is read page by page, so that memory stays flat. fsspec has no such listing for other stores: theirs is held in
    memory, about a kilobyte an object.

    Raises:
        EnvironmentFailure: where the bucket does not exist or cannot be listed.
    """
    system = connect(scheme, url)
    if scheme == "s3":
        yield from _pages(system, path, url, deep=deep)
        return
    try:
        with asking(url):
            infos = system.find(path, detail=True).values() if deep else system.ls(path, detail=True) if path else ()
    except FileNotFoundError:
        return
    for info in infos:
        name = str(info["name"]).strip("/")
        if name != path:
            yield found(name, info)


def _pages(system: Any, path: str, url: str, *, deep: bool) -> Iterator[Found]:
    bucket, _, key = path.partition("/")
    words: dict[str, Any] = {"Bucket": bucket, "Prefix": f"{key}/" if key else ""}
    words |= {} if deep else {"Delimiter": "/"}
    while True:
        with asking(url):
            page = system.call_s3("list_objects_v2", **words)
        for prefix in page.get("CommonPrefixes", ()):
            yield Found(f"{bucket}/{prefix['Prefix'].removesuffix('/')}", folder=True)
        for item in page.get("Contents", ()):
            if not item["Key"].endswith("/"):  # what consoles put down to show an empty folder
                yield found(f"{bucket}/{item['Key']}", item)
        if not page.get("IsTruncated"):
            return
        words["ContinuationToken"] = page["NextContinuationToken"]
