"""`probe`: one model, three methods, and whom it knows already."""

from pathlib import Path

import pytest
import torch

from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.tasks import TASKS
from pahcl_core.evaluation.anomaly import anomaly_auroc, anomaly_probe
from pahcl_core.evaluation.neighbours import neighbour_probe
from pahcl_core.evaluation.probing import ProbeConfig, probe
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.training.checkpoint import Checkpoint, save_checkpoint
from pahcl_core.training.conclusion import score_predictions
from pahcl_core.training.probe import linear_probe, recording_embeddings
from pahcl_core.training.windows import WindowSource

OUTCOME = TASKS["circor_outcome"]
ENCODER = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024)
SIGNAL = SignalConfig(sample_rate=500, high_hz=200.0)


@pytest.fixture(scope="module")
def cohort(make_cohort):
    """Eighteen people, with two recordings each."""
    classes = ("Absent", "Present", "Unknown")
    return make_cohort(train=classes * 4, val=classes, test=classes)


@pytest.fixture
def asked(cohort, mocker, tmp_path):
    """A probe of random weights, that read this cohort."""
    mocker.patch("pahcl_core.evaluation.probing.read_cohort", return_value=cohort)
    torch.manual_seed(0)
    encoder = Encoder(ENCODER, sample_rate=500)
    source = WindowSource.seen_by(ENCODER, cohort.cycles, SIGNAL, torch.device("cpu"))
    rows = recording_embeddings(encoder, source, cohort)

    def ask(*, kind="pretrain", persons=(), **changes):
        checkpoint = Checkpoint(
            kind=kind, encoder_config=ENCODER, encoder=encoder.state_dict(), signal=SIGNAL,
            heads={}, epoch=1, step=1, persons=persons,
        )  # fmt: skip
        save_checkpoint(tmp_path / "model.pt", checkpoint)
        settled = {"task": "circor_outcome", "data_dir": Path("nowhere"), "device": "cpu"}
        return probe(ProbeConfig(model=tmp_path / "model.pt", **settled, **changes))

    return ask, rows


def test_each_method_is_what_it_is_called(asked, cohort):
    ask, rows = asked

    linear = score_predictions(linear_probe(*rows, cohort, OUTCOME, seed=3), OUTCOME)
    nearest = neighbour_probe(*rows, cohort, OUTCOME, neighbours=2, seed=3)
    apart = anomaly_auroc(anomaly_probe(*rows, cohort, OUTCOME, seed=3), OUTCOME)
    for method, expected in {
        "linear": linear.values["auroc"],
        "knn": score_predictions(nearest, OUTCOME).values["auroc"],
        "anomaly": apart["auroc"].value,
    }.items():
        found = ask(method=method, seed=3, neighbours=2)
        assert found.scores["auroc"].value == pytest.approx(expected, abs=1e-12), method


def test_a_fine_tuned_model_says_whom_it_knows(asked, caplog):
    ask, _ = asked
    persons = ["toy:p000", "toy:p001", "other:p002"]

    assert ask(kind="finetune", persons=persons).as_dict()["persons_known"] == 2
    assert "knows 2 of the 18 persons it is asked about" in caplog.text
    assert ask(kind="pretrain", persons=persons).known == 0


def test_neighbours_must_be_some():
    with pytest.raises(ValueError, match="neighbours must be at least 1, got 0"):
        ProbeConfig(model=Path("m"), task="pascal", data_dir=Path("d"), neighbours=0)
