"""Datasets and prepared folders in a store, against a real S3 server: the same laws as on disk."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

import pytest

from labelprep.errors import EnvironmentFailure, MissingExtraError, UsageError
from labelprep.prepared import Prepared
from labelprep.storage import fetch, lease
from labelprep.storage.place import Remote, to_place
from tests.dataset import COLORS, Dataset, blocks, labelprep, tree
from tests.store import CREDENTIALS, SECRET, google_server, objects, s3_server, speaking_to, upload

MASKS = 6
PLAIN = ("--scheduler", "inline", "--no-guard")  # as quick as it gets; other tests have guards and workers


class Store:
    """The server, its log of requests, the same dataset on disk and in it, and what converting gives on disk."""

    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment
        self.log = folder / "moto.log"
        fetch.connect("s3", "s3://sets").mkdir("sets")
        self.data = Dataset(folder / "data")
        for n in range(MASKS):
            self.data.mask(f"{n % 3}/mask{n}", COLORS[blocks(n, 64, 96, ids=6)])
            self.data.image(f"{n % 3}/mask{n}", 64, 96, ending=".jpg" if n % 2 else ".png")
        strange = COLORS[blocks(0, 64, 96)]
        strange[0, 0] = (1, 2, 3)
        self.data.mask("strange", strange)
        self.data.image("strange", 64, 97)
        (self.data.root / "masks" / "empty.png").touch()
        (self.data.root / "images" / "empty.png").touch()
        self.root = upload(self.data.root, to_place("s3://sets/data"))
        out = folder / "undisturbed"
        assert labelprep("convert", self.data.root, "-o", out, *PLAIN).code == 3
        self.tree = tree(out, state=False)

    def writes(self):
        """Requests that changed something, but for the lock, which comes and goes with every run."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if re.search(r'"(PUT|POST|DELETE) ', line) and "/.labelprep/lock/" not in line]

    def run(self, *words):
        """The command line in a process of its own, which knows no other credentials."""
        command = [sys.executable, "-m", "labelprep", *map(str, words)]
        return subprocess.Popen(
            command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    with s3_server(folder) as environment, speaking_to(environment):
        yield Store(folder, environment)


@pytest.fixture
def out(request):
    return to_place(f"s3://sets/out/{request.node.name.replace('[', '-').replace(']', '')}")


def test_disk_and_store_give_identical_trees(store, out, tmp_path):
    for number, (root, target) in enumerate(
        ((store.data.root, out / "a"), (store.root, out / "b"), (store.root, tmp_path / "c"))
    ):
        done = labelprep("convert", root, "-o", target, *(() if number == 1 else PLAIN))
        assert done.code == 3, done.err
        found = objects(target, state=False) if isinstance(target, Remote) else tree(target, state=False)
        assert found == store.tree
    assert [name for name in objects(out / "b") if ".labelprep" in name] == [
        ".labelprep/journal.jsonl",
        ".labelprep/run.json",
        ".labelprep/source.json",
    ]


def test_a_second_run_writes_no_object(store, out):
    labelprep("convert", store.root, "-o", out, *PLAIN)
    before, writes = objects(out), len(store.writes())
    again = labelprep("convert", store.root, "-o", out, *PLAIN)
    assert (again.code, objects(out)) == (3, before)
    # a mask that failed is tried again, and its line is then put in place as before
    assert store.writes()[writes:] == []
    assert "nothing changed" in again.out


def test_only_what_changed_is_converted_again(store, out):
    data = upload(store.data.root, out / "data")
    labelprep("convert", data, "-o", out / "set", *PLAIN)
    (data / "masks/0/mask0.png").put((data / "masks/1/mask1.png").read_bytes())
    for gone in ("masks/2/mask2.png", "images/2/mask2.jpg", "images/2/mask2.png"):
        (data / gone).unlink(missing_ok=True)
    done = labelprep("convert", data, "-o", out / "set", "--json", *PLAIN)
    assert (done.summary["converted_now"], done.summary["removed_now"]) == (1, 1)
    labelprep("convert", data, "-o", out / "anew", *PLAIN)
    assert objects(out / "set", state=False) == objects(out / "anew", state=False)


def test_verify_reads_the_store(store, out):
    labelprep("convert", store.root, "-o", out, *PLAIN)
    assert labelprep("verify", out).code == 0
    (out / "masks/0/mask0.png").unlink()
    (out / "masks/1/mask1.png").put((out / "masks/2/mask2.png").read_bytes())
    (out / "masks/stray.png").put(b"x")
    done = labelprep("verify", out, "--json")
    assert (done.code, done.codes) == (1, {"output-missing", "output-changed", "output-stray"})


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process group")
def test_a_killed_run_goes_on_to_the_same_tree(store, out):
    kill_once(store, out, ("--scheduler", "inline"), masks=2)
    done = labelprep("convert", store.root, "-o", out, *PLAIN)
    assert done.code == 3, done.err
    assert objects(out, state=False) == store.tree
    assert not [name for name in objects(out) if "/journal/" in name or "/lock/" in name]
    assert labelprep("verify", out).code == 0


def kill_once(store, out, options, *, masks):
    """Kills a run when so many masks are to be seen, all of them whole."""
    run = store.run("convert", store.root, "-o", out, "-q", *options)
    while run.poll() is None and len(list((out / "masks").below())) < masks:
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    for name, data in objects(out).items():
        if name.startswith("masks/"):
            assert data == store.tree[name], f"{name} is half written"
        assert name != "dataset.json" or run.returncode == 3


@pytest.mark.chaos
@pytest.mark.skipif(sys.platform == "win32", reason="kills a process group")
@pytest.mark.parametrize(
    "options", [("--scheduler", "inline"), ("--scheduler", "local", "--jobs", "2")], ids=["inline", "local"]
)
def test_forty_killed_runs_go_on_to_the_same_tree(store, out, options):
    rng = random.Random(str(options))
    for _ in range(40):
        kill_once(store, out, options, masks=rng.randrange(MASKS))
        if rng.random() < 0.3:
            (out / ".labelprep/journal.jsonl").unlink()
    assert labelprep("convert", store.root, "-o", out, *PLAIN).code == 3
    assert objects(out, state=False) == store.tree
    assert labelprep("verify", out).code == 0


def test_of_two_runs_the_second_leaves_and_names_the_first(store, out):
    with lease.leased(out):
        second = labelprep("convert", store.root, "-o", out, *PLAIN)
    assert (second.code, f"another run (process {os.getpid()} on " in second.err) == (4, True)
    assert objects(out) == {}


def test_a_dead_holder_on_this_machine_is_no_obstacle(store, out):
    holder = subprocess.run(
        [sys.executable, "-c", "import os\nfrom labelprep.storage import lease\n"
         "from labelprep.storage.place import to_place\n"
         f"lease._Lease(to_place({str(out)!r})).take(); os._exit(9)"], check=False
    )  # fmt: skip
    assert (holder.returncode, len(objects(out / ".labelprep/lock"))) == (9, 1)
    with lease.leased(out):
        assert len(objects(out / ".labelprep/lock")) == 1
    assert objects(out) == {}


def alien(beats=0):
    return json.dumps({"pid": 1, "started": 1.0, "host": "far", "machine": "another", "beats": beats}).encode()


def test_a_silent_holder_on_another_machine_is_waited_for(store, out, monkeypatch):
    monkeypatch.setattr(lease, "LEASE", 1.0)
    (out / ".labelprep/lock/00000007").put(alien())
    with lease.leased(out):
        assert list(objects(out / ".labelprep/lock")) == ["00000008"]


def test_a_living_holder_on_another_machine_is_left_alone(store, out):
    lock = out / ".labelprep/lock/00000007"
    lock.put(alien())
    ended = threading.Event()

    def beat():
        for beats in range(1, 10_000):
            lock.put(alien(beats))
            if ended.wait(0.1):
                return

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with pytest.raises(EnvironmentFailure, match="process 1 on far"), lease.leased(out):
            pass
    finally:
        ended.set()
        thread.join()


def test_of_many_that_ask_at_once_at_most_one_holds(store, out):
    holding, failures = [], []

    def ask():
        mine = lease._Lease(out)
        try:
            mine.take()
        except EnvironmentFailure as error:
            failures.append(error)
        else:
            holding.append(mine)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(holding) <= 1
    assert len(holding) + len(failures) == 6


def test_a_run_that_lost_its_folder_ends(store, out, monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.05)
    with lease.leased(out) as check:
        check()
        (out / ".labelprep/lock/00000009").put(alien())
        with pytest.raises(EnvironmentFailure, match="process 1 on far took it over"):
            keep_asking(check)


def keep_asking(check):
    while True:  # until the next sign of life
        check()


def test_two_journals_never_mix(store, out):
    from labelprep.storage.parts import Parts

    one, other = Parts(out / "journal.jsonl"), Parts(out / "journal.jsonl")
    one.append(b"1\n")
    one.send()
    other.append(b"2\n")
    with pytest.raises(EnvironmentFailure, match="another run writes here"):
        other.send()
    assert list(Parts(out / "journal.jsonl").lines()) == [b"1\n"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("convert", "s3://no-such-bucket/x", "-o", "s3://sets/x"), "s3://no-such-bucket/x: no such bucket"),
        (("convert", "s3://sets/data", "-o", "s3://no-such-bucket/x"), "s3://no-such-bucket/x: no such bucket"),
        (("verify", "s3://no-such-bucket/x"), "s3://no-such-bucket/x/dataset.json: no such bucket"),
    ],
)
def test_a_missing_bucket_is_a_fault_of_the_place(store, words, told):
    done = labelprep(*words)
    assert (done.code, told in done.err) == (4, True)


