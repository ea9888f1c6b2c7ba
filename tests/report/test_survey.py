import random

from labelprep.findings import Finding
from labelprep.prepared import Prepared
from labelprep.report.survey import GALLERY, LISTED, SHOWN, kinds_of, pictured, survey


def test_kinds_count_everything_and_keep_the_largest():
    rng = random.Random(3)
    pixels = [rng.randrange(10_000) for _ in range(3 * LISTED)]
    findings = [Finding.of("unknown-color", "", key=f"k{n // 2}", pixels=p) for n, p in enumerate(pixels)]
    findings += [Finding.of("damaged-file", "", key="z"), Finding.of("wrong-ending", "", key="z")]
    color, damaged, ending = kinds_of(findings)
    assert (color.code, damaged.code, ending.code) == ("unknown-color", "damaged-file", "wrong-ending")
    assert (color.number, color.masks, color.pixels) == (3 * LISTED, 1.5 * LISTED, sum(pixels))
    assert [f.pixels for f in color.largest] == sorted(pixels, reverse=True)[:LISTED]
    assert damaged.pixels is None


def test_pictures_go_to_every_colour_and_mask_before_one_comes_again():
    many = [Finding.of("unknown-color", "", key=f"k{n}", color=(1, 1, 1), pixels=99) for n in range(50)]
    rare = [Finding.of("unknown-color", "", key=f"r{n}", color=(2, 2, n), pixels=1) for n in range(3)]
    (kind,) = kinds_of(many + rare)
    shown = pictured(kind)
    assert len(shown) == SHOWN
    assert {f.color for f in shown} == {(1, 1, 1), (2, 2, 0), (2, 2, 1), (2, 2, 2)}
    assert len({f.key for f in shown}) == SHOWN


def test_one_look_at_the_manifest_gives_sizes_rows_and_samples(built):
    prepared = Prepared.open(built.out)
    seen = survey(prepared, ["train/f", "val/e", "nobody"], GALLERY)
    assert set(seen.rows) == {"train/f", "val/e"}
    assert dict(seen.sizes) == {(48, 64): 5}
    assert [row.key for row in seen.spread] == list(built.truths)
    for i, row in seen.rarest.items():
        counts = {key: int((ids == i).sum()) for key, ids in built.truths.items()}
        assert counts[row.key] == max(counts.values())
    ignored = {key: float((ids == 255).mean()) for key, ids in built.truths.items()}
    assert seen.ignored[0].key == max(ignored, key=lambda key: ignored[key])


def test_a_sample_is_spread_over_the_set(built):
    rows = survey(Prepared.open(built.out), (), 3).spread
    assert [row.key for row in rows] == ["train/a", "train/c", "val/e"]
