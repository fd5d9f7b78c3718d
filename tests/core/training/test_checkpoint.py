"""Checkpoints: whole or not there, data and never code, refused where they do not fit."""

import errno
import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.tasks import TASKS
from pahcl_core.errors import DataError, SettingError
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.training.checkpoint import (
    Checkpoint,
    encoder_from,
    export_checkpoint,
    load_checkpoint,
    load_fitting,
    save_checkpoint,
)

ENCODER = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=0.5)
SIGNAL = SignalConfig(sample_rate=1000, high_hz=400.0)


@pytest.fixture
def checkpoint() -> Checkpoint:
    return Checkpoint(
        kind="finetune",
        encoder_config=ENCODER,
        encoder=Encoder(ENCODER, sample_rate=SIGNAL.sample_rate).state_dict(),
        signal=SIGNAL,
        heads={"classifier": {"linear.weight": torch.randn(3, 64)}},
        epoch=4,
        step=120,
        task=TASKS["circor_murmur"],
        persons=("circor:1", "circor:2"),
        provenance="synthetic",
        temperature=1.25,
        origin={"seed": 3, "versions": {"torch": "2.6"}},
    )


@pytest.fixture
def path(tmp_path, checkpoint) -> Path:
    save_checkpoint(tmp_path / "best_model.pt", checkpoint)
    return tmp_path / "best_model.pt"