def test_nobody_answers(store, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with speaking_to(store.environment | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}):
        done = labelprep("validate", "s3://sets/data")
    assert (done.code, "s3://sets/data: cannot be reached" in done.err) == (4, True)
    assert "hint" not in done.err
    assert SECRET not in done.err


class Busy(BaseHTTPRequestHandler):
    """Answers 503 as often as it is told, then gives the object."""

    refusals, asked = 0, 0

    def do_GET(self):
        Busy.asked += 1
        body, code = (b"", 503) if Busy.asked <= Busy.refusals else (b"here", 200)
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


@pytest.mark.parametrize(("refusals", "ends"), [(1, "given"), (1000, "refused")])
def test_a_busy_store_is_asked_again_a_few_times(refusals, ends):
    pytest.importorskip("s3fs")
    Busy.refusals, Busy.asked = refusals, 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        with speaking_to(CREDENTIALS | {"AWS_ENDPOINT_URL": address}):
            if ends == "given":
                assert to_place("s3://sets/a").read_bytes() == b"here"
            else:
                with pytest.raises(EnvironmentFailure, match="cannot be reached"):
                    to_place("s3://sets/a").read_bytes()
        server.shutdown()
    assert 1 < Busy.asked < 10


def test_a_package_that_is_missing_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(MissingExtraError) as raised:
        to_place("gs://bucket/a").read_bytes()
    assert str(raised.value) == ('this needs gcsfs, which is not installed\n  python -m pip install "labelprep[gcs]"')


