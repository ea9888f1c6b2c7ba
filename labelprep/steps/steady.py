"""Did a file change while a run worked with it?"""

from __future__ import annotations

from labelprep.steps.plan import Sample
from labelprep.storage.place import Readable, state_of


def what_changed(sample: Sample) -> str | None:
    """What became of mask or image since the plan was made, in words; None where both are as they were.

    A plan that knows no times is not compared.
    """
    return _changed(sample.mask, sample.source, sample.mask_size, sample.mask_mtime_ns) or _changed(
        sample.image, sample.image_source, sample.image_size, sample.image_mtime_ns
    )


def _changed(path: Readable | None, name: str | None, size: int, mtime_ns: int) -> str | None:
    if path is None or not mtime_ns:
        return None
    try:
        now_size, now_mtime_ns = state_of(path)
    except FileNotFoundError:
        return f"{name} was there when the run began, and is gone"
    except OSError:
        return None  # whoever reads it says so
    if now_size != size:
        return f"{name} had {size:,} bytes when the run began, and has {now_size:,} now"
    if now_mtime_ns != mtime_ns:
        return f"{name} was written again while the run worked"
    return None
