"""Laws of discovery: what is found does not depend on the order in which a file system lists its entries."""

import os
import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from labelprep.spec import DatasetSpec
from labelprep.steps.discover import discover
from tests.reference import paired_slowly

NAMES = st.sets(st.text("abB_.1é", min_size=1, max_size=4).filter(lambda n: n.strip(".") == n), min_size=1, max_size=8)


def listed_in(order):
    real = os.scandir

    class Listed:
        def __init__(self, path):
            with real(path) as entries:
                self.entries = sorted(entries, key=lambda e: e.name)
            order.shuffle(self.entries)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            return None

    return mock.patch("os.scandir", Listed)


@settings(max_examples=40, deadline=None)
@given(common=NAMES, masks=NAMES, images=NAMES, order=st.randoms(use_true_random=False))
def test_keys_and_pairs_do_not_depend_on_the_order_of_listing(common, masks, images, order):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        for name, stems in (("masks", common | masks), ("images", common | images)):
            (root / name).mkdir(parents=True)
            for stem in stems:
                (root / name / f"{stem}.png").touch()
        on_disk = [sorted(p.name[:-4] for p in (root / d).iterdir()) for d in ("masks", "images")]
        spec = DatasetSpec(root=root, mask_suffix="", image_suffix="")
        with listed_in(order):
            plan = discover(spec, Path(folder) / "work")
        found = [(s.key, None if s.image is None else s.image.name[:-4]) for s in plan.samples()]
        assert found == paired_slowly(*on_disk)
        assert plan.fingerprint() == discover(spec, Path(folder) / "again").fingerprint()
