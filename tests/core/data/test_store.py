"""The store: complete or not there, never stale, the same bytes however it came about."""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pahcl_core.data import store as store_module
from pahcl_core.data import store_key
from pahcl_core.data.circor import read_circor
from pahcl_core.data.preparation import SignalConfig, prepare_recording
from pahcl_core.data.store import Shard, merge_shards, prepare, prepare_shard
from pahcl_core.data.store_merge import Entry
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.errors import DataError, SettingError
from support.prepared import prepare as prepare_elsewhere

CONFIG = SignalConfig(sample_rate=1000, high_hz=400.0)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    root = tmp_path_factory.mktemp("store") / "circor"
    write_synthetic_circor(root, num_patients=6, seed=3, duration_s=(3.0, 5.0))
    return root


@pytest.fixture
def root(original, tmp_path):
    """A copy, for tests that change files."""
    return shutil.copytree(original, tmp_path / "circor")


@pytest.fixture
def prepared(monkeypatch):
    """Which recordings are prepared, in this process."""
    names = []
    real = store_module.prepare_recordings

    def spy(recordings, config):
        names.extend(one.recording_id for one in recordings)
        return real(recordings, config)

    monkeypatch.setattr(store_module, "prepare_recordings", spy)
    return names


def content(store):
    """Every file of the collections in a store, by its path."""
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def collection_of(store):
    (folder,) = (one for one in store.iterdir() if one.name.startswith("circor-"))
    return folder


def test_a_collection_is_prepared_once(root, tmp_path, prepared):
    """The second time it is mapped from disk, equal to the bit."""
    collection = read_circor(root)

    first, problems, _ = prepare(collection, CONFIG, store=tmp_path / "store")
    second, again, _ = prepare(read_circor(root), CONFIG, store=tmp_path / "store")

    assert sorted(prepared) == sorted(one.recording_id for one in collection.recordings)
    assert isinstance(second.samples, np.memmap)
    assert (again, second.recordings, second.sources) == (problems, first.recordings, first.sources)
    for name in ("samples", "offsets", "recording", "bounds"):
        assert getattr(second, name).tobytes() == getattr(first, name).tobytes()
    assert not (tmp_path / "store" / "parts").exists() or not any(
        path.is_file() for path in (tmp_path / "store" / "parts").rglob("*")
    )


def test_ratings_are_kept_in_the_order_of_the_recordings(root, tmp_path):
    """And of their cycles; an unusable recording has none."""
    victim = sorted((root / "training_data").glob("*.wav"))[3]
    collection = read_circor(root)
    victim.write_bytes(b"RIFF")
    for _ in range(2):
        cycles, _, ratings = prepare(collection, CONFIG, store=tmp_path / "store")

        usable = [one for one in collection.recordings if one.path != victim]
        alone = [prepare_recording(one, CONFIG) for one in usable]
        assert ratings.quality.tolist() == [one.quality for one in alone]
        assert ratings.flags == tuple(one.flags for one in alone)
        assert (
            ratings.cycle_quality.tolist()
            == np.concatenate([one.cycle_quality for one in alone]).tolist()
        )
        assert len(ratings.cycle_quality) == len(cycles)


def test_arrays_are_what_numpy_says_they_are(root, tmp_path):
    """Anyone may read them: plain .npy files, whose checksums are in the index."""
    cycles, *_ = prepare(read_circor(root), CONFIG, store=tmp_path / "store")
    folder = collection_of(tmp_path / "store")

    samples = np.load(folder / "samples.npy")
    index = json.loads((folder / "index.json").read_text())

    assert samples.dtype == np.float32
    assert samples.shape == (int(cycles.offsets[-1]),)
    assert index["settings"]["sample_rate"] == 1000
    assert [row["id"] for row in index["recordings"]] == [
        one.recording_id for one in cycles.recordings
    ]
    assert [row["samples_crc32"] for row in index["recordings"]] == [
        f"{zlib.crc32(samples[begin:end].tobytes()):08x}" for begin, end in pairwise(cycles.offsets)
    ]
    assert {f"{name}.npy" for name in ("samples", *index["arrays"])} == {
        file.name for file in folder.glob("*.npy")
    }
    for name, digest in index["arrays"].items():
        assert hashlib.sha256((folder / f"{name}.npy").read_bytes()).hexdigest() == digest


