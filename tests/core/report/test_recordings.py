"""The recordings of a page: which are shown, which part of them, and what is heard."""

import base64
import csv
import io
import wave
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from pahcl_core.data.circor import read_circor
from pahcl_core.data.preparation import SignalConfig, prepare_recording
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.data.tasks import task_named
from pahcl_core.report.hearing import Heard, Hearing, Share
from pahcl_core.report.material import read_material
from pahcl_core.report.recordings import excerpt_of, may_be_held
from pahcl_core.report.report import write_report
from pahcl_core.report.sound import sound_address
from pahcl_core.report.sound_chart import Excerpt, sound_chart
from support.made_up_runs import write_run
from support.pages import Page

TASK = task_named("circor_murmur")
CLASSES = TASK.classes


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "circor"
    write_synthetic_circor(folder, num_patients=12, seed=5, duration_s=(8.0, 9.0))
    return folder


@pytest.fixture(scope="module")
def collection(root):
    return read_circor(root, max_damaged=1.0, strict=False)


@pytest.fixture
def run(root, collection, tmp_path):
    """Of twelve test patients the first two are wrong, the second more surely so."""
    subjects = collection.subjects
    labels = [one.labels["murmur"] for one in subjects]
    rows = np.full((len(subjects), 3), 0.1)
    for number, label in enumerate(labels):
        true = CLASSES.index(label)
        rows[number, true if number > 1 else (true + 1) % 3] = 0.8
    rows[1] = np.where(rows[1] > 0.5, 0.9, 0.05)
    return write_run(
        tmp_path / "run",
        task="circor_murmur",
        labels=labels,
        probabilities=rows,
        ids=[one.subject_id for one in subjects],
        config={"data_dir": str(root), "signal": {"sample_rate": 1000, "high_hz": 400.0}},
        metrics={"test_auroc": 0.5, "provenance": "synthetic"},
    )


def write_instances(run, rows):
    columns = ["subject_id", "recording", "location", "cycle", "start_s", "stop_s", "weight"]
    columns += [f"p_{name}" for name in CLASSES]
    with (run / "instances.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def sounds_of(page):
    """What the page's players hold: sample rate and samples, each from -1 to 1."""
    found = []
    for player in page.all("audio"):
        head, _, body = player["src"].partition(",")
        assert head == "data:audio/wav;base64"
        found.append(soundfile.read(io.BytesIO(base64.b64decode(body, validate=True))))
    return found


def test_the_surest_right_of_each_class_and_the_wrong_ones_are_there_to_listen_to(run, collection):
    page = Page(write_report(run))

    first, second = (one.subject_id for one in collection.subjects[:2])
    wrong = page.text.partition("Wrong predictions\n2 predictions of the test are wrong")[2]
    assert wrong.index(f"Patient {second}") < wrong.index(f"Patient {first}")
    assert page.text.count(": right") == 3
    assert len(page.all("audio")) == 5
    for samples, rate in sounds_of(page):
        assert rate == 4000
        assert len(samples) == 6 * 4000
        assert np.abs(samples).max() == pytest.approx(0.9, abs=1e-3)
    assert run.joinpath("report.html").stat().st_size < 1_000_000


def test_without_sounds_there_are_pictures_alone(run):
    page = Page(write_report(run, sounds=False))

    assert not page.all("audio")
    assert len([one for one in page.all("polygon") if one["class"] == "wave"]) == 10
    assert "They cannot be listened to here: pahcl report RUN --sounds makes a page" in page.text


@pytest.mark.parametrize(
    ("collection", "provenance", "held"),
    [
        ("circor", "real", True),
        ("pascal", "real", True),
        ("folder", "synthetic", True),
        ("folder", "real", False),
        ("folder", None, False),
    ],
)
def test_recordings_of_ones_own_are_not_held_unasked(collection, provenance, held):
    assert may_be_held(replace(TASK, collection=collection), provenance) is held


def test_it_is_the_run_that_says_whose_recordings_they_are(run, monkeypatch):
    monkeypatch.setattr("pahcl_core.report.recordings.may_be_held", lambda *_: False)

    page = Page(write_report(run))
    assert not page.all("audio")
    assert "They cannot be listened to here, because they are your own: pahcl report" in page.text
    assert len(Page(write_report(run, sounds=True)).all("audio")) == 5


def test_recordings_that_are_gone_are_said_to_be(run, tmp_path):
    path = run / "journal.jsonl"
    path.write_text(path.read_text().replace('"data_dir": "', '"data_dir": "/nowhere'))

    page = Page(write_report(run))

    assert "are not in /nowhere" in page.text
    assert not page.all("audio")


@pytest.mark.parametrize("told", ['"data_dir": "/nowhere', '"data_dir": "", "other": "'])
def test_they_are_found_where_they_were_moved_to(run, root, told):
    path = run / "journal.jsonl"
    path.write_text(path.read_text().replace('"data_dir": "', told))

    assert not Page(write_report(run)).all("audio")
    assert len(Page(write_report(run, data_dir=root)).all("audio")) == 5


def test_a_recording_that_is_damaged_by_now_costs_itself_alone(run, collection, tmp_path):
    import shutil

    moved = tmp_path / "moved"
    shutil.copytree(collection.root, moved)
    unit = collection.subjects[1].subject_id
    for one in moved.rglob(f"{unit}_*.wav"):
        one.write_bytes(one.read_bytes()[:60])

    page = Page(write_report(run, data_dir=moved))

    assert len(page.all("audio")) >= 4


def test_the_recording_that_counted_for_most_is_shown_with_its_cycles(run, collection):
    unit = collection.subjects[0].subject_id
    own = [one for one in collection.recordings if one.subject_id == unit]
    config = SignalConfig(sample_rate=1000, high_hz=400.0)
    rows = []
    for one, weight in zip(own, [0.1] * (len(own) - 1) + [0.7], strict=True):
        bounds = prepare_recording(one, config).bounds_s
        for number, cycle in enumerate(bounds.tolist(), start=1):
            share = weight / 2 if number == 3 else weight / 2 / (len(bounds) - 1)
            name = one.path.relative_to(collection.root).as_posix()
            rows.append(
                [unit, name, one.location, number, f"{cycle[0]:.4f}", f"{cycle[-1]:.4f}", share,
                 0.2, 0.3, 0.5]
            )  # fmt: skip
    write_instances(run, rows)

    heard = Hearing(read_material(run), TASK).of(unit)
    assert heard is not None
    assert heard.recording == own[-1]
    assert not heard.has_changed
    assert heard.num_recordings == len(own)

    page = Page(write_report(run))
    third = heard.bounds_s[2]
    assert f"{third[0]:.2f} to {third[-1]:.2f} s counted for most: 35.0%" in page.text


def test_cycles_that_are_elsewhere_now_are_not_drawn(run, collection):
    unit = collection.subjects[0].subject_id
    name = next(
        one.path.relative_to(collection.root).as_posix()
        for one in collection.recordings
        if one.subject_id == unit
    )
    write_instances(run, [[unit, name, "AV", 1, "0.0123", "0.9", 1.0, 0.2, 0.3, 0.5]])

    heard = Hearing(read_material(run), TASK).of(unit)

    assert heard is not None
    assert heard.has_changed
    assert len(heard.bounds_s) == 0
    assert "it is not what the run was given" in Page(write_report(run)).text


@pytest.fixture(scope="module")
def heard(collection):
    recording = collection.recordings[0]
    prepared = prepare_recording(recording, SignalConfig())
    return Heard(
        recording=recording, name="x.wav", prepared=prepared, sample_rate=2000, num_recordings=1,
        shares=(),
    )  # fmt: skip


def test_the_part_is_shown_in_which_cycles_count_for_most(heard):
    shares = [Share(t, t + 1, 0.05, {}) for t in range(3)] + [Share(7.0, 8.0, 0.85, {})]

    begin_s, end_s = excerpt_of(replace(heard, shares=shares))

    assert end_s - begin_s == pytest.approx(6.0)
    assert begin_s == 2.0  # from there on, the last light cycle and the heavy one


def test_a_short_recording_is_shown_in_full(heard):
    short = replace(heard.prepared, samples=heard.prepared.samples[:5000])

    assert excerpt_of(replace(heard, prepared=short)) == (0.0, 2.5)


def test_a_sound_keeps_its_pitch_and_its_length():
    rate = 44_100
    seconds = np.arange(rate * 2) / rate
    tone = (0.01 * np.sin(2 * np.pi * 440 * seconds) + 0.2).astype(np.float32)

    address = sound_address(tone, sample_rate=rate)

    with wave.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 4000)
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    assert len(samples) == 8000
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert np.fft.rfftfreq(len(samples), 1 / 4000)[spectrum.argmax()] == pytest.approx(440, abs=1)


