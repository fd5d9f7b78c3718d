"""A synthetic PASCAL: its layout and spellings, its timing, and classes that can be heard."""

import csv
import re
import tomllib
from collections import Counter

import numpy as np
import pytest
from scipy import signal
from scipy.io import wavfile
from sklearn.metrics import roc_auc_score

from oracles.pascal_reader import read_recordings
from pahcl_core.data.pascal import read_pascal
from pahcl_core.data.pascal_timing import read_pascal_timing
from pahcl_core.data.splits import split_people
from pahcl_core.data.synthetic_pascal import _plan, write_synthetic_pascal
from pahcl_core.signal.segment_states import segment_states

SHORT = (3.0, 5.0)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A hundred and twenty recordings."""
    folder = tmp_path_factory.mktemp("synthetic") / "pascal"
    write_synthetic_pascal(folder, num_recordings=120, seed=1, duration_s=SHORT)
    return folder


@pytest.fixture(scope="module")
def collection(root):
    return read_pascal(root, strict=True)


def table(root, name):
    with (root / name).open(newline="") as file:
        return list(csv.DictReader(file))


def sound(recording):
    """Its samples between -1 and 1, brought down to 4 kHz."""
    rate, samples = wavfile.read(recording.path)
    samples = samples / 32768
    return samples if rate == 4000 else signal.resample_poly(samples, 40, 441)


def of_class(collection, *labels):
    return [one for one in collection.recordings if one.labels.get("published_class") in labels]


def test_is_read_without_damage(collection):
    """All there is to say is said of the original, too: no class, and nothing of set_a's people."""
    assert collection.provenance == "synthetic"
    assert len(collection.recordings) == 120
    assert [problem.file for problem in collection.problems] == ["set_a", "set_a", "set_b"]
    assert "have no label 'class'" in collection.problems[0].reason
    assert "nothing says who was recorded" in collection.problems[1].reason
    assert "have no label 'class'" in collection.problems[2].reason


def test_another_reader_finds_the_same(root, collection):
    """By the tables' spelling of names there, by the files' here; of all that has a label."""
    found = {
        one.recording_id: {
            "label": subject.labels["published_class"],
            "remark": subject.attributes.get("remark", ""),
            "rate": one.sample_rate,
            "length": one.num_samples,
            "person": subject.person_id,
        }
        for one, subject in zip(collection.recordings, collection.subjects, strict=True)
        if subject.labels
    }

    assert found == read_recordings(root)
    assert 70 < len(found) < 100


def test_every_recording_has_its_row(root):
    """Unlabelled ones are spelt as in the original: differently in each set."""
    for letter, begins in (("a", "set_a/__2011"), ("b", "set_b/Bunlabelledtest_1")):
        rows = table(root, f"set_{letter}.csv")
        assert list(rows[0]) == ["dataset", "fname", "label", "sublabel"]
        assert {row["dataset"] for row in rows} == {letter}
        unlabelled = [row["fname"] for row in rows if not row["label"]]
        assert all(name.startswith(begins) for name in unlabelled)
        assert len(unlabelled) > 5
        files = sorted(path.name for path in (root / f"set_{letter}").glob("*.wav"))
        assert len(rows) == len(files)
        hidden = [one for one in files if one.startswith(f"{letter.upper()}unlabelledtest__")]
        assert len(hidden) == len(unlabelled)
    for file in ("set_a.csv", "set_b.csv", "set_a_timing.csv"):
        content = (root / file).read_bytes()
        assert content.count(b"\n") == content.count(b"\r\n") > 1


def test_the_sets_have_their_rates(collection):
    assert {one.sample_rate for one in collection.recordings if "set_a" in one.recording_id} == {
        44100
    }
    assert {one.sample_rate for one in collection.recordings if "set_b" in one.recording_id} == {
        4000
    }
    assert all(3.0 <= one.duration_s <= 5.001 for one in collection.recordings)


def test_says_that_it_is_synthetic(root):
    content = tomllib.loads((root / "PROVENANCE.toml").read_text())

    assert content["provenance"] == "synthetic"
    assert content["generator"] == "pahcl_core.data.synthetic_pascal"
    assert (content["seed"], content["num_recordings"]) == (1, 120)
    assert "computer-generated" in content["notice"]