def test_processes_write_the_same_bytes(root, tmp_path, monkeypatch):
    alone, many = tmp_path / "alone", tmp_path / "many"
    prepare(read_circor(root), CONFIG, store=alone)
    monkeypatch.setattr(store_module, "_WORTH_PROCESSES_S", 0)

    prepare(read_circor(root), CONFIG, store=many, num_workers=2)

    assert content(many) == content(alone)


START_METHODS = """
import multiprocessing, sys
from pathlib import Path
from joblib.externals.loky.backend.context import set_start_method
from pahcl_core.data import store
from pahcl_core.data.circor import read_circor
from pahcl_core.data.preparation import SignalConfig

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    set_start_method(sys.argv[1])
    store._WORTH_PROCESSES_S = 0
    config = SignalConfig(sample_rate=1000, high_hz=400.0)
    store.prepare(read_circor(Path(sys.argv[2])), config, store=Path(sys.argv[3]), num_workers=2)
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_that_share_nothing_write_the_same_bytes(root, tmp_path, method):
    """As on Windows, and as on macOS: no worker is forked off this process."""
    (tmp_path / "program.py").write_text(START_METHODS)
    command = [sys.executable, tmp_path / "program.py", method, root, tmp_path / "many"]

    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    prepare(read_circor(root), CONFIG, store=tmp_path / "alone")
    assert content(tmp_path / "many") == content(tmp_path / "alone")


def test_few_recordings_are_not_worth_processes(root, tmp_path, prepared):
    prepare(read_circor(root), CONFIG, store=tmp_path / "store", num_workers=2)

    assert len(prepared) == len(read_circor(root).recordings)


@pytest.mark.parametrize("suffix", [".wav", ".tsv"])
def test_what_has_changed_is_prepared_anew(root, tmp_path, suffix):
    """One bit of one file, its size and date as before."""
    prepare(read_circor(root), CONFIG, store=tmp_path / "store")
    victim = sorted((root / "training_data").glob(f"*{suffix}"))[2]
    before = victim.stat()
    if suffix == ".wav":
        changed = bytearray(victim.read_bytes())
        changed[-2000] ^= 64
    else:
        changed = victim.read_bytes().replace(b"\t1\n", b"\t3\n", 1)
    victim.write_bytes(changed)
    os.utime(victim, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert victim.stat().st_size == before.st_size

    cycles, *_ = prepare(read_circor(root), CONFIG, store=tmp_path / "store")

    fresh, _ = prepare_elsewhere(read_circor(root), CONFIG)
    assert cycles.samples.tobytes() == fresh.samples.tobytes()
    assert cycles.bounds.tobytes() == fresh.bounds.tobytes()
    assert len(list((tmp_path / "store").glob("circor-*"))) == 2


@pytest.mark.parametrize(
    "changes",
    [{"low_hz": 30.0}, {"high_hz": 300.0}, {"sample_rate": 2000}, {"cycles": "segmentation"}],
    ids=lambda changes: next(iter(changes)),
)
def test_other_settings_are_another_collection(root, tmp_path, changes):
    other = replace(CONFIG, **changes)
    prepare(read_circor(root), CONFIG, store=tmp_path / "store")

    cycles, *_ = prepare(read_circor(root), other, store=tmp_path / "store")

    fresh, _ = prepare_elsewhere(read_circor(root), other)
    assert cycles.samples.tobytes() == fresh.samples.tobytes()
    assert cycles.bounds.tobytes() == fresh.bounds.tobytes()


def test_another_version_of_the_code_is_another_collection(root, tmp_path, prepared, mocker):
    prepare(read_circor(root), CONFIG, store=tmp_path / "store")
    mocker.patch("pahcl_core.data.store_key._code", return_value="another")

    prepare(read_circor(root), CONFIG, store=tmp_path / "store")

    assert len(prepared) == 2 * len(read_circor(root).recordings)


def test_an_interrupted_preparation_goes_on(root, tmp_path, prepared):
    """What is done is kept, and nothing is found under the collection's name before the end."""
    collection = read_circor(root)

    def interrupt(items, total):
        for number, item in enumerate(items):
            if number == 9:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        prepare(collection, CONFIG, store=tmp_path / "store", progress=interrupt)
    assert not list((tmp_path / "store").glob("circor-*"))
    done = len(prepared)
    assert 10 <= done < len(collection.recordings)

    totals = []

    def watch(items, total):
        totals.append(total)
        return items

    prepare(collection, CONFIG, store=tmp_path / "store", progress=watch)

    assert totals == [len(collection.recordings) - done]
    assert sorted(prepared) == sorted(one.recording_id for one in collection.recordings)
    prepare(collection, CONFIG, store=tmp_path / "fresh")
    assert content(tmp_path / "store") == content(tmp_path / "fresh")


