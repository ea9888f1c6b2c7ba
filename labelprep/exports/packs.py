"""Shards: one file of many samples, as webdataset's tar and Hugging Face's parquet have them.

The same samples give the same bytes: no time, no user, members in order.
"""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from importlib.util import find_spec
from typing import IO, Any, Protocol

from labelprep.errors import MissingExtraError
from labelprep.exports.values import Item, Pack

ROWS = 100  # samples of a row group: what a reader takes into memory at once
GROUP_BYTES = 1 << 26


@dataclass(frozen=True)
class Sample:
    """One sample as it goes into a shard.

    Attributes:
        item: where it belongs.
        image: bytes of the image file.
        mask: bytes of the mask file.
    """

    item: Item
    image: bytes
    mask: bytes

    @property
    def size(self) -> int:
        """Bytes that it adds to a shard, but for what the format itself adds."""
        return len(self.image) + len(self.mask)


class Shard(Protocol):
    """A shard that is being written."""

    def add(self, sample: Sample) -> None:
        """Puts a sample behind the others."""

    def close(self) -> None:
        """Writes what is left; the file stays open."""


class TarShard:
    """`key.jpg`, `key.json` and `key.seg.png` for each sample, as webdataset groups them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._tar = tarfile.TarFile(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, sample: Sample) -> None:
        """Puts a sample behind the others."""
        item = sample.item
        about = {"key": item.key, "height": item.row.height, "width": item.row.width}
        told = (json.dumps(about, ensure_ascii=False) + "\n").encode()
        for place, data in sorted(
            ((item.image_to, sample.image), (f"{item.name}.json", told), (item.mask_to, sample.mask))
        ):
            member = tarfile.TarInfo(place)  # whose time and user are 0
            member.size = len(data)
            self._tar.addfile(member, io.BytesIO(data))

    def close(self) -> None:
        """Writes what is left; the file stays open."""
        self._tar.close()


class ParquetShard:
    """Columns `image`, `mask` and `key`, with the note by which `datasets` knows images."""

    def __init__(self, file: IO[bytes]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        picture = pa.struct({"bytes": pa.binary(), "path": pa.string()})
        features = {name: {"_type": "Image"} for name in ("image", "mask")}
        note = {"info": {"features": features | {"key": {"dtype": "string", "_type": "Value"}}}}
        self._schema = pa.schema(
            {"image": picture, "mask": picture, "key": pa.string()}, metadata={"huggingface": json.dumps(note)}
        )
        self._table = pa.Table.from_pylist
        # pictures are compressed already, and no two are alike
        self._writer = pq.ParquetWriter(
            file, self._schema, compression="none", use_dictionary=False, write_statistics=["key"]
        )
        self._rows: list[dict[str, Any]] = []
        self._size = 0

    def add(self, sample: Sample) -> None:
        """Puts a sample behind the others."""
        item = sample.item
        image, mask = (
            {"bytes": data, "path": place.rpartition("/")[2]}
            for data, place in ((sample.image, item.image_to), (sample.mask, item.mask_to))
        )
        self._rows.append({"image": image, "mask": mask, "key": item.key})
        self._size += sample.size
        if len(self._rows) == ROWS or self._size >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._table(self._rows, schema=self._schema))
            self._rows, self._size = [], 0

    def close(self) -> None:
        """Writes what is left; the file stays open."""
        self._flush()
        self._writer.close()


def opened(pack: Pack, file: IO[bytes]) -> Shard:
    """A new shard in an open file."""
    return TarShard(file) if pack == "tar" else ParquetShard(file)


def require(pack: Pack | None) -> None:
    """Says before the work what it would lack.

    Raises:
        MissingExtraError: where pyarrow is not installed, but asked for.
    """
    if pack == "parquet" and find_spec("pyarrow") is None:
        package = "pyarrow"
        raise MissingExtraError(package, "parquet")
