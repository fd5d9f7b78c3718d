"""From recordings to cycles: against SciPy, against the annotation, and whatever is damaged."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.io import wavfile

from oracles.filtering import filtered as filtered_by_definition
from pahcl_core.data import preparation
from pahcl_core.data.circor import read_circor
from pahcl_core.data.preparation import (
    PreparedRecording,
    SignalConfig,
    prepare_recording,
    prepare_recordings,
)
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.errors import DataError
from pahcl_core.signal.cycles import Cycles
from pahcl_core.signal.quality import rate_quality
from pahcl_core.signal.segment_states import segment_states
from support.prepared import prepare

CONFIG = SignalConfig(sample_rate=1000, low_hz=25.0, high_hz=400.0)
BEATS = 6
PHASES_S = np.array([0.0, 0.12, 0.3, 0.4, 0.8])  # S1, systole, S2, diastole, end


def beating(rate: int = 4000, seconds: float = 5.0) -> np.ndarray:
    """Two sounds in each 0.8 s, from 0.05 s on, in a little noise."""
    rng = np.random.default_rng(0)
    time_s = np.arange(round(seconds * rate)) / rate
    sound = rng.normal(0, 0.002, len(time_s))
    for beat in range(BEATS):
        for onset, loud, pitch in ((0.06, 1.0, 50.0), (0.34, 0.8, 70.0)):
            since = time_s - 0.05 - 0.8 * beat - onset
            sound += loud * np.exp(-((since / 0.025) ** 2)) * np.sin(2 * np.pi * pitch * since)
    return (12000 * sound).astype(np.int16)


def annotation(start_s: float = 0.05, beats: int = BEATS) -> str:
    """The rows of a states file."""
    rows = [f"0\t{start_s:g}\t0"]
    for beat in range(beats):
        edges = start_s + 0.8 * beat + PHASES_S
        rows += [f"{edges[i]:g}\t{edges[i + 1]:g}\t{i + 1}" for i in range(4)]
    return "\n".join(rows) + "\n"


@pytest.fixture
def tree(make_circor):
    """A collection with one patient per file given, as samples and annotation."""

    def make(**files):
        root = make_circor(
            *({"Patient ID": str(number)} for number in range(1, len(files) + 1)), wavs=()
        )
        for number, (samples, states) in enumerate(files.values(), start=1):
            path = root / "training_data" / f"{number}_AV.wav"
            wavfile.write(path, 4000, samples)
            if states is not None:
                path.with_suffix(".tsv").write_text(states)
        return read_circor(root)

    return make


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    root = tmp_path_factory.mktemp("preparation") / "circor"
    write_synthetic_circor(root, num_patients=12, seed=3, duration_s=(3.0, 6.0))
    return read_circor(root)


def prepared_by_definition(samples: np.ndarray) -> np.ndarray:
    """What the settings say: 4000 to 1000 Hz, 25–400 Hz, spread 1."""
    band = filtered_by_definition((samples / 2**15).tolist(), 4000, 1000, (25.0, 400.0))
    return band / (np.median(np.abs(band)) * 1.4826)


def test_each_recording_is_resampled_filtered_and_scaled(tree):
    """Lying one after the other, each as it is defined by itself."""
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 3000, 13001).astype(np.int16)
    collection = tree(one=(beating(), annotation()), two=(noise, None))

    cycles, _ = prepare(collection, CONFIG)

    assert cycles.offsets.tolist() == [0, 5000, 5000 + 3251]
    assert cycles.sample_rate == 1000
    for number, samples in enumerate((beating(), noise)):
        own = cycles.samples[cycles.offsets[number] : cycles.offsets[number + 1]]
        assert own == pytest.approx(prepared_by_definition(samples), abs=2e-3, rel=1e-5)


def test_annotated_cycles_are_those_of_the_annotation(tree):
    """To the nearest sample, in every recording: 100.6 is 101."""
    collection = tree(one=(beating(), annotation()), two=(beating(), annotation(0.1006, 3)))

    cycles, problems = prepare(collection, CONFIG)

    assert problems == ()
    assert cycles.sources == ("annotation", "annotation")
    assert cycles.recording.tolist() == [0] * 6 + [1] * 3
    first = [np.rint(1000 * (0.05 + 0.8 * beat + PHASES_S)) for beat in range(6)]
    second = [5000 + np.rint(1000 * (0.1006 + 0.8 * beat + PHASES_S)) for beat in range(3)]
    assert cycles.bounds.tolist() == [row.tolist() for row in first + second]


def test_without_an_annotation_cycles_come_from_the_sound(tree):
    """Each S1 near where it was put, four phases in each cycle, in the order of time."""
    (cycles, problems) = prepare(tree(one=(beating(), None)), CONFIG)

    assert problems == ()
    assert cycles.sources == ("segmentation",)
    assert len(cycles) >= BEATS - 2
    onset_s = cycles.bounds[:, 0] / 1000
    nearest = np.abs(onset_s[:, None] - (0.05 + 0.8 * np.arange(BEATS))).min(axis=1)
    assert nearest.max() < 0.06
    assert (np.diff(cycles.bounds, axis=1) > 0).all()


def test_the_annotation_is_left_alone_where_asked(tree):
    """Cycles are those of the same sound without one."""
    config = SignalConfig(sample_rate=1000, high_hz=400.0, cycles="segmentation")

    told, _ = prepare(tree(one=(beating(), annotation())), config)

    assert told.sources == ("segmentation",)
    bare = annotation(beats=0)  # a file that annotates nothing
    untold, _ = prepare(tree_of(told, bare), config)
    assert untold.bounds.tolist() == told.bounds.tolist()


def tree_of(cycles, states: str):
    """The same collection with another annotation."""
    path = cycles.recordings[0].path
    path.with_suffix(".tsv").write_text(states)
    return read_circor(path.parent.parent)


@pytest.mark.parametrize(
    ("samples", "seconds"),
    [(np.zeros(10000, dtype=np.int16), 2.5), (beating(seconds=0.6), 0.6)],
    ids=["silent", "short"],
)
def test_what_cannot_be_segmented_is_cut_by_the_second(tree, samples, seconds):
    """Every recording gets a prediction; phases are marked as unknown by being empty."""
    cycles, problems = prepare(tree(one=(samples, None)), CONFIG)

    assert problems == ()
    assert cycles.sources == ("windows",)
    if seconds > 1:
        assert cycles.bounds.tolist() == [[0, 0, 0, 0, 1000], [1000, 1000, 1000, 1000, 2000]]
    else:
        assert cycles.bounds.tolist() == [[0, 0, 0, 0, 600]]


def test_a_single_sample_is_a_recording(tree):
    cycles, _ = prepare(tree(one=(np.ones(1, dtype=np.int16), None)), CONFIG)

    assert cycles.bounds.tolist() == [[0, 0, 0, 0, 1]]
    assert np.isfinite(cycles.samples).all()


def test_cycles_that_no_heart_has_and_those_past_the_end_are_left_out(tree):
    """One of 0.2 s, one of 3 s, one that ends after the recording; one is good."""
    rows = ["0\t0.1\t0"]
    for start, stop in ((0.1, 0.3), (0.3, 3.3), (3.3, 4.1), (4.5, 5.3)):
        edges = np.linspace(start, stop, 5)
        rows += [f"{edges[i]:g}\t{edges[i + 1]:g}\t{i + 1}" for i in range(4)]

    cycles, problems = prepare(tree(one=(beating(), "\n".join(rows))), CONFIG)

    assert cycles.bounds.tolist() == [[3300, 3500, 3700, 3900, 4100]]
    assert [str(one) for one in problems] == [
        "training_data/1_AV.tsv: 3 of its 4 cycles cannot be: outside of the recording of 5 s, "
        "shorter than 0.25 s or longer than 2.5 s; what cannot be was left out"
    ]


@pytest.mark.parametrize(
    ("factor", "later_s"), [(1000.0, 0.0), (1.0, 100.0)], ids=["milliseconds", "later part"]
)
def test_an_annotation_that_does_not_fit_gives_way_to_the_sound(tree, factor, later_s):
    """The cycles are those of the same sound without one, and why is said."""
    rows = [line.split() for line in annotation().splitlines()]
    moved = [[float(one) * factor + later_s for one in row[:2]] + row[2:] for row in rows]
    states = "".join(f"{start}\t{end}\t{state}\n" for start, end, state in moved)

    bare, _ = prepare(tree(one=(beating(), None)), CONFIG)
    cycles, problems = prepare(tree_of(bare, states), CONFIG)

    assert cycles.sources == bare.sources == ("segmentation",)
    assert cycles.bounds.tolist() == bare.bounds.tolist()
    (problem,) = problems
    assert problem.file == "training_data/1_AV.tsv"
    assert problem.reason == (
        "6 of its 6 cycles cannot be: outside of the recording of 5 s, shorter than 0.25 s or "
        "longer than 2.5 s: are its times in seconds, and of this recording? The annotation was "
        "left out"
    )


def test_cycles_that_no_heart_has_are_left_out_of_a_segmentation(tree, monkeypatch):
    """Without a word: nobody annotated them."""
    bounds_s = np.array([[0.1, 0.2, 0.3, 0.4, 0.9], [0.9, 1.0, 1.1, 1.2, 4.0]])
    found = replace(segment_states(np.zeros(0, np.float32), sample_rate=1000), cycles=Cycles(
        bounds_s=bounds_s
    ))  # fmt: skip
    monkeypatch.setattr(preparation, "segment_states", lambda *_, **__: found)

    cycles, problems = prepare(tree(one=(beating(), None)), CONFIG)

    assert (cycles.bounds.tolist(), problems) == ([[100, 200, 300, 400, 900]], ())


def test_a_damaged_recording_is_set_aside(tree):
    """Its header passed; the others are what they are without it."""
    broken = np.full(20000, np.nan, dtype=np.float32)
    collection = tree(
        one=(beating(), annotation()), two=(broken, annotation()), three=(beating(), None)
    )

    cycles, problems = prepare(collection, CONFIG)

    assert [recording.recording_id for recording in cycles.recordings] == ["1_AV", "3_AV"]
    assert cycles.sources == ("annotation", "segmentation")
    (problem,) = problems
    assert problem.file == "training_data/2_AV.wav"
    assert problem.reason == (
        "holds samples that are not finite numbers; the recording was left out"
    )
    assert set(cycles.recording) == {0, 1}
    assert cycles.bounds[cycles.recording == 1].min() >= cycles.offsets[1] == 5000


def test_a_recording_that_was_cut_off_since_it_was_listed_is_set_aside(tree):
    collection = tree(one=(beating(), annotation()), two=(beating(), annotation()))
    path = collection.recordings[0].path
    path.write_bytes(path.read_bytes()[:5000])

    cycles, problems = prepare(collection, CONFIG)

    assert [recording.recording_id for recording in cycles.recordings] == ["2_AV"]
    assert "is truncated" in str(problems[0])


def test_rows_of_an_annotation_that_make_no_sense_are_told(tree):
    states = annotation().replace("\t2\n", "\t28\n", 1)

    cycles, problems = prepare(tree(one=(beating(), states)), CONFIG)

    assert len(cycles) == BEATS - 1
    assert [str(one) for one in problems] == [
        "training_data/1_AV.tsv, row 3: state 28 is not one of 0–4; the row was left out"
    ]


def test_if_nothing_is_left_it_is_refused(tree):
    broken = np.full(20000, np.nan, dtype=np.float32)

    with pytest.raises(DataError, match="circor: not one of its recordings can be used"):
        prepare(tree(one=(broken, None)), CONFIG)


def test_every_recording_is_there_once_and_every_cycle_inside_its_own(synthetic):
    cycles, _ = prepare(synthetic, CONFIG)

    assert cycles.recordings == synthetic.recordings
    assert set(cycles.recording) == set(range(len(cycles.recordings)))
    assert (np.diff(cycles.recording) >= 0).all()
    assert (cycles.bounds[:, 0] >= cycles.offsets[cycles.recording]).all()
    assert (cycles.bounds[:, -1] <= cycles.offsets[cycles.recording + 1]).all()
    assert cycles.offsets[-1] == len(cycles.samples)
    lengths = [-(-one.num_samples // 4) for one in cycles.recordings]  # 4000 to 1000 Hz
    assert np.diff(cycles.offsets).tolist() == lengths


@pytest.mark.parametrize(
    "changes",
    [
        {"low_hz": 0.0},
        {"low_hz": 600.0},
        {"high_hz": 1000.0},
        {"sample_rate": 1000},
    ],
)
def test_a_band_that_does_not_fit_is_refused(changes):
    with pytest.raises(ValueError, match="must lie between 0 and half of sample_rate"):
        SignalConfig(**changes)


def test_quality_is_that_of_the_sound_as_it_was_recorded(tree):
    """Of the recording and of each cycle; noise at the end spoils the cycles that it covers."""
    sound = beating()
    rng = np.random.default_rng(2)
    sound[-7000:] += rng.normal(0, 6000, 7000).astype(np.int16)
    (recording,) = tree(one=(sound, annotation())).recordings

    prepared = prepare_recording(recording, CONFIG)

    bounds_s = prepared.bounds_s
    rated = rate_quality(
        (sound / 2**15).astype(np.float32), sample_rate=4000, cycles=Cycles(bounds_s=bounds_s)
    )
    assert prepared.quality == pytest.approx(rated.index, abs=1e-6)
    assert prepared.cycle_quality == pytest.approx(rated.cycle_index, abs=1e-6)
    assert prepared.flags == rated.flags
    assert prepared.cycle_quality[bounds_s[:, 4] < 3.2].min() > prepared.cycle_quality[-1]


def test_cycles_that_are_left_out_are_not_rated(tree):
    """One lasts 4 s: the ratings are of those that stay."""
    rows = annotation(beats=2) + "1.65\t3.5\t1\n3.5\t3.9\t2\n3.9\t4.0\t3\n4.0\t4.6\t4\n"
    (recording,) = tree(one=(beating(), rows)).recordings

    prepared = prepare_recording(recording, CONFIG)

    assert len(prepared.cycle_quality) == len(prepared.bounds_s) == 2


def test_windows_have_the_quality_of_their_recording(tree):
    (recording,) = tree(one=(np.zeros(10000, dtype=np.int16), None)).recordings

    prepared = prepare_recording(recording, CONFIG)

    assert prepared.source == "windows"
    assert (prepared.quality, prepared.flags) == (0.0, ("silent",))
    assert prepared.cycle_quality.tolist() == [0.0, 0.0]


def test_some_together_are_as_each_by_itself(tree):
    """With what cannot be read, has no annotation, or no rate to rate it at, among them."""
    noise = np.random.default_rng(5).normal(0, 3000, 9000).astype(np.int16)
    collection = tree(
        one=(beating(), annotation()),
        two=(beating(), None),
        three=(noise, None),
        four=(beating(seconds=4.0), annotation(start_s=0.1, beats=3)),
    )
    recordings = list(collection.recordings)
    recordings[1].path.write_bytes(b"RIFF")
    wavfile.write(recordings[2].path, 500, beating(rate=500))

    together = prepare_recordings(recordings, CONFIG)

    assert [one.is_usable for one in together] == [True, False, True, True]
    for found, recording in zip(together, recordings, strict=True):
        alone = prepare_recording(recording, CONFIG)
        for name in PreparedRecording.__slots__:
            np.testing.assert_array_equal(getattr(found, name), getattr(alone, name), name)
    assert prepare_recordings([], CONFIG) == []


def test_a_rate_too_low_to_rate(tree):
    collection = tree(one=(beating(), None))
    (recording,) = collection.recordings
    wavfile.write(recording.path, 500, beating(rate=500))

    prepared = prepare_recording(replace(recording, sample_rate=500), CONFIG)

    assert np.isnan(prepared.quality)
    assert np.isnan(prepared.cycle_quality).all()
    assert prepared.flags == ()
    assert prepared.source == "windows"


def test_silence_is_told_at_a_rate_too_low_to_rate(tree):
    """Whatever its level: a model is not asked about it."""
    (recording,) = tree(one=(beating(), None)).recordings
    wavfile.write(recording.path, 500, np.full(1000, 7, dtype=np.int16))

    prepared = prepare_recording(replace(recording, sample_rate=500), CONFIG)

    assert (prepared.quality, prepared.flags, prepared.source) == (0.0, ("silent",), "windows")
    assert prepared.cycle_quality.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("wanted", [True, False])
def test_a_click_is_silenced_unless_it_is_to_stay(tree, wanted):
    """Ten times as loud as the heart, at 2 s."""
    sound = beating() // 12
    sound[8000:8008] = 20000
    (recording,) = tree(one=(sound, annotation())).recordings

    prepared = prepare_recording(recording, replace(CONFIG, despike=wanted))

    loudest = np.abs(prepared.samples)
    around = loudest[1990:2015].max()
    elsewhere = np.delete(loudest, np.s_[1900:2100]).max()
    assert (around < 1.5 * elsewhere) == wanted