def equal(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def test_what_is_read_is_what_was_written(path, checkpoint):
    read = load_checkpoint(path)

    assert equal(read.encoder, checkpoint.encoder)
    assert equal(read.heads["classifier"], checkpoint.heads["classifier"])
    tensors = {"encoder": {}, "heads": {}}
    assert replace(read, **tensors) == replace(checkpoint, **tensors)


def test_the_same_checkpoint_is_the_same_bytes_under_any_name(path, checkpoint, tmp_path):
    """So that two runs can be compared by their files."""
    save_checkpoint(tmp_path / "epoch_10.pt", checkpoint)

    assert (tmp_path / "epoch_10.pt").read_bytes() == path.read_bytes()


def test_a_file_has_the_permissions_that_any_new_file_has(path, tmp_path):
    """So that a group can share its runs."""
    (tmp_path / "plain").touch()

    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_write_that_fails_leaves_the_old_file(path, checkpoint, mocker):
    """A full disk in the middle of a new best epoch does not cost the one before."""
    before = path.read_bytes()

    def fill_the_disk(file, content):
        file.touch()
        raise OSError(errno.ENOSPC, "disk full")

    mocker.patch.object(Path, "write_bytes", autospec=True, side_effect=fill_the_disk)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(path, checkpoint)

    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_new_file_is_on_the_disk_before_it_takes_the_place_of_the_old(path, checkpoint, mocker):
    """Written, synchronised, renamed: in this order."""
    steps = []
    write, sync, rename = Path.write_bytes, os.fsync, Path.replace
    mocker.patch.object(
        Path,
        "write_bytes",
        autospec=True,
        side_effect=lambda p, c: (steps.append("write"), write(p, c)),
    )
    mocker.patch("os.fsync", side_effect=lambda d: (steps.append("sync"), sync(d)))
    mocker.patch.object(
        Path,
        "replace",
        autospec=True,
        side_effect=lambda s, t: (steps.append("name"), rename(s, t)),
    )

    save_checkpoint(path, checkpoint)

    assert steps == ["write", "sync", "name"]


class Malicious:
    """Unpickled by an ordinary `pickle.load`, it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path, zipped):
    mark = tmp_path / "was run"
    torch.save(
        {"format": 1, "kind": Malicious(mark)},
        tmp_path / "evil.pt",
        _use_new_zipfile_serialization=zipped,
    )

    with pytest.raises(DataError, match=r"evil.pt: not a checkpoint of pahcl, or damaged; give"):
        load_checkpoint(tmp_path / "evil.pt")

    assert not mark.exists()
    torch.load(tmp_path / "evil.pt", weights_only=False)  # the attack works on a careless reader
    assert mark.exists()


def test_a_missing_checkpoint_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none.pt: no such checkpoint"):
        load_checkpoint(tmp_path / "none.pt")


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model", b"PK\x03\x04" + bytes(200), pickle.dumps({"format": 1})],
    ids=["empty", "text", "zip in name only", "pickle"],
)
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "model.pt").write_bytes(content)

    with pytest.raises(DataError, match=r"model.pt: not a checkpoint of pahcl, or damaged"):
        load_checkpoint(tmp_path / "model.pt")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="not a checkpoint of pahcl, or damaged"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99, 0.9999])
def test_a_file_that_ends_early_is_refused(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])

    with pytest.raises(DataError, match=r"not a checkpoint of pahcl, or damaged"):
        load_checkpoint(path)


def test_a_flipped_bit_in_any_tensor_is_noticed(path):
    """`torch.load` alone would give other weights without a word."""
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        stored = [one for one in archive.infolist() if "/data/" in one.filename]
    assert len(stored) > 10
    for one in stored:
        raw = bytearray(content)
        head = one.header_offset + 30 + int.from_bytes(raw[one.header_offset + 26 :][:2], "little")
        start = head + int.from_bytes(raw[one.header_offset + 28 :][:2], "little")
        raw[start + one.file_size // 2] ^= 0x10
        path.write_bytes(raw)

        with pytest.raises(DataError, match=f"is damaged: {one.filename} is not as it was written"):
            load_checkpoint(path)


@pytest.mark.parametrize("content", [[1, 2], {"format": 3}, {"encoder": {}}, torch.zeros(2)])
def test_another_format_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "model.pt")

    with pytest.raises(DataError, match=r"model.pt: not a checkpoint of this version of pahcl"):
        load_checkpoint(tmp_path / "model.pt")


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
def test_a_model_of_an_earlier_version_is_refused(tmp_path, checkpoint, monkeypatch, name):
    """Its encoder put phases together with one more layer; in either form."""
    merge = {"merge.weight": torch.zeros(16, 64), "merge.bias": torch.zeros(16)}
    earlier = replace(checkpoint, encoder={**checkpoint.encoder, **merge})
    write = export_checkpoint if name.endswith("safetensors") else save_checkpoint
    with monkeypatch.context() as then:
        then.setattr("pahcl_core.training.checkpoint._FORMAT", 1)
        write(tmp_path / name, earlier)

    with pytest.raises(DataError, match=f"{name}: not a checkpoint of this.*an earlier one has to"):
        load_checkpoint(tmp_path / name)


@pytest.mark.parametrize("changes", [{"kind": ...}, {"encoder_config": ...}, {"persons": 3}])
def test_an_incomplete_checkpoint_is_refused(path, changes):
    content = torch.load(path, weights_only=True)
    for name, value in changes.items():
        if value is ...:
            del content[name]
        else:
            content[name] = value
    torch.save(content, path)

    with pytest.raises(DataError, match="something in it is missing or wrong"):
        load_checkpoint(path)


def test_a_setting_of_another_version_is_refused_by_name(path):
    content = torch.load(path, weights_only=True)
    content["encoder_config"]["depth"] = 3
    torch.save(content, path)

    with pytest.raises(SettingError, match=r"best_model.pt: there is no setting 'depth'"):
        load_checkpoint(path)


def test_the_encoder_is_the_one_that_was_saved(path, checkpoint):
    """Also where the run asks for another dropout, or other cycles: these leave its shape alone."""
    wanted, signal = replace(ENCODER, dropout=0.4), replace(SIGNAL, cycles="segmentation")

    encoder = encoder_from(path, load_fitting(path, wanted, signal), wanted)

    assert equal(encoder.state_dict(), checkpoint.encoder)
    assert encoder.config.dropout == 0.4


@pytest.mark.parametrize(
    ("encoder", "signal", "remedy"),
    [
        ({"width": 32}, {}, "--set encoder.width=16"),
        ({"num_blocks": 2, "pool": "cycle"}, {}, "encoder.num_blocks=1 --set encoder.pool=phases"),
        ({}, {"sample_rate": 2000}, "--set signal.sample_rate=1000"),
        ({"window_s": 1.0}, {"low_hz": 20.0}, "encoder.window_s=0.5 --set signal.low_hz=25.0"),
    ],
)
def test_other_settings_are_refused_with_those_that_fit(path, encoder, signal, remedy):
    with pytest.raises(SettingError, match="was trained with other settings; match them") as caught:
        load_fitting(path, replace(ENCODER, **encoder), replace(SIGNAL, **signal))

    assert str(caught.value).endswith(remedy)
    assert str(caught.value).count("--set") == len(encoder) + len(signal)


def test_parameters_that_belie_their_settings_are_refused(path):
    content = torch.load(path, weights_only=True)
    content["encoder"]["norm.weight"] = torch.zeros(3)
    torch.save(content, path)

    with pytest.raises(DataError, match="its parameters do not fit its own settings"):
        encoder_from(path, load_fitting(path, ENCODER, SIGNAL), ENCODER)
