"""Keys to a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TLS:
    """Keys for a cluster that talks encrypted; Dask's own configuration (`distributed.comm.tls`) does as well.

    Attributes:
        ca: certificates of the authority that signed the scheduler's and the workers'.
        cert: this process's certificate.
        key: its private key.
    """

    ca: Path
    cert: Path
    key: Path
