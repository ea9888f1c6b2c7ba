"""What this machine brings along, checked part by part: each check is a line with what was found and the mend."""

from __future__ import annotations

from labelprep.doctor.check import Check, State
from labelprep.doctor.libraries import check_libraries, check_opencv, check_torch
from labelprep.doctor.place import check_codecs, check_cores, check_dask, check_disk

__all__ = [
    "Check",
    "State",
    "check_codecs",
    "check_cores",
    "check_dask",
    "check_disk",
    "check_libraries",
    "check_opencv",
    "check_torch",
]
