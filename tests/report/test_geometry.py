import numpy as np
import pytest
from scipy import ndimage

from labelprep.prepared import Prepared
from labelprep.report.geometry import GRID, measure
from labelprep.report.survey import survey


@pytest.fixture(scope="module")
def geometry(built):
    prepared = Prepared.open(built.out)
    return measure(prepared, survey(prepared, (), 48))


def test_sizes_are_those_of_every_mask(geometry):
    assert dict(geometry.sizes) == {(48, 64): 5}
    assert dict(geometry.aspects) == {"1.33": 5}
    assert (geometry.sampled, geometry.masks) == (5, 5)


def test_regions_are_those_of_another_count(geometry, built):
    for c in geometry.classes:
        shares = []
        for ids in built.truths.values():
            labels, number = ndimage.label(ids == c.id)
            shares += [(labels == n).sum() / ids.size for n in range(1, number + 1)]
        assert c.regions == len(shares) == sum(c.sizes)
        assert c.median == pytest.approx(np.median(shares))
        assert c.masks == sum((ids == c.id).any() for ids in built.truths.values())


def test_the_boundary_is_where_valid_classes_meet(geometry, built):
    edge = total = 0
    for ids in built.truths.values():
        for y, x in np.argwhere(ids != 255):
            near = [
                ids[v, u] for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)) if 0 <= v < 48 and 0 <= u < 64
            ]
            edge += any(other not in (ids[y, x], 255) for other in near)
            total += 1
    assert geometry.boundary == pytest.approx(edge / total)


def test_heat_maps_are_shares_that_add_up_to_what_is_labelled(geometry, built):
    together = sum(geometry.heat.values())
    assert together.shape == (GRID, GRID)
    assert together.max() <= 1 + 1e-9
    road = np.mean([(ids == 0).mean() for ids in built.truths.values()])
    assert geometry.heat[0].mean() == pytest.approx(road, abs=0.03)


def test_every_figure_is_in_the_csv(geometry):
    rows = list(geometry.rows())
    assert sum(r["number"] for r in rows if r["figure"] == "masks by width x height") == 5
    assert sum(r["number"] for r in rows if r["figure"].startswith("regions")) == sum(
        c.regions for c in geometry.classes
    )
    assert len(list(geometry.heat_rows())) == len(geometry.classes) * GRID * GRID
