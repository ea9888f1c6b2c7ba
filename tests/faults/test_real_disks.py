"""Disks that are full or read-only in truth: small ones mounted for one process alone, which goes with them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dataset import COLORS, Dataset, blocks, labelprep, tree

ROOT = Path(__file__).resolve().parents[2]


def mounts():
    """Whether this process may mount a disk for itself."""
    if sys.platform != "linux" or not shutil.which("unshare"):
        return False
    tried = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    return tried.returncode == 0


pytestmark = pytest.mark.skipif(not mounts(), reason="may not mount")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    made = Dataset(tmp_path_factory.mktemp("disks") / "data")
    for n in range(30):
        made.mask(f"m{n}", COLORS[blocks(n, ids=6)])
    return made


def on_a_disk(place, options, script, *words):
    """Runs a Python script where a tmpfs with these options lies over `place`; gives what it prints as JSON."""
    place.mkdir(exist_ok=True)
    begin = f"mount -t tmpfs -o {options} none '{place}' && exec \"$@\""
    command = ["unshare", "-m", "sh", "-c", begin, "sh", sys.executable, "-c", script, place, *words]
    ran = subprocess.run([str(w) for w in command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


FULL = """
import json, subprocess, sys
from pathlib import Path
from tests.dataset import labelprep, tree

place, root = Path(sys.argv[1]), sys.argv[2]
out = place / "out"
full = labelprep("convert", root, "-o", out, "--scheduler", "inline", "--no-guard")
left = sorted(tree(place))
subprocess.run(["mount", "-o", "remount,size=4M", str(place)], check=True)
again = labelprep("convert", root, "-o", out, "--scheduler", "inline", "--no-guard")
names = {name: data.hex() for name, data in tree(out, state=False).items()}
print(json.dumps([full.code, full.err, left, again.code, names]))
"""


@pytest.mark.parametrize("pages", [15, 38])  # that run out among the masks, and behind them
def test_a_full_disk_leaves_whole_files_alone_and_the_run_goes_on(data, tmp_path, pages):
    assert labelprep("convert", data.root, "-o", tmp_path / "out").code == 0
    undisturbed = tree(tmp_path / "out", state=False)
    code, said, left, again, names = on_a_disk(tmp_path / "disk", f"size={4 * pages}k", FULL, data.root)
    assert code == 4
    assert "No space left on device" in said
    assert str(tmp_path / "disk") in said
    assert not [name for name in left if name.endswith(".tmp")]
    assert "out/dataset.json" not in left
    assert again == 0
    assert {name: bytes.fromhex(content) for name, content in names.items()} == undisturbed


READ_ONLY = """
import json, sys
from unittest import mock
from pathlib import Path
from tests.dataset import labelprep

with mock.patch("labelprep.stages.dataset.discover", side_effect=AssertionError("work began")):
    ran = labelprep("convert", sys.argv[2], "-o", Path(sys.argv[1], "new", "out"))
print(json.dumps([ran.code, ran.err]))
"""


def test_a_read_only_disk_is_told_before_the_sources_are_looked_for(data, tmp_path):
    code, said = on_a_disk(tmp_path / "disk", "ro", READ_ONLY, data.root)
    assert code == 4
    assert f"{tmp_path / 'disk'}: cannot be written: no permission, or a read-only disk" in said
    assert "-o OUT" in said


COMMANDS = """
import json, sys
from pathlib import Path
from tests.dataset import labelprep

place, out = Path(sys.argv[1]), Path(sys.argv[2])
scored = labelprep("eval", "--pred", out / "masks", "--data", out, "-o", place / "scores")
drawn = labelprep("demo", place / "demo")
print(json.dumps([[ran.code, ran.out, ran.err] for ran in (scored, drawn)]))
"""


def test_commands_that_cannot_write_say_where_and_what_to_do(data, tmp_path):
    assert labelprep("convert", data.root, "-o", tmp_path / "out").code == 0
    scored, drawn = on_a_disk(tmp_path / "disk", "ro", COMMANDS, tmp_path / "out")
    told = f"error: {tmp_path / 'disk'}: cannot be written: no permission, or a read-only disk\n  make it writable"
    assert (scored[0], scored[1], scored[2].startswith(told)) == (4, "", True)  # before anything is scored
    assert drawn[0] == 4
    assert "make room or permission there, or choose another place" in drawn[2]


LIMITED = """
import json, resource, signal, sys
from labelprep.storage.lock import exclusive
from tests.dataset import labelprep, tree

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
ran = labelprep("convert", sys.argv[2], "-o", sys.argv[1] + "/out", "--scheduler", "inline", "--no-guard")
print(json.dumps([ran.code, ran.err, sorted(tree(sys.argv[1]))]))
"""


def test_files_that_may_not_grow_are_an_error_of_the_place(data, tmp_path):
    code, said, left = on_a_disk(tmp_path / "disk", "size=4M", LIMITED, data.root, 5000)
    assert code == 4
    assert "File too large" in said or "disk I/O error" in said or "database or disk is full" in said
    assert not [name for name in left if name.endswith(".tmp")]
    assert "out/dataset.json" not in left