def test_shards_make_what_one_makes(root, tmp_path):
    collection = read_circor(root)
    prepare(collection, CONFIG, store=tmp_path / "one")

    shares = [
        prepare_shard(collection, CONFIG, Shard(number=n, count=4), store=tmp_path / "many")
        for n in (3, 1, 4, 2)
    ]
    merge_shards(collection, CONFIG, store=tmp_path / "many")

    assert sum(shares) == len(collection.recordings)
    assert max(shares) - min(shares) <= 1
    assert content(tmp_path / "many") == content(tmp_path / "one")


def test_shards_that_are_not_complete_are_not_merged(root, tmp_path):
    collection = read_circor(root)
    for number in (1, 2):
        prepare_shard(collection, CONFIG, Shard(number=number, count=3), store=tmp_path / "store")

    first = collection.recordings[2].recording_id
    count = len(collection.recordings[2::3])
    with pytest.raises(DataError, match=f"{count} of .* not prepared .* {first} the first"):
        merge_shards(collection, CONFIG, store=tmp_path / "store")
    assert not list((tmp_path / "store").glob("circor-*"))


@pytest.mark.parametrize(("number", "count"), [(0, 3), (4, 3), (1, 0)])
def test_a_shard_that_there_is_not(number, count):
    with pytest.raises(SettingError, match=f"shard {number}/{count}"):
        Shard(number=number, count=count)


def test_a_damaged_part_is_made_again(root, tmp_path):
    """One flipped byte in what a shard has left."""
    collection = read_circor(root)
    prepare_shard(collection, CONFIG, Shard(number=1, count=2), store=tmp_path / "store")
    victim = sorted((tmp_path / "store" / "parts").rglob("*.part"))[3]
    damaged = bytearray(victim.read_bytes())
    damaged[len(damaged) // 2] ^= 255
    victim.write_bytes(damaged)

    prepare(collection, CONFIG, store=tmp_path / "store")

    prepare(collection, CONFIG, store=tmp_path / "fresh")
    assert content(tmp_path / "store") == content(tmp_path / "fresh")


@pytest.mark.parametrize("name", ["samples.npy", "index.json", "bounds.npy"])
def test_a_damaged_collection_is_refused(root, tmp_path, name):
    collection = read_circor(root)
    prepare(collection, CONFIG, store=tmp_path / "store")
    victim = collection_of(tmp_path / "store") / name
    victim.write_bytes(victim.read_bytes()[:-400])

    with pytest.raises(DataError, match=r"is damaged .* remove the folder and run again"):
        prepare(collection, CONFIG, store=tmp_path / "store")


def test_two_at_once(root, tmp_path):
    """Both get the whole collection, and it is the one that a single process makes."""
    context = multiprocessing.get_context("spawn")
    both = [
        context.Process(target=prepare_and_say, args=(root, tmp_path / "store", tmp_path / name))
        for name in ("a", "b")
    ]
    for process in both:
        process.start()
    for process in both:
        process.join(60)

    prepare(read_circor(root), CONFIG, store=tmp_path / "fresh")
    assert content(tmp_path / "store") == content(tmp_path / "fresh")
    samples = (collection_of(tmp_path / "fresh") / "samples.npy").read_bytes()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert samples.endswith((tmp_path / "a").read_bytes())


def prepare_and_say(root, store, path):
    cycles, *_ = prepare(read_circor(root), CONFIG, store=store)
    path.write_bytes(cycles.samples.tobytes())


def test_threads_that_merge_at_once(root, tmp_path):
    collection = read_circor(root)
    prepare_shard(collection, CONFIG, Shard(number=1, count=1), store=tmp_path / "store")

    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(lambda _: prepare(collection, CONFIG, store=tmp_path / "store"), range(4))
        )

    assert len({cycles.samples.tobytes() for cycles, *_ in found}) == 1


