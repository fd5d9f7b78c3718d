"""Embeddings in a file: each row is what the encoder says of one recording or cycle, and whose."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pahcl_core.config import to_dict
from pahcl_core.data.circor import read_circor
from pahcl_core.errors import SettingError
from pahcl_core.models.encoder import Encoder
from pahcl_core.training.checkpoint import Checkpoint, save_checkpoint
from pahcl_core.training.embedding import EmbedConfig, embed, write_embeddings
from pahcl_core.training.people import read_cohort
from pahcl_core.training.windows import WindowSource


@pytest.fixture(scope="module")
def alike(finetune_config, circor):
    return finetune_config(data_dir=circor, num_workers=1)


@pytest.fixture(scope="module")
def encoder(alike):
    torch.manual_seed(0)
    return Encoder(alike.encoder, sample_rate=alike.signal.sample_rate).eval()


@pytest.fixture(scope="module")
def model(alike, encoder, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "best_model.pt"
    checkpoint = Checkpoint(
        kind="pretrain", encoder_config=alike.encoder, encoder=encoder.state_dict(),
        signal=alike.signal, heads={}, epoch=3, step=30, provenance="synthetic",
    )  # fmt: skip
    save_checkpoint(path, checkpoint)
    return path


@pytest.fixture(scope="module")
def config(alike, circor, model):
    return EmbedConfig(
        model=model, data_dir=circor, output_dir=alike.output_dir, device="cpu", num_workers=1
    )


@pytest.fixture(scope="module")
def by_hand(alike, encoder):
    """Cycles one at a time, with the recording of each and where it begins and ends."""
    cycles = read_cohort(alike, lambda items, total: items).cycles
    source = WindowSource.seen_by(alike.encoder, cycles, alike.signal, torch.device("cpu"))
    with torch.no_grad():
        rows = np.stack(
            [encoder(*source[np.array([n])]).cycle[0].numpy() for n in range(len(cycles))]
        )
    return cycles, rows


def read_back(path):
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def test_a_recording_is_the_mean_of_its_cycles(config, by_hand, tmp_path):
    cycles, rows = by_hand

    write_embeddings(tmp_path / "all.npz", embed(config))

    found = read_back(tmp_path / "all.npz")
    assert found["embedding"].dtype == np.float32
    for row, number in enumerate(np.unique(cycles.recording)):
        own = cycles.recording == number
        np.testing.assert_allclose(found["embedding"][row], rows[own].mean(axis=0), atol=1e-5)
        assert found["num_cycles"][row] == own.sum()
        length = cycles.offsets[number + 1] - cycles.offsets[number]
        assert (found["start_s"][row], found["stop_s"][row]) == (0, length / cycles.sample_rate)
        assert found["recording_id"][row] == cycles.recordings[number].recording_id
    assert len(found["embedding"]) == len(np.unique(cycles.recording))


def test_a_cycle_is_found_again_in_its_recording(config, by_hand, tmp_path, monkeypatch):
    cycles, rows = by_hand
    monkeypatch.setattr("pahcl_core.training.embedding._BATCH_SIZE", 7)

    write_embeddings(tmp_path / "all.npz", embed(replace(config, per_cycle=True)))

    found = read_back(tmp_path / "all.npz")
    np.testing.assert_allclose(found["embedding"], rows, atol=1e-5)
    for row in range(len(rows)):
        begin = cycles.offsets[cycles.recording[row]]
        assert found["start_s"][row] == (cycles.bounds[row, 0] - begin) / cycles.sample_rate
        assert found["stop_s"][row] == (cycles.bounds[row, 4] - begin) / cycles.sample_rate
        assert found["recording_id"][row] == cycles.recordings[cycles.recording[row]].recording_id
    assert (found["num_cycles"] == 1).all()
    assert json.loads(str(found["about"]))["row"] == "cycle"


def test_rows_say_whose_they_are(config, circor, tmp_path):
    write_embeddings(tmp_path / "all.npz", embed(config))

    found = read_back(tmp_path / "all.npz")
    collection = read_circor(circor, strict=False, max_damaged=0.05)
    by_id = {one.recording_id: one for one in collection.recordings}
    for row, name in enumerate(found["recording_id"]):
        one = by_id[name]
        subject = collection.subject(one.subject_id)
        assert found["recording"][row] == f"training_data/{name}.wav"
        assert found["subject_id"][row] == one.subject_id
        assert found["person_id"][row] == subject.person_id
        assert found["location"][row] == one.location
        assert found["label_murmur"][row] == one.labels["murmur"]
        assert found["subject_label_murmur"][row] == subject.labels["murmur"]
        assert found["subject_label_outcome"][row] == subject.labels["outcome"]
    assert not found["by_windows"].any()


def test_the_archive_says_what_made_it(config, alike, model, tmp_path):
    write_embeddings(tmp_path / "all.npz", embed(config))

    about = json.loads(str(read_back(tmp_path / "all.npz")["about"]))
    assert about["model"]["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert about["model"]["name"] == "best_model.pt"
    assert about["model"]["epoch"] == 3
    assert about["model"]["encoder"] == to_dict(alike.encoder)
    assert about["signal"] == to_dict(alike.signal)
    assert (about["provenance"], about["row"]) == ("synthetic", "recording")
    assert str(tmp_path.parent) not in json.dumps(about)  # no path of this machine


def test_an_archive_is_whole_or_not_there(config, tmp_path, mocker):
    embedded = embed(config)
    for name in ("one.npz", "other.npz"):
        write_embeddings(tmp_path / name, embedded)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()

    whole = (tmp_path / "one.npz").read_bytes()
    mocker.patch("numpy.savez", side_effect=OSError(28, "No space left on device"))
    with pytest.raises(SettingError, match=r"one\.npz: cannot be written: No space left"):
        write_embeddings(tmp_path / "one.npz", embedded)
    assert (tmp_path / "one.npz").read_bytes() == whole
    assert {path.name for path in tmp_path.iterdir()} == {"one.npz", "other.npz"}
