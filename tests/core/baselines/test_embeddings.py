"""The linear evaluation of an encoder: embeddings to a classifier, computed once."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pahcl_core.baselines import embeddings as module
from pahcl_core.baselines.baseline import baseline
from pahcl_core.baselines.embeddings import load_frozen
from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.errors import DataError, SettingError
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.training import shipped
from pahcl_core.training.checkpoint import Checkpoint, save_checkpoint
from pahcl_core.training.people import read_cohort
from pahcl_core.training.windows import WindowSource
from pahcl_track import NullTracker

SHAPE = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    root = tmp_path_factory.mktemp("collection") / "circor"
    write_synthetic_circor(root, num_patients=16, seed=1, duration_s=(3.0, 3.5))
    return root


@pytest.fixture(scope="module")
def config(people, tmp_path_factory):
    """With an encoder that has heard two of the persons, if any of them is under test."""
    folder = tmp_path_factory.mktemp("outputs")
    blank = BaselineConfig(
        features="log_mel", task="circor_outcome", data_dir=people, output_dir=folder, num_workers=1
    )
    torch.manual_seed(0)
    encoder = Encoder(SHAPE, sample_rate=blank.signal.sample_rate)
    cohort = read_cohort(blank.as_finetune, lambda items, total: items)
    save_checkpoint(
        folder / "model.pt",
        Checkpoint(
            kind="pretrain", encoder_config=SHAPE, encoder=encoder.state_dict(),
            signal=blank.signal, heads={}, epoch=1, step=1,
            persons=[*cohort.persons(cohort.split.train), *cohort.persons(cohort.split.test)[:2]],
        ),
    )  # fmt: skip
    return replace(blank, features="embedding", pretrained=folder / "model.pt")


@pytest.fixture(scope="module")
def cohort(config):
    frozen = load_frozen(config)
    return read_cohort(frozen.reading(config.as_finetune), lambda items, total: items)


def test_a_recording_is_mean_and_deviation_of_its_cycles(config, cohort):
    """One by one through the encoder; these recordings have few enough for all to count."""
    frozen = load_frozen(config)
    heard, rows = frozen.embed(cohort)

    torch.manual_seed(0)
    encoder = Encoder(SHAPE, sample_rate=config.signal.sample_rate).eval()
    source = WindowSource.seen_by(SHAPE, cohort.cycles, config.signal, torch.device("cpu"))
    assert len(heard) == len(cohort.cycles.recordings)
    for place in (0, len(heard) // 2, len(heard) - 1):
        own = np.flatnonzero(cohort.cycles.recording == heard[place])
        with torch.no_grad():
            alone = [encoder(*source[own[i : i + 1]]).cycle[0].numpy() for i in range(len(own))]
        told = np.concatenate([np.mean(alone, axis=0), np.std(alone, axis=0)])
        np.testing.assert_allclose(rows[place], told, atol=1e-5)


def test_nothing_is_embedded_twice(config, cohort, monkeypatch):
    _, before = load_frozen(config).embed(cohort)
    monkeypatch.setattr(module, "recording_embeddings", None)

    _, again = load_frozen(config).embed(cohort)

    assert again is before
    with pytest.raises(ValueError, match="read-only"):
        again[0, 0] = 0.0


def test_other_weights_are_embedded_anew(config, cohort, tmp_path):
    _, before = load_frozen(config).embed(cohort)
    torch.manual_seed(1)
    other = replace(
        load_frozen(config).checkpoint,
        encoder=Encoder(SHAPE, sample_rate=config.signal.sample_rate).state_dict(),
    )
    save_checkpoint(tmp_path / "model.pt", other)

    _, rows = load_frozen(replace(config, pretrained=tmp_path / "model.pt")).embed(cohort)

    assert np.abs(rows - before).max() > 0.01


def test_the_encoder_may_be_named_by_the_directory_of_its_run(config, cohort, tmp_path):
    _, expected = load_frozen(config).embed(cohort)
    (tmp_path / "best_model.pt").write_bytes(config.pretrained.read_bytes())

    _, rows = load_frozen(replace(config, pretrained=tmp_path)).embed(cohort)

    np.testing.assert_array_equal(rows, expected)


def test_the_encoder_may_be_one_that_comes_with_the_package(config, cohort, tmp_path, monkeypatch):
    _, expected = load_frozen(config).embed(cohort)
    monkeypatch.setattr(shipped, "shipped_file", lambda name: config.pretrained)
    monkeypatch.chdir(tmp_path)

    _, rows = load_frozen(replace(config, pretrained=Path("tiny"))).embed(cohort)

    np.testing.assert_array_equal(rows, expected)


def test_says_whom_the_encoder_has_heard(config):
    finished = baseline(config, tracker=NullTracker())

    metrics = json.loads((finished.directory / "final_metrics.json").read_text())
    assert finished.directory.name == "circor_outcome_embedding_logistic"
    assert metrics["test_persons_seen_in_pretraining"] == 2
    assert metrics["strength"] in (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"features": "mfcc"},
            ValueError,
            "pretrained is for the features embedding, not for mfcc",
        ),
        ({"pretrained": None}, ValueError, "embedding needs the checkpoint of an encoder"),
    ],
)
def test_refuses_an_encoder_too_many_or_too_few(config, changes, error, message):
    with pytest.raises(error, match=message):
        replace(config, **changes)


def test_refuses_a_checkpoint_that_is_not_there_or_heard_other_sound(config, tmp_path):
    with pytest.raises(DataError, match="no such checkpoint"):
        baseline(replace(config, pretrained=tmp_path / "none.pt"), tracker=NullTracker())
    other = replace(config, signal=replace(config.signal, low_hz=30.0))
    with pytest.raises(SettingError, match=r"trained with other settings; match them with --set"):
        baseline(other, tracker=NullTracker())