def test_two_recordings_of_equal_content(root, tmp_path):
    """Prepared once, there twice."""
    folder = root / "training_data"
    victims = sorted(folder.glob("*.wav"))[:2]
    for suffix in (".wav", ".tsv"):
        shutil.copy(victims[0].with_suffix(suffix), victims[1].with_suffix(suffix))
    collection = read_circor(root)

    cycles, *_ = prepare(collection, CONFIG, store=tmp_path / "store")

    names = [one.path.name for one in cycles.recordings]
    first, second = (names.index(one.name) for one in victims)
    one, other = (
        cycles.samples[cycles.offsets[i] : cycles.offsets[i + 1]] for i in (first, second)
    )
    assert one.tobytes() == other.tobytes()
    assert len(one) > 0


def test_an_annotation_that_cannot_be_opened_costs_the_annotation_alone(root, tmp_path):
    victim = sorted((root / "training_data").glob("*.tsv"))[0]
    collection = read_circor(root)
    victim.unlink()
    victim.mkdir()

    cycles, problems, _ = prepare(collection, CONFIG, store=tmp_path / "store")

    (problem,) = problems
    assert problem.file == f"training_data/{victim.name}"
    assert problem.reason == "cannot be read: Is a directory; the annotation was left out"
    number = [one.states_path for one in cycles.recordings].index(victim)
    assert cycles.sources[number] in ("segmentation", "windows")


@pytest.mark.parametrize(
    ("durations_s", "sizes"),
    [
        ([20.0] * 19, [8, 8, 3]),
        ([60.0] * 7, [3, 3, 1]),
        ([100.0, 100.0, 1.0, 3600.0, 5.0], [2, 1, 1, 1]),
        ([], []),
    ],
    ids=["eight", "200 s", "one that is longer by itself", "none"],
)
def test_how_many_are_prepared_together(root, durations_s, sizes):
    """Each once and in order."""
    recording = read_circor(root).recordings[0]
    entries = [
        Entry(
            recording=replace(recording, num_samples=round(seconds * recording.sample_rate)),
            key=str(number),
            stamp=None,
        )
        for number, seconds in enumerate(durations_s)
    ]

    found = list(store_module._together(entries))

    assert [len(some) for some in found] == sizes
    assert [one for some in found for one in some] == entries


@pytest.mark.parametrize(("age_s", "times"), [(1, 2), (61, 1)])
def test_files_that_nobody_writes_to_are_hashed_once(root, tmp_path, monkeypatch, age_s, times):
    """A minute tells them from others."""
    collection = read_circor(root)
    newest_s = max(path.stat().st_ctime for path in root.rglob("*") if path.is_file())
    monkeypatch.setattr(store_key.time, "time", lambda: newest_s + age_s)
    hashed = []
    real = store_module.recording_key
    monkeypatch.setattr(
        store_module, "recording_key", lambda one: hashed.append(one.recording_id) or real(one)
    )

    prepare(collection, CONFIG, store=tmp_path / "store")

    assert len(hashed) == times * len(collection.recordings)


@pytest.mark.parametrize("was_old", [True, False])
def test_a_recording_that_changes_meanwhile_is_refused(root, tmp_path, monkeypatch, was_old):
    """Also where its size and its date stay the same."""
    collection = read_circor(root)
    real = store_module.prepare_recordings
    victim = collection.recordings[3].path
    long_ago = time.time() + 2 * store_key._SETTLED_S if was_old else time.time()
    monkeypatch.setattr(store_key.time, "time", lambda: long_ago)

    def change(recordings, config):
        prepared = real(recordings, config)
        if victim in [one.path for one in recordings]:
            before = victim.stat()
            content = victim.read_bytes()
            victim.write_bytes(content[:-2] + bytes(255 - byte for byte in content[-2:]))
            os.utime(victim, ns=(before.st_atime_ns, before.st_mtime_ns))
        return prepared

    monkeypatch.setattr(store_module, "prepare_recordings", change)

    with pytest.raises(DataError, match=f"{victim.name}: changed while it was read; run this"):
        prepare(collection, CONFIG, store=tmp_path / "store")