def test_positions_are_at_the_peaks_of_the_sounds(root):
    """S1 and S2 in turn; within 40 ms the signal is far louder than halfway to the next S1."""
    positions, problems = read_pascal_timing(root)
    assert problems == []
    normal = {row["fname"][:-4] for row in table(root, "set_a.csv") if row["label"] == "normal"}
    assert set(positions) == normal
    ratios = []
    for name, one in positions.items():
        rate, samples = wavfile.read(root / f"{name}.wav")
        assert len(one.s1_s) == len(one.s2_s) >= 2
        assert (one.s1_s < one.s2_s).all()
        assert (one.s2_s[:-1] < one.s1_s[1:]).all()
        reach = round(0.04 * rate)
        for s1_s, s2_s, next_s in zip(one.s1_s, one.s2_s, one.s1_s[1:], strict=False):
            level = [
                np.mean(np.square(samples[max(round(at * rate) - reach, 0) :][: 2 * reach] / 1e4))
                for at in (s1_s, s2_s, (s2_s + next_s) / 2)
            ]
            ratios += [level[0] / level[2], level[1] / level[2]]
            assert 0.2 < s2_s - s1_s < 0.45
    assert np.median(ratios) > 20
    rows = table(root, "set_a_timing.csv")
    first = [row for row in rows if row["fname"] == rows[0]["fname"]]
    expected = [(str(i // 2 + 1), ("S1", "S2")[i % 2]) for i in range(len(first))]
    assert [(row["cycle"], row["sound"]) for row in first] == expected


def gaps_s(samples):
    """Between the peaks of a smooth envelope, S1 and S2 alike."""
    smooth = signal.butter(2, 12, fs=4000, output="sos")
    envelope = signal.sosfiltfilt(smooth, np.abs(samples))
    peaks, _ = signal.find_peaks(envelope, height=0.2 * np.quantile(envelope, 0.99), distance=480)
    return np.diff(peaks) / 4000


def test_extrasystoles_can_be_heard_out_of_rhythm(collection):
    """The longest silence against the mean one, found without the generator's states."""
    recordings = of_class(collection, "normal", "extrasystole")
    irregular = [one.labels["class"] == "extrasystole" for one in recordings]
    silence = [gaps.max() / gaps.mean() for gaps in map(gaps_s, map(sound, recordings))]

    assert sum(irregular) >= 12
    assert roc_auc_score(irregular, silence) > 0.95


def levels(samples, low_hz, high_hz):
    """Power in a band, every 20 ms, sorted."""
    band = signal.butter(2, [low_hz, high_hz], "bandpass", fs=4000, output="sos")
    pieces = np.split(signal.sosfilt(band, samples), np.arange(80, len(samples), 80))
    return np.sort([np.mean(np.square(piece)) for piece in pieces[:-1]])


def systole_to_diastole(samples):
    """Power between 60 and 450 Hz in the loudest third of systole to that in diastole's last."""
    cycles = segment_states(samples.astype(np.float32), sample_rate=4000).cycles
    band = signal.butter(2, [60, 450], "bandpass", fs=4000, output="sos")
    bounds = np.rint(cycles.bounds_s * 4000).astype(int)
    thirds = [
        [np.mean(part**2) for part in np.array_split(signal.sosfilt(band, samples)[a:b], 3)]
        for row in bounds
        for a, b in ((row[1], row[2]), (row[3], row[4]))
    ]
    systole, diastole = np.median(thirds[::2], axis=0), np.median(thirds[1::2], axis=0)
    return systole.max() / diastole[2]


def test_murmurs_can_be_heard(collection):
    """The loudest third of systole against the end of diastole, found by the segmentation."""
    recordings = of_class(collection, "normal", "murmur")
    has_murmur = [one.labels["class"] == "murmur" for one in recordings]
    filled = [systole_to_diastole(sound(one)) for one in recordings]

    assert sum(has_murmur) >= 10
    assert roc_auc_score(has_murmur, filled) > 0.95


def test_noisy_ones_are_noisier(root, collection):
    remark = {one.subject_id: one.attributes.get("remark") for one in collection.subjects}
    floor = {True: [], False: []}
    for one in of_class(collection, "normal", "murmur"):
        level = levels(sound(one), 30, 450)
        floor[remark[one.recording_id] is not None].append(level[len(level) // 10] / level[-5])

    assert len(floor[True]) >= 5
    assert np.median(floor[True]) > 5 * np.median(floor[False])


def test_an_extra_sound_follows_the_second(collection):
    """Three sounds in a cycle instead of two: the mean silence between peaks is shorter."""
    silence = {
        label: np.median([gaps_s(sound(one)).mean() for one in of_class(collection, label)])
        for label in ("normal", "extrahls")
    }

    assert silence["extrahls"] < 0.85 * silence["normal"]


def test_artifacts_hold_no_heart(collection):
    """Between 25 and 60 Hz, where hearts are loudest, little changes from moment to moment."""
    swing = {
        label: np.median(
            [
                np.quantile(level, 0.95) / np.quantile(level, 0.5)
                for level in (levels(sound(one), 25, 60) for one in of_class(collection, label))
            ]
        )
        for label in ("normal", "artifact")
    }

    assert swing["artifact"] < 8 < 80 < swing["normal"]


def test_labels_are_what_is_heard():
    """Also of those who have recordings with and without extrasystoles."""
    takes = _plan(400, np.random.default_rng(0))
    for one in takes:
        assert one.heard == one.kind.label or one.kind.label == ""
        assert (one.heart.murmur is not None) == (one.heard == "murmur")
        assert (one.heart.s3_level > 0) == (one.heard == "extrahls")
        assert (one.heart.early_every > 0) == (one.heard == "extrastole")
    hidden = {(one.kind.folder, one.heard) for one in takes if not one.kind.label}
    assert hidden == {
        *(("set_a", heard) for heard in ("normal", "murmur", "extrahls", "artifact")),
        *(("set_b", heard) for heard in ("normal", "murmur", "extrastole")),
    }


def test_shares_are_as_published():
    """For as many recordings as the original has, but for what small collections need."""
    takes = _plan(832, np.random.default_rng(0))
    counts = Counter((one.kind.folder, one.kind.label, one.kind.remark) for one in takes)

    published = {
        ("set_a", "normal", ""): 31,
        ("set_a", "murmur", ""): 34,
        ("set_a", "extrahls", ""): 19,
        ("set_a", "artifact", ""): 40,
        ("set_a", "", ""): 52,
        ("set_b", "normal", ""): 200,
        ("set_b", "normal", "noisynormal"): 120,
        ("set_b", "murmur", ""): 66,
        ("set_b", "murmur", "noisymurmur"): 29,
        ("set_b", "extrastole", ""): 46,
        ("set_b", "", ""): 195,
    }
    assert counts == pytest.approx(published, abs=11)
    assert counts.total() == 832
    assert len({(one.kind.folder, one.stem) for one in takes}) == 832


def test_a_person_can_have_recordings_with_and_without_extrasystoles(collection):
    """The trap of a split by recording; the person counts for the rarer class."""
    classes = {}
    for one in collection.subjects:
        if "class" in one.labels:
            classes.setdefault(one.person_id, set()).add(one.labels["class"])

    both = [found for found in classes.values() if len(found) > 1]
    assert both == [{"normal", "extrasystole"}]


@pytest.mark.parametrize("num_recordings", [26, 27, 40])
def test_any_number_can_be_split(tmp_path, num_recordings):
    """By the persons that the reader finds."""
    for seed in range(2):
        root = tmp_path / str(seed)
        write_synthetic_pascal(
            root, num_recordings=num_recordings, seed=seed, duration_s=(3.0, 3.0)
        )
        subjects = read_pascal(root).subjects
        labelled = [one for one in subjects if "class" in one.labels]
        split = split_people(labelled, label="class", seed=seed)
        label = {one.subject_id: one.labels["class"] for one in labelled}
        assert len(subjects) == num_recordings
        assert {label[one] for one in split.test} == {"normal", "murmur", "extrasystole"}


@pytest.mark.parametrize("seed", range(30))
def test_the_smallest_plan_has_three_persons_of_each_class(seed):
    """Of set_a by day, of set_b by number; whoever has extrasystoles counts for those."""
    persons = {}
    for one in _plan(26, np.random.default_rng(seed)):
        if one.kind.label in ("normal", "murmur", "extrastole"):
            number = one.identity[:8] if one.kind.folder == "set_a" else one.identity.split("_")[0]
            persons.setdefault(number, set()).add(one.kind.label)
    rarest = Counter("extrastole" if "extrastole" in one else min(one) for one in persons.values())

    assert min(rarest[label] for label in ("normal", "murmur", "extrastole")) >= 3


@pytest.mark.real_data
def test_names_and_tables_are_spelt_as_in_the_original(root, real_pascal):
    """Every digit taken for a nought, and every letter of a take for an A."""

    def spelling(names):
        return {re.sub(r"_[A-Z]\.wav$", "_A.wav", re.sub(r"\d", "0", name)) for name in names}

    for letter in "ab":
        headers = [list(table(folder, f"set_{letter}.csv")[0]) for folder in (root, real_pascal)]
        assert headers[0] == headers[1]
        found, original = (
            spelling(row["fname"] for row in table(folder, f"set_{letter}.csv"))
            for folder in (root, real_pascal)
        )
        assert found <= original
        found, original = (
            spelling(
                path.name
                for path in (folder / f"set_{letter}").glob("*.wav")
                if "unlabelled" not in path.name  # the sample has none
            )
            for folder in (root, real_pascal)
        )
        assert found <= original
    timing = [list(table(folder, "set_a_timing.csv")[0]) for folder in (root, real_pascal)]
    assert timing[0] == timing[1]
