"""Asking a model about files: the same as its run said, and nothing where no heart is."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.io import wavfile

from pahcl_core.data.circor import read_circor
from pahcl_core.data.cycle_set import with_windows
from pahcl_core.data.preparation import prepare_recordings
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.data.tasks import TASKS
from pahcl_core.data.unstored import cycle_set_of
from pahcl_core.errors import DataError, SettingError
from pahcl_core.evaluation.answering import answers
from pahcl_core.evaluation.recordings_given import given_recordings
from pahcl_core.models.encoder import Encoder
from pahcl_core.training.checkpoint import Checkpoint, save_checkpoint
from pahcl_core.training.evaluation import predict
from pahcl_core.training.trained_model import trained_model, with_heads
from pahcl_core.training.windows import WindowSource
from support.prepared import prepare
from support.random_models import CPU, ENCODER, SIGNAL, random_model

MURMUR = TASKS["circor_murmur"]
RATE = 4000


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """Five patients with up to four recordings each, some with annotations."""
    root = tmp_path_factory.mktemp("collection") / "circor"
    write_synthetic_circor(root, num_patients=5, seed=3, duration_s=(5.0, 6.0))
    return read_circor(root)


@pytest.fixture(scope="module")
def model_of(tmp_path_factory):
    def make(pooling="attention", task=MURMUR, **changes):
        path = tmp_path_factory.mktemp("model") / "model.pt"
        return random_model(path, task, pooling=pooling, **changes)

    return make


def files_of(collection, subject_id):
    return [one.path for one in collection.recordings if one.subject_id == subject_id]


def write(path, samples, rate=RATE):
    wavfile.write(path, rate, np.round(samples * 32767).astype(np.int16))
    return path


@pytest.mark.parametrize("pooling", ["attention", "mean", "statistics", "vote"])
def test_what_is_said_of_files_is_what_a_run_says(collection, model_of, pooling):
    """A run prepares a whole collection in a store, and scores its patients together."""
    model, encoder, heads = model_of(pooling)
    cycles, _ = prepare(collection, SIGNAL)
    cycles = with_windows(cycles, ENCODER.window_s)
    source = WindowSource.seen_by(ENCODER, cycles, SIGNAL, CPU)
    run = predict(
        with_heads(encoder, heads, passes=None), source, cycles, collection.subjects, MURMUR
    )
    weights = {
        (cycles.recordings[cycles.recording[cycle]].path, number): weight
        for number, (cycle, weight) in enumerate(
            zip(run.instances.cycle, run.instances.weight, strict=True)
        )
    }

    files = [one.path for one in collection.recordings]
    given = given_recordings(files, MURMUR, by_name=True)
    said = {one.name: one for one in answers(model, given, any_quality=True)}

    assert set(said) == {one.subject_id for one in run.predictions.subjects}
    for subject, row in zip(run.predictions.subjects, run.predictions.probabilities, strict=True):
        answer = said[subject.subject_id]
        verdict = answer.verdicts[""]
        assert list(verdict.probabilities.values()) == pytest.approx(row.tolist(), abs=1e-6)
        assert verdict.said == MURMUR.classes[row.argmax()]
        for heard in answer.recordings:
            expected = [weight for (path, _), weight in weights.items() if path == heard.path]
            assert heard.weights.tolist() == pytest.approx(expected, abs=1e-6)


def test_in_memory_recordings_are_what_the_store_makes_of_them(collection):
    stored, _ = prepare(collection, SIGNAL)
    prepared = prepare_recordings(collection.recordings, SIGNAL)

    made = cycle_set_of(collection.recordings, prepared, SIGNAL)

    assert made.recordings == stored.recordings
    assert made.sources == stored.sources
    for name in ("samples", "offsets", "recording", "bounds"):
        assert np.array_equal(getattr(made, name), getattr(stored, name)), name


def test_each_file_is_one_by_itself_unless_they_are_put_together(collection, model_of):
    model, *_ = model_of()
    files = files_of(collection, collection.subjects[0].subject_id)
    assert len(files) > 1

    apart = list(answers(model, given_recordings(files, MURMUR), any_quality=True))
    (together,) = answers(model, given_recordings(files, MURMUR, patient="Ada"), any_quality=True)

    assert [one.name for one in apart] == [str(path) for path in files]
    assert all(one.recordings[0].weights.sum() == pytest.approx(1) for one in apart)
    assert together.name == "Ada"
    assert sum(one.weights.sum() for one in together.recordings) == pytest.approx(1)


def test_a_probability_is_calibrated_and_said_as_validation_wants_it(collection, model_of):
    """By hand: the square root of each, scaled to add up to 1, at a temperature of 2."""
    files = [collection.recordings[0].path]
    given = given_recordings(files, MURMUR)
    point = {"rule": "youden", "class": "Present", "threshold": 1e-9}
    model, *_ = model_of(temperature=2.0, operating_point=point)

    (answer,) = answers(model, given, any_quality=True)

    verdict = answer.verdicts[""]
    roots = {name: p**0.5 for name, p in verdict.probabilities.items()}
    expected = {name: root / sum(roots.values()) for name, root in roots.items()}
    assert verdict.calibrated == pytest.approx(expected)
    assert verdict.said == "Present"  # however little probable
    assert verdict.confidence == verdict.calibrated["Present"]
    strict, *_ = model_of(operating_point={**point, "threshold": 1.0})
    (other,) = answers(strict, given, any_quality=True)
    verdict = other.verdicts[""]
    others = {name: p for name, p in verdict.probabilities.items() if name != "Present"}
    assert verdict.said == max(others, key=others.get)  # however probable Present is
    plain, *_ = model_of()
    (uncalibrated,) = answers(plain, given, any_quality=True)
    verdict = uncalibrated.verdicts[""]
    assert verdict.calibrated is None
    assert verdict.confidence == max(verdict.probabilities.values())
    assert "not calibrated" in uncalibrated.lines()[0]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda rng: np.zeros(6 * RATE), "it is silent"),
        (lambda rng: 0.1 * rng.normal(size=6 * RATE), "nothing stands out in it, as in noise"),
        (
            lambda rng: 0.5 * np.sin(2 * np.pi * 440 * np.arange(6 * RATE) / RATE),
            "nothing stands out in it, as in noise",
        ),
    ],
    ids=["silence", "noise", "a tone"],
)
def test_where_no_heart_is_nothing_is_said(tmp_path, model_of, rng, make, reason):
    model, *_ = model_of()
    given = given_recordings([write(tmp_path / "x.wav", make(rng).clip(-1, 1))], MURMUR)

    (answer,) = answers(model, given)

    assert not answer.verdicts
    assert reason in answer.refused
    told = answer.as_dict()
    assert (told["verdict"], told["reason"]) == ("refused", answer.refused)
    assert told["said"] is told["confidence"] is told["probabilities"] is told["calibrated"] is None
    assert told["is_calibrated"] is False
    assert told["recordings"][0]["cycles"] == []
    assert f"nothing is said: {answer.refused}" in answer.lines()[0]


def test_one_bad_recording_of_a_patient_is_left_out_and_said(tmp_path, collection, model_of, rng):
    """The answer is that of the others alone."""
    model, *_ = model_of()
    good = collection.recordings[0].path
    noise = write(tmp_path / "noise.wav", (0.1 * rng.normal(size=6 * RATE)).clip(-1, 1))

    (answer,) = answers(model, given_recordings([noise, good], MURMUR, patient="Ada"))
    (alone,) = answers(model, given_recordings([good], MURMUR))

    (verdict,), (expected,) = answer.verdicts.values(), alone.verdicts.values()
    assert verdict.probabilities == pytest.approx(expected.probabilities, abs=1e-6)
    assert [bool(one.refused) for one in answer.recordings] == [True, False]
    assert not answer.refused
    assert "not used: no heartbeat was found in it, and nothing stands" in answer.lines()[1]


def test_a_damaged_file_is_named_and_the_rest_is_answered(tmp_path, collection, model_of):
    model, *_ = model_of()
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    good = [one.path for one in collection.recordings[:10]]  # more than are taken together
    files = [good[0], tmp_path / "broken.wav", tmp_path / "none.wav", *good[1:]]

    said = list(answers(model, given_recordings(files, MURMUR), any_quality=True))

    assert [one.name for one in said] == [str(path) for path in files]
    assert [not one.verdicts for one in said] == [False, True, True, *[False] * 9]
    assert [len(one.failed) for one in said] == [0, 1, 1, *[0] * 9]
    assert said[1].as_dict()["verdict"] == "failed"
    assert "no recording can be read" in said[1].lines()[0]


def test_cycles_come_from_beside_the_recording_or_from_its_sound(collection, model_of):
    model, *_ = model_of()
    annotated = next(one for one in collection.recordings if one.states_path is not None)
    given = given_recordings([annotated.path], MURMUR)

    (as_annotated,) = answers(model, given, any_quality=True)
    (anew,) = answers(model, given, any_quality=True, segment_anew=True)

    assert as_annotated.recordings[0].source == "annotation"
    assert anew.recordings[0].source == "segmentation"
    told = anew.recordings[0].as_dict(MURMUR)
    assert told["heart_rate_bpm"] == pytest.approx(
        60 / np.median([c["stop_s"] - c["start_s"] for c in told["cycles"]])
    )


def test_what_cannot_be_segmented_is_shown_in_windows_and_said_to_be(tmp_path, model_of, rng):
    """Of a rate at which no cycle can be found: windows of 1.024 s, each half a one later."""
    path = write(tmp_path / "slow.wav", (0.1 * rng.normal(size=1500)).clip(-1, 1), rate=500)
    model, *_ = model_of()

    (answer,) = answers(model, given_recordings([path], MURMUR))

    (heard,) = answer.recordings
    assert heard.bounds_s[:, [0, -1]].tolist() == [
        pytest.approx([0.512 * number, 0.512 * number + 1.024]) for number in range(4)
    ]
    assert (heard.source, heard.quality, heard.heart_rate_bpm) == ("windows", None, None)
    assert "quality unknown, no cycles found, 4 windows used" in answer.lines()[1]
    assert answer.as_dict()["recordings"][0]["cycles"][0]["onsets_s"] is None


def test_a_folder_stands_for_all_recordings_in_it(collection):
    given = given_recordings([collection.root], MURMUR, by_name=True)

    assert sorted(one.name for one in given) == sorted(
        {one.subject_id for one in collection.recordings}
    )
    twice = given_recordings([collection.root, collection.recordings[0].path], MURMUR)
    assert len(twice) == len(collection.recordings)


def test_what_a_macintosh_leaves_beside_recordings_is_none(tmp_path):
    """Under the name of a recording, and unreadable; one that is named by itself is asked about."""
    kept = write(tmp_path / "a.wav", np.zeros(RATE))
    (tmp_path / "._a.wav").write_bytes(b"\0\5\x16\7")

    (given,) = given_recordings([tmp_path], MURMUR)
    (hidden,) = given_recordings([tmp_path / "._a.wav"], MURMUR)

    assert [one.path for one in given.recordings] == [kept]
    assert given.problems == []
    assert len(hidden.problems) == 1


def test_what_makes_no_sense_is_refused(tmp_path):
    with pytest.raises(SettingError, match="either all files are of one patient, or each"):
        given_recordings([], MURMUR, patient="Ada", by_name=True)
    with pytest.raises(SettingError, match="physionet2016 is about recordings, one by one"):
        given_recordings([], TASKS["physionet2016"], by_name=True)
    with pytest.raises(DataError, match="there is no recording in this folder"):
        given_recordings([tmp_path], MURMUR)


def test_an_encoder_alone_answers_nothing(tmp_path):
    checkpoint = Checkpoint(
        kind="pretrain", encoder_config=ENCODER, signal=SIGNAL, heads={}, epoch=1, step=1,
        encoder=Encoder(ENCODER, sample_rate=1000).state_dict(),
    )  # fmt: skip
    save_checkpoint(tmp_path / "model.pt", checkpoint)

    with pytest.raises(DataError, match="tells nothing yet; teach it a task first: pahcl f"):
        trained_model(tmp_path / "model.pt", CPU)

    told = replace(checkpoint, task=MURMUR, pooling="vote")
    save_checkpoint(tmp_path / "model.pt", told)
    with pytest.raises(DataError, match="its parameters do not fit its own settings"):
        trained_model(tmp_path / "model.pt", CPU)