def test_too_little_room_is_said_at_once(root, tmp_path, mocker, prepared):
    mocker.patch("shutil.disk_usage", return_value=mocker.Mock(free=1000))

    with pytest.raises(DataError, match=r"take up to \d+ MB, and there are 0 MB left"):
        prepare(read_circor(root), CONFIG, store=tmp_path / "store")
    assert prepared == []


def test_a_disk_that_fills_up_keeps_what_is_done(root, tmp_path, monkeypatch, prepared):
    collection = read_circor(root)
    real = Path.open
    count = [0]

    def full(path, mode="r", *rest, **others):
        file = real(path, mode, *rest, **others)
        count[0] += mode == "xb"
        if mode != "xb" or count[0] <= 5:
            return file
        file.close()
        return real(Path("/dev/full"), "wb")  # every write to it fails for want of room

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(
        DataError, match="room, and run the same again; what is prepared so far is kept"
    ):
        prepare(collection, CONFIG, store=tmp_path / "store")
    monkeypatch.setattr(Path, "open", real)
    assert not list((tmp_path / "store").rglob("*.tmp"))
    prepared.clear()

    prepare(collection, CONFIG, store=tmp_path / "store")

    assert len(prepared) == len(collection.recordings) - 5


def test_a_store_that_cannot_be_written_to(root, tmp_path):
    (tmp_path / "store").write_text("a file")

    with pytest.raises(SettingError, match=r"store: .*; name another folder as store"):
        prepare(read_circor(root), CONFIG, store=tmp_path / "store")


def test_what_a_killed_merge_left_is_cleared_away(root, tmp_path):
    """Also a file half-written long ago."""
    collection = read_circor(root)
    prepare(collection, CONFIG, store=tmp_path / "fresh")
    name = collection_of(tmp_path / "fresh").name
    unfinished = tmp_path / "store" / f".{name}.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "samples.npy").write_bytes(b"half")
    parts = tmp_path / "store" / "parts" / store_module.settings_key(CONFIG)
    parts.mkdir(parents=True)
    (parts / ".x.tmp").write_bytes(b"half")
    os.utime(parts / ".x.tmp", (0, 0))

    prepare(collection, CONFIG, store=tmp_path / "store")

    assert content(tmp_path / "store") == content(tmp_path / "fresh")
    left = {path.name for path in (tmp_path / "store").rglob("*") if path.is_file()}
    assert left - {path.name for path in (tmp_path / "fresh").rglob("*")} == set()


def test_a_worker_that_is_killed(root, tmp_path, monkeypatch):
    """As the system does when memory runs out."""
    monkeypatch.setattr(store_module, "_WORTH_PROCESSES_S", 0)
    monkeypatch.setattr(store_module, "_prepare_some", die)

    with pytest.raises(DataError, match=r"was killed.*what is prepared so far is kept"):
        prepare(read_circor(root), CONFIG, store=tmp_path / "store", num_workers=2)


def die(entries, config, parts):
    os.kill(os.getpid(), signal.SIGKILL)


ORPHANS = """
import os, signal, sys, time
from pathlib import Path
from pahcl_core.data import store
from pahcl_core.data.circor import read_circor
from pahcl_core.data.preparation import SignalConfig

store._WORTH_PROCESSES_S = 0

def killed(items, total):
    for item in items:
        os.kill(os.getpid(), signal.SIGKILL)
        yield item

store.prepare(
    read_circor(Path(sys.argv[1])), SignalConfig(), store=Path(sys.argv[2]), num_workers=2,
    progress=killed,
)
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
def test_workers_end_with_the_process_they_work_for(root, tmp_path):
    """Also where it is killed and cannot tell them."""
    mark = f"PAHCL_TEST_MARK={tmp_path.name}"
    name, value = mark.split("=")
    done = subprocess.run(
        [sys.executable, "-c", ORPHANS, str(root), str(tmp_path / "store")],
        env={**os.environ, name: value},
        stdout=subprocess.DEVNULL,  # not a pipe: it would end with the workers alone
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL

    until = time.monotonic() + 20
    while (left := processes_marked(mark)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []


def processes_marked(mark):
    """Numbers of the processes that have this in their environment."""
    found = []
    for one in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in one.read_bytes():
                found.append(one.parent.name)
        except OSError:
            continue
    return found