def test_credentials_stand_nowhere(store, out):
    done = labelprep("convert", store.root, "-o", out, "-v", "--debug", *PLAIN)
    assert not any(SECRET.encode() in data for data in objects(out).values())
    assert SECRET not in done.out + done.err
    with pytest.raises(UsageError, match="credentials never stand in a URL"):
        to_place(f"s3://key:{SECRET}@bucket/set")


def test_odd_keys_stay_below_the_output(store, out, tmp_path):
    odd = ("masks/../../evil.png", "masks//double.png", "masks/./dot.png", "masks/a\\..\\..\\evil.png")
    data = upload(store.data.root, out / "data")
    for key in odd:
        Remote("s3", f"{data.path}/{key}").put((store.data.root / "masks/0/mask0.png").read_bytes())
    done = labelprep("convert", data, "-o", tmp_path / "inner" / "set", "--json", *PLAIN)
    assert done.code == 3
    refused = {f["path"] for f in done.findings if "no path can have" in f["message"]}
    # what the server itself put right is no odd key any more
    kept = {item.name.removeprefix(f"{data.path}/") for item in data.below()}
    assert refused == kept & set(odd) != set()
    assert {p.name for p in tmp_path.rglob("*evil*")} == set()
    assert tree(tmp_path / "inner/set/masks") == {
        name.removeprefix("masks/"): data for name, data in store.tree.items() if name.startswith("masks/")
    }


def test_listed_pairs_and_class_tables_are_read_from_the_store(store, out, tmp_path):
    listed = "image,mask,split\nimages/0/mask0.png,masks/0/mask0.png,train\nimages/1/mask1.jpg,masks/1/mask1.png,val\n"
    (out / "pairs.csv").put((listed + "images/none.png,masks/none.png,val\n").encode())
    table = store.root / "class_dict.csv"
    words = ("--pairs", out / "pairs.csv", "--classes", table, "--json", *PLAIN)
    done = labelprep("convert", store.root, "-o", tmp_path / "set", *words)
    assert (done.summary["masks"], done.codes) == (2, {"mask-missing", "image-missing"})
    assert [(row.key, row.split) for row in Prepared.open(tmp_path / "set").rows()] == [
        ("masks/0/mask0", "train"),
        ("masks/1/mask1", "val"),
    ]


def test_later_stages_read_a_set_in_the_store(store, out, tmp_path):
    labelprep("convert", store.root, "-o", out, "--link", "copy", *PLAIN)
    assert len([name for name in objects(out) if name.startswith("images/")]) == MASKS
    assert labelprep("split", out, "--ratios", "0.5", "0.5").code == 0
    assert labelprep("weights", out, "--split", "train").code == 0
    assert {"splits/train.txt", "splits/val.txt", "weights/class_weights.json"} <= set(objects(out))
    assert labelprep("report", out, "-o", tmp_path / "report").code == 0
    assert labelprep("export", out, "--layout", "mirror", "-o", tmp_path / "mirror").code == 0
    assert len(list((tmp_path / "mirror").rglob("mask?.png"))) >= MASKS
    refused = labelprep("tile", out, "--size", "16", "16", "-o", tmp_path / "crops")
    assert (refused.code, "must lie on a disk" in refused.err) == (2, True)
    assert labelprep("convert", store.root, "-o", out / "hard", "--link", "hard", *PLAIN).code == 4