@pytest.mark.parametrize("samples", [np.zeros(8000), np.zeros(1)])
def test_silence_stays_silence(samples):
    address = sound_address(samples.astype(np.float32), sample_rate=2000)

    content = base64.b64decode(address.partition(",")[2])
    assert content[:4] == b"RIFF"
    assert not any(content[44:])


def test_a_sound_is_bounded():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=200_000).astype(np.float32)

    assert len(sound_address(noise, sample_rate=4000)) < 65_000


@pytest.mark.parametrize("length_s", [0, 3])
def test_of_silence_or_nothing_no_wave_is_drawn(length_s):
    excerpt = Excerpt(
        begin_s=0.0, end_s=3.0, sample_rate=1000,
        samples=np.zeros(1000 * length_s, dtype=np.float32),
        bounds_s=np.zeros((0, 5)), shares=[], full_share=1.0,
    )  # fmt: skip

    page = Page(str(sound_chart(excerpt).marks))

    assert not page.all("polygon")
    assert "nan" not in str(sound_chart(excerpt).marks)


def test_phases_and_cycles_lie_where_they_are_in_time():
    rate = 1000
    samples = np.zeros(3 * rate, dtype=np.float32)
    samples[1500:1600] = 1.0
    excerpt = Excerpt(
        begin_s=0.0, end_s=3.0, sample_rate=rate, samples=samples,
        bounds_s=np.array([[1.5, 1.6, 1.8, 1.9, 2.4]]),
        shares=[(1.5, 2.4, 0.5)], full_share=1.0,
    )  # fmt: skip

    page = Page(str(sound_chart(excerpt).marks))

    boxes = {one["class"]: one for one in page.all("rect")}
    scale = float(boxes["p4"]["width"]) / 0.5  # pixels in a second
    assert float(boxes["p1"]["width"]) == pytest.approx(0.1 * scale, abs=0.2)
    assert float(boxes["p2"]["x"]) - float(boxes["p1"]["x"]) == pytest.approx(0.1 * scale, abs=0.2)
    assert float(boxes["weight"]["width"]) == pytest.approx(0.9 * scale - 1, abs=0.2)
    (area,) = (one for one in page.all("polygon") if one["class"] == "wave")
    points = [tuple(map(float, pair.split(","))) for pair in area["points"].split()]
    loud = [x for x, y in points if y < min(y for _, y in points) + 1]
    assert min(loud) == pytest.approx(float(boxes["p1"]["x"]), abs=2.0)
    assert max(loud) == pytest.approx(float(boxes["p2"]["x"]), abs=2.0)
