import json
import shutil
import tracemalloc
from contextlib import closing

import numpy as np
import pytest

from labelprep.errors import MismatchError, UsageError
from labelprep.report.collect import read_sources


def test_each_folder_is_recognised_by_what_it_holds(built):
    with closing(read_sources([built.eval, built.run, built.out])) as sources:
        assert sources.prepared.root == built.out
        assert [r.folder for r in sources.runs] == [built.run]
        assert [s.folder for s in sources.scores] == [built.eval]
        assert sources.weights.method == "inverse"
        assert sources.table == built.table
        assert np.array_equal(sources.scores[0].confusion, built.confusion())


def test_a_folder_given_twice_counts_once(built):
    assert len(read_sources([built.run, built.run]).runs) == 1


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(UsageError, match="nothing to report on"):
        read_sources([tmp_path])


def test_two_prepared_folders_are_compared_and_three_refused(folders, built, tmp_path):
    sources = read_sources([folders.out, built.out])
    assert (sources.prepared.root, sources.other.root) == (folders.out, built.out)
    shutil.copytree(built.out, tmp_path / "third")
    with pytest.raises(UsageError, match="3 prepared folders"):
        read_sources([folders.out, built.out, tmp_path / "third"])


def test_damaged_json_names_the_file(folders):
    (folders.run / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"run\.json"):
        read_sources([folders.run])


def test_a_run_with_another_class_table_is_refused(folders):
    facts = (folders.run / "run.json").read_text("utf-8").replace('"road"', '"street"')
    (folders.run / "run.json").write_text(facts, encoding="utf-8")
    with pytest.raises(MismatchError, match=r"'road'.*'street'"):
        read_sources([folders.out, folders.run])


def test_an_evaluation_with_other_classes_is_refused(folders):
    metrics = (folders.eval / "metrics.json").read_text("utf-8").replace('"road"', '"street"')
    (folders.eval / "metrics.json").write_text(metrics, encoding="utf-8")
    with pytest.raises(MismatchError, match="street"):
        read_sources([folders.out, folders.eval])


def test_weights_of_former_data_are_left_out(folders):
    manifest = folders.out / "manifest.jsonl"
    manifest.write_text("".join(manifest.read_text("utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    assert read_sources([folders.out]).weights is None


def test_samples_are_not_kept_in_memory(folders):
    row = {"image": "i" * 400, "iou_per_image": 0.5}
    with (folders.eval / "samples.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps({'key': f'{n:06}', **row})}\n" for n in range(10_000))
    tracemalloc.start()
    with closing(read_sources([folders.eval])) as sources:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(sources.scores[0].samples) == 10_000
    assert peak < 1_000_000  # a list of them takes nine times as much


@pytest.mark.parametrize("line", ["[]", '{"iou_per_image": 1}', "no JSON"])
def test_lines_that_are_no_samples_are_told(folders, line):
    (folders.eval / "samples.jsonl").write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"no sample|cannot be read"):
        read_sources([folders.eval])
