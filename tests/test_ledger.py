"""The journal survives any kill, and is trusted for unchanged sources whose masks are there."""

import json
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from labelprep.batch import join
from labelprep.errors import EnvironmentFailure
from labelprep.ledger import Ledger
from labelprep.prepared import mask_path
from labelprep.steps.plan import Sample


def sample(n, **more):
    key = f"äther {n}"
    return Sample(
        key, Path(f"{key}.png"), f"masks/{key}.png", Path(f"{key}.jpg"), f"images/{key}.jpg", None, 10 + n, n, **more
    )


def line(n, vote=None, undecided=False, tie=None, written=True, findings=()):
    one = sample(n)
    row = {
        "key": one.key,
        "xxh3": "00" if written else None,
        "image": one.image_source,
        "findings": [f["code"] for f in findings if "code" in f],
    }
    fields = {"n": n, "stamp": one.stamp(), "row": row, "findings": list(findings)}
    return fields | {"vote": vote, "undecided": undecided, "tie": tie}


def answers(*lines):
    return join(json.dumps(each).encode() for each in lines)


@pytest.fixture
def opened(tmp_path):
    """Opens the ledger of one prepared folder, as a run does."""
    count = 0

    @contextmanager
    def ledger(**options):
        nonlocal count
        count += 1
        work = tmp_path / f"work{count}"
        work.mkdir()
        with closing(Ledger(work, tmp_path / "out", **options)) as one:
            yield one

    return ledger


@pytest.fixture
def out(tmp_path):
    """A folder that holds masks 0..4."""
    folder = tmp_path / "out"
    for n in range(5):
        path = mask_path(folder, sample(n).key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"png")
    return folder


def journal(out):
    return out / ".labelprep" / "journal.jsonl"


def recalled(opened, samples=5):
    with opened() as ledger:
        return [n for n in range(samples) if ledger.recall(n, sample(n))]


def test_what_was_recorded_is_recalled_by_the_next_run(opened, out):
    with opened() as ledger:
        ledger.record(answers(line(0), line(1)))
        ledger.record(answers(line(2)))
        assert (ledger.done, ledger.fresh) == (3, 3)
    with opened() as ledger:
        assert [ledger.recall(n, sample(n)) for n in range(4)] == [True, True, True, False]
        assert (ledger.done, ledger.fresh) == (3, 0)
        assert [found["n"] for found in ledger.lines()] == [0, 1, 2]


def test_a_journal_cut_anywhere_in_its_last_records_gives_back_every_whole_one_before(opened, out):
    with opened() as ledger:
        ledger.record(answers(*(line(n) for n in range(5))))
    whole = journal(out).read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(ends[2], len(whole) + 1):
        journal(out).write_bytes(whole[:cut])
        # the line end alone may be missing: the record is whole then
        expected = [n for n, end in enumerate(ends) if end - 1 <= cut]
        assert recalled(opened) == expected, cut


def test_a_record_behind_a_torn_line_starts_a_line_of_its_own(opened, out):
    with opened() as ledger:
        ledger.record(answers(line(0), line(1)))
    journal(out).write_bytes(journal(out).read_bytes()[:-7])
    with opened() as ledger:
        ledger.record(answers(line(1), line(2)))
        ledger.record(answers(line(3)))
    assert recalled(opened) == [0, 1, 2, 3]


def test_zeros_as_a_loss_of_power_leaves_them_are_passed_over(opened, out):
    with opened() as ledger:
        ledger.record(answers(line(0)))
    with journal(out).open("ab") as file:
        file.write(bytes(300))
    assert recalled(opened) == [0]
    with opened() as ledger:
        ledger.record(answers(line(1)))
    assert recalled(opened) == [0, 1]


def test_a_changed_source_is_not_recalled(opened, out):
    with opened() as ledger:
        ledger.record(answers(line(0)))
    for changed in (
        sample(0)._replace(mask_mtime_ns=99),
        sample(0)._replace(mask_size=99),
        sample(0)._replace(split="val"),
        sample(0)._replace(image_mtime_ns=99),
        sample(0)._replace(source="elsewhere.png"),
    ):
        with opened() as ledger:
            assert not ledger.recall(0, changed)


def test_a_mask_that_is_missing_or_empty_is_made_again(opened, out):
    with opened() as ledger:
        ledger.record(answers(*(line(n) for n in range(3)), line(9, written=False)))
    mask_path(out, sample(0).key).unlink()
    mask_path(out, sample(1).key).write_bytes(b"")
    assert recalled(opened, 10) == [2, 9]


