"""Asking a model of several labels about files: each is told as its run told it, by itself."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from pahcl_core.data.circor import read_circor
from pahcl_core.data.cycle_set import with_windows
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.data.tasks import Task
from pahcl_core.errors import DiskError
from pahcl_core.evaluation.answering import answers
from pahcl_core.evaluation.pictures import PictureFolder
from pahcl_core.evaluation.recordings_given import given_recordings
from pahcl_core.training.checkpoint import export_checkpoint, load_checkpoint
from pahcl_core.training.evaluation import predict
from pahcl_core.training.trained_model import trained_model, with_heads
from pahcl_core.training.windows import WindowSource
from support.prepared import prepare
from support.random_models import CPU, ENCODER, SIGNAL, random_model

# What is so comes first here, so that nothing rests on its being the second.
TASK = Task(
    name="sounds", labels=("early", "late"), classes=("yes", "no"), positive="yes", pooling="any"
)
FITTED = {"early": 2.0, "late": None}
POINTS = {
    "early": {"rule": "youden", "class": "yes", "threshold": 1e-9},
    "late": {"rule": "youden", "undefined": "everybody in validation is alike"},
}


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    root = tmp_path_factory.mktemp("collection") / "circor"
    write_synthetic_circor(root, num_patients=3, seed=3, duration_s=(5.0, 6.0))
    return read_circor(root)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.pt"
    return random_model(path, TASK, temperature=FITTED, operating_point=POINTS)[0]


def ask(model, collection, **options):
    files = [one.path for one in collection.recordings]
    given = given_recordings(files, TASK, **options)
    return {one.name: one for one in answers(model, given, any_quality=True)}


@pytest.mark.parametrize("pooling", ["attention", "vote"])
def test_what_is_said_of_files_is_what_a_run_says(collection, tmp_path, pooling):
    """A run prepares a whole collection in a store, and scores its patients together."""
    model, encoder, heads = random_model(tmp_path / "model.pt", TASK, pooling=pooling)
    cycles = with_windows(prepare(collection, SIGNAL)[0], ENCODER.window_s)
    source = WindowSource.seen_by(ENCODER, cycles, SIGNAL, CPU)
    run = predict(
        with_heads(encoder, heads, passes=None), source, cycles, collection.subjects, TASK
    )

    said = ask(model, collection, by_name=True)

    for subject, row in zip(run.predictions.subjects, run.predictions.probabilities, strict=True):
        verdicts = said[subject.subject_id].verdicts
        for label, of_yes in zip(TASK.labels, row.tolist(), strict=True):
            assert verdicts[label].probabilities == pytest.approx(
                {"yes": of_yes, "no": 1 - of_yes}, abs=1e-6
            )
            assert verdicts[label].said == ("yes" if of_yes >= 0.5 else "no")


def test_each_label_is_calibrated_and_said_as_its_own_validation_wants_it(collection, model):
    """By hand: the square root of each, scaled to add up to 1, at a temperature of 2."""
    for answer in ask(model, collection).values():
        early, late = (answer.verdicts[label] for label in TASK.labels)
        roots = {name: p**0.5 for name, p in early.probabilities.items()}
        expected = {name: root / sum(roots.values()) for name, root in roots.items()}
        assert early.calibrated == pytest.approx(expected)
        assert early.said == "yes"  # however little probable
        assert late.calibrated is None
        assert late.said == max(late.probabilities, key=late.probabilities.get)


def test_it_is_told_a_line_each_and_in_json_by_label(collection, model):
    (name, answer), *_ = ask(model, collection).items()
    early, late = (answer.verdicts[label] for label in TASK.labels)

    p, q = early.calibrated, late.probabilities
    other = "no" if late.said == "yes" else "yes"
    assert answer.lines()[:2] == [
        f"{name}: early yes, {p['yes']:.2f} calibrated (no {p['no']:.2f})",
        f"{name}: late {late.said}, {q[late.said]:.2f} not calibrated ({other} {q[other]:.2f})",
    ]
    told = answer.as_dict()
    assert told["labels"]["early"] == {
        "said": "yes", "confidence": p["yes"], "is_calibrated": True,
        "probabilities": early.probabilities, "calibrated": p,
    }  # fmt: skip
    assert told["labels"]["late"]["calibrated"] is None
    assert "said" not in told
    heard = answer.recordings[0]
    for cycle, (of_early, of_late) in zip(
        told["recordings"][0]["cycles"], heard.probabilities.tolist(), strict=True
    ):
        assert cycle["probabilities"] == {
            "early": {"yes": of_early, "no": pytest.approx(1 - of_early)},
            "late": {"yes": of_late, "no": pytest.approx(1 - of_late)},
        }


def test_where_no_heart_is_nothing_is_said_of_any_label(tmp_path, model):
    wavfile.write(tmp_path / "x.wav", 4000, np.zeros(24000, dtype=np.int16))

    (answer,) = answers(model, given_recordings([tmp_path / "x.wav"], TASK))

    told = answer.as_dict()
    assert told["verdict"] == "refused"
    assert set(told["labels"]) == set(TASK.labels)
    assert all(one["said"] is one["probabilities"] is None for one in told["labels"].values())
    assert [line for line in answer.lines() if "nothing is said" in line] == answer.lines()[:1]


def test_a_picture_says_what_is_said_of_each(collection, model, tmp_path, mocker):
    drawn = mocker.patch("pahcl_core.evaluation.pictures.draw_answer")
    given = given_recordings([collection.recordings[0].path], TASK)
    (answer,) = answers(model, given, any_quality=True)

    PictureFolder(given, tmp_path).draw(answer)

    facts = drawn.call_args.kwargs["facts"]
    assert facts[:2] == [answer.verdicts[label].words for label in TASK.labels]


def test_the_model_says_what_it_tells_in_either_form(model, tmp_path):
    export_checkpoint(tmp_path / "model.safetensors", model.checkpoint)

    read = load_checkpoint(tmp_path / "model.safetensors")

    assert (read.temperature, read.operating_point) == (FITTED, POINTS)
    told = trained_model(tmp_path / "model.safetensors", CPU).as_dict()
    assert told["labels"] == ["early", "late"]
    assert told["temperature"] == FITTED


def test_a_model_that_was_trained_before_labels_had_temperatures_answers_uncalibrated(
    collection, tmp_path
):
    model, *_ = random_model(tmp_path / "model.pt", TASK, temperature=None)

    (answer, *_) = ask(model, collection).values()

    assert [one.calibrated for one in answer.verdicts.values()] == [None, None]


def test_where_there_is_no_room_for_a_folder_of_pictures_that_is_said(tmp_path, mocker):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    mocker.patch.object(Path, "mkdir", side_effect=full)

    with pytest.raises(DiskError, match=r"out: No space left on device: make room, and run"):
        PictureFolder([], tmp_path / "out")
