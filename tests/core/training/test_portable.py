"""The portable form: the same model, read by the same loader, with nothing in it that runs."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.tasks import TASKS
from pahcl_core.errors import DataError, SettingError
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.models.heads import Classifier
from pahcl_core.models.instance_pooling import InstancePooling
from pahcl_core.training.checkpoint import (
    Checkpoint,
    encoder_from,
    export_checkpoint,
    load_checkpoint,
    load_fitting,
    save_checkpoint,
)

SIGNAL = SignalConfig(sample_rate=2000, high_hz=400.0)


def checkpoint_of(name="cnn_mamba", pooling="attention") -> Checkpoint:
    config = EncoderConfig(
        name=name,
        width=16,
        num_blocks=0 if name == "resnet34_1d" else 1,
        state_size=4 if name.endswith("mamba") else 0,
    )
    heads = {
        "classifier": Classifier(64, 3, dropout=0.1).state_dict(),
        "pooling": InstancePooling(64, pooling).state_dict(),
    }
    return Checkpoint(
        kind="finetune",
        encoder_config=config,
        encoder=Encoder(config, sample_rate=2000).state_dict(),
        signal=SIGNAL,
        heads=heads,
        epoch=4,
        step=120,
        task=replace(TASKS["circor_murmur"], name="ailleurs", description="né ailleurs"),
        pooling=pooling,
        persons=("circor:1", "circor:2"),
        provenance="synthetic",
        temperature=1.25,
        origin={"seed": 3, "versions": {"torch": "2.6"}},
    )


@pytest.fixture
def path(tmp_path):
    export_checkpoint(tmp_path / "model.safetensors", checkpoint_of())
    return tmp_path / "model.safetensors"


def equal(one, other) -> bool:
    return list(one) == list(other) and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("pooling", ["attention", "mean"])
@pytest.mark.parametrize("name", ["cnn_mamba", "sinc_mamba", "resnet34_1d"])
def test_what_is_read_is_what_was_written(tmp_path, name, pooling):
    """Also statistics that are counted in whole numbers, and a head without a single parameter."""
    written = checkpoint_of(name, pooling)
    export_checkpoint(tmp_path / "model.safetensors", written)

    read = load_checkpoint(tmp_path / "model.safetensors")

    assert equal(dict(sorted(read.encoder.items())), dict(sorted(written.encoder.items())))
    assert list(read.heads) == sorted(written.heads)
    for head, tensors in written.heads.items():
        assert equal(dict(sorted(read.heads[head].items())), dict(sorted(tensors.items())))
    nothing = {"encoder": {}, "heads": {}}
    assert replace(read, **nothing) == replace(written, **nothing)
    encoder_from(tmp_path, read, written.encoder_config)


def test_both_forms_are_read_alike(tmp_path, path):
    save_checkpoint(tmp_path / "model.pt", load_checkpoint(path))

    one, other = load_checkpoint(tmp_path / "model.pt"), load_checkpoint(path)

    assert equal(one.encoder, other.encoder)
    assert replace(one, encoder={}, heads={}) == replace(other, encoder={}, heads={})
    load_fitting(path, one.encoder_config, SIGNAL)  # as finetune --pretrained does


def test_another_library_reads_the_numbers_and_what_they_are(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])  # the format, read by hand
    header = json.loads(content[8 : 8 + length])
    told = json.loads(header.pop("__metadata__")["pahcl"])
    begin, end = header["heads.classifier.linear.weight"]["data_offsets"]
    weight = np.frombuffer(content[8 + length :][begin:end], "<f4").reshape(3, 64)

    assert np.array_equal(
        weight, load_checkpoint(path).heads["classifier"]["linear.weight"].numpy()
    )
    assert told["task"]["classes"] == ["Absent", "Present", "Unknown"]
    assert (told["temperature"], told["signal"]["sample_rate"]) == (1.25, 2000)
    assert content[8:9] == b"{"  # no archive, no pickle


def test_the_same_model_is_the_same_bytes(path, tmp_path):
    export_checkpoint(tmp_path / "again.safetensors", load_checkpoint(path))

    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_another_name_is_refused(tmp_path):
    with pytest.raises(SettingError, match=r"model.pt: the name of a portable model must end in"):
        export_checkpoint(tmp_path / "model.pt", checkpoint_of())


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SettingError, match="cannot be written: No such file or directory"):
        export_checkpoint(tmp_path / "none" / "model.safetensors", checkpoint_of())


def test_a_missing_model_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none.safetensors: no such model"):
        load_checkpoint(tmp_path / "none.safetensors")


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(200), b"\xff" * 100])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)

    with pytest.raises(DataError, match=r"model.safetensors: not a model of pahcl, or damaged"):
        load_checkpoint(tmp_path / "model.safetensors")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"pahcl": "{}"}])
def test_a_model_of_another_program_is_refused(tmp_path, metadata):
    save_file({"weight": torch.zeros(2)}, tmp_path / "model.safetensors", metadata=metadata)

    with pytest.raises(DataError, match="no model of pahcl: it does not say what its numbers are"):
        load_checkpoint(tmp_path / "model.safetensors")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9999])
def test_a_file_that_ends_early_is_refused(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])

    with pytest.raises(DataError, match="not a model of pahcl, or damaged"):
        load_checkpoint(path)


def test_a_flipped_bit_in_any_tensor_is_noticed(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    with safe_open(path, framework="pt") as file:
        names = list(file.keys())
    header = json.loads(content[8 : 8 + length])
    for name in names:
        begin, end = header[name]["data_offsets"]
        raw = bytearray(content)
        raw[8 + length + (begin + end) // 2] ^= 0x10
        path.write_bytes(raw)

        with pytest.raises(DataError, match="is damaged: its numbers are not as they were written"):
            load_checkpoint(path)


def test_tensors_that_change_their_names_are_noticed(path, tmp_path):
    """The classifier's weights under another name of their size are another model."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    one, other = "encoder.norm.weight", "encoder.norm.bias"
    tensors[one], tensors[other] = tensors[other], tensors[one]
    save_file(tensors, tmp_path / "swapped.safetensors", metadata=metadata)

    with pytest.raises(DataError, match="is damaged"):
        load_checkpoint(tmp_path / "swapped.safetensors")