@pytest.mark.parametrize("code", ["unreadable-file", "image-unreadable"])
def test_what_could_not_be_read_is_tried_again(opened, out, code):
    finding = {"code": code, "severity": "error"}
    with opened() as ledger:
        ledger.record(answers(line(0, findings=[finding], written=False), line(1)))
    with opened() as ledger:
        assert [ledger.recall(n, sample(n)) for n in range(2)] == [False, True]


def test_without_trust_nothing_is_recalled_and_the_newest_record_wins(opened, out):
    with opened() as ledger:
        ledger.record(answers(line(0, vote="rgb")))
    with opened(trust=False) as ledger:
        assert not ledger.recall(0, sample(0))
        ledger.record(answers(line(0, vote="bgr")))
    with opened() as ledger:
        assert ledger.recall(0, sample(0))
        assert ledger.common_vote() == "bgr"


def test_a_new_place_in_the_plan_is_taken_over(opened, out):
    with opened() as ledger:
        ledger.record(answers(line(0), line(1)))
    with opened() as ledger:
        assert ledger.recall(7, sample(0))
        assert [found["n"] for found in ledger.lines()] == [7]


def test_compacting_leaves_one_line_a_sample_in_plan_order(opened, out):
    with opened() as ledger:
        for n in (3, 1, 0):
            ledger.record(answers(line(n)))
    with opened() as ledger:
        for n in (0, 1):
            ledger.recall(n, sample(n))
        ledger.record(answers(line(2)))
        ledger.compact()
    lines = [json.loads(text) for text in journal(out).read_text("utf-8").splitlines()]
    assert [found["n"] for found in lines] == [0, 1, 2]
    assert recalled(opened) == [0, 1, 2]


def test_undecided_samples_wait_and_are_not_in_the_journal(opened, out):
    with opened() as ledger:
        ledger.record(answers(line(0, undecided=True), line(1, vote="rgb")))
        assert (ledger.undecided(), ledger.is_undecided(0), ledger.is_undecided(1)) == (1, True, False)
        assert ledger.done == 1
    assert recalled(opened) == [1]


@pytest.mark.parametrize(("votes", "common"), [([], None), (["rgb", None, "rgb"], "rgb"), (["rgb", "bgr"], None)])
def test_the_common_vote_is_what_all_that_decide_share(opened, out, votes, common):
    with opened() as ledger:
        ledger.record(answers(*(line(n, vote=vote) for n, vote in enumerate(votes))))
        assert ledger.common_vote() == common


def test_what_the_others_decided_waits_again_and_is_recalled_under_the_same_decision_alone(opened, out):
    with opened() as ledger:
        ledger.record(answers(line(0, tie="bgr")))
    with opened() as ledger:
        assert ledger.recall(0, sample(0))
        assert (ledger.done, ledger.undecided()) == (0, 1)
        assert not ledger.recall_tied(0, sample(0), "rgb")
        assert ledger.recall_tied(0, sample(0), "bgr")
        assert ledger.done == 1


def test_it_knows_which_masks_and_images_belong_to_the_folder(opened, out):
    with opened() as ledger:
        ledger.record(answers(line(0), line(1, written=False)))
        assert [ledger.holds_mask(sample(n).key) for n in range(3)] == [True, False, False]
        assert ledger.holds_image(sample(0).key, ".jpg")
        assert not ledger.holds_image(sample(0).key, ".png")
        assert not ledger.holds_image(sample(1).key, ".jpg")


def test_severities_count_findings_new_and_recalled(opened, out):
    findings = [{"code": "lossy-mask", "severity": "warning"}, {"code": "unknown-color", "severity": "error"}]
    with opened() as ledger:
        ledger.record(answers(line(0, findings=findings)))
        assert ledger.severities == {"warning": 1, "error": 1}
    with opened() as ledger:
        ledger.recall(0, sample(0))
        assert ledger.severities == {"warning": 1, "error": 1}


def test_a_journal_that_cannot_be_written_is_an_error_that_names_it(opened, out, monkeypatch):
    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    monkeypatch.setattr("labelprep.journal.SYNC_EVERY", 0.0)
    with opened() as ledger, pytest.raises(EnvironmentFailure, match="No space left") as caught:
        ledger.record(answers(line(0)))
    assert caught.value.path == str(journal(out))


def test_without_a_folder_nothing_is_kept(tmp_path):
    with closing(Ledger(tmp_path)) as ledger:
        ledger.record(answers(line(0)))
        ledger.compact()
        assert ledger.done == 1
    assert [p.name for p in tmp_path.iterdir()] == ["ledger.sqlite"]