def test_training_reads_images_and_masks_from_the_store(store, out, tmp_path):
    pytest.importorskip("torch")
    labelprep("convert", store.root, "-o", out, *PLAIN)
    labelprep("split", out, "--ratios", "0.5", "0.5")
    labelprep("weights", out)
    options = ("--model", "single_conv", "--epochs", "1", "--device", "cpu", "--resize", "16", "16")
    weights = ("--weights", out / "weights/class_weights.json")
    done = labelprep("train", out, "-o", tmp_path / "run", *options, *weights)
    assert done.code == 0, done.err
    done = labelprep("eval", tmp_path / "run", "--data", out, "--device", "cpu")
    assert done.code == 0, done.err
    refused = labelprep("train", out, "-o", "s3://sets/run")
    assert (refused.code, "expected a path on disk" in refused.err) == (2, True)


def test_a_chain_runs_on_the_store_and_knows_what_is_up_to_date(store, out, tmp_path):
    spec = tmp_path / "chain.yaml"
    spec.write_text(
        f"version: 1\nout: {(tmp_path / 'run').as_posix()}\n"
        f"dataset: {{root: {store.root}, limit: 4}}\n"
        f"stages:\n  masks: {{use: convert, out: {out}}}\n"
        f"  splits: {{use: split, from: masks, ratios: [0.5, 0.5]}}\n"
        f"  weights: {{use: weights, from: [masks, splits], split: train}}\n"
    )
    assert labelprep("run", spec).code == 0
    writes = len(store.writes())
    again = labelprep("run", spec)
    assert (again.code, "all stages are up to date" in again.err) == (0, True), again.err
    assert store.writes()[writes:] == []
    (out / "dataset.json").unlink()
    for name in objects(out):
        (out / name).unlink()
    assert "output is missing" in labelprep("run", spec, "--dry-run").out


def test_a_spec_refuses_urls_where_only_disks_do(tmp_path):
    spec = tmp_path / "chain.yaml"
    spec.write_text(
        "version: 1\ndataset: {root: 's3://b/x'}\nstages:\n"
        "  masks: {use: convert, out: 's3://b/y'}\n  train: {use: train, from: masks, out: 's3://b/z'}\n"
        "  check: {use: validate, out: 'http://b/z'}\n"
    )
    done = labelprep("run", spec, "--dry-run")
    assert done.code == 2
    assert "stages.train.out: expected a path on disk" in done.err
    assert "stages.check.out" in done.err


def test_memory_and_file_urls(store, tmp_path):
    assert to_place(f"file://{tmp_path.as_posix()}") == tmp_path
    out = to_place("memory://sets/memory")
    assert labelprep("convert", f"file://{store.data.root.as_posix()}", "-o", out).code == 3
    assert objects(out, state=False) == store.tree
    assert labelprep("verify", out).code == 0
    refused = labelprep("convert", store.data.root, "-o", out, "--scheduler", "local")
    assert (refused.code, "other processes do not see memory://" in refused.err) == (2, True)


def test_google_gives_the_same_tree_and_a_second_run_changes_nothing(store, tmp_path):
    with google_server(tmp_path) as address:
        body = json.dumps({"name": "sets"}).encode()
        request = Request(f"{address}/storage/v1/b?project=tests", body, {"Content-Type": "application/json"})
        urlopen(request, timeout=30).close()
        root, out = upload(store.data.root, to_place("gs://sets/data")), to_place("gs://sets/out")
        assert labelprep("convert", root, "-o", out, *PLAIN).code == 3
        first = {item.name: item for item in out.below()}
        assert objects(out, state=False) == store.tree
        assert labelprep("convert", root, "-o", out, *PLAIN).code == 3
        assert {item.name: item for item in out.below()} == first
        assert labelprep("verify", out).code == 0


def test_access_denied_is_a_fault_of_the_place_and_names_no_secret(tmp_path):
    with s3_server(tmp_path) as environment, speaking_to(environment):
        fetch.connect("s3", "s3://sets").mkdir("sets")
        turn_on_authorization(environment["AWS_ENDPOINT_URL"])
        done = labelprep("validate", "s3://sets/data")
    assert (done.code, "s3://sets/data: access denied" in done.err) == (4, True)
    assert SECRET not in done.err


def turn_on_authorization(address):
    request = Request(f"{address}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"})
    urlopen(request, timeout=30).close()
