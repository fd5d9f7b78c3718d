"""A model as an ONNX file says what the model says, whatever runs it."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from pahcl_core.data.circor import read_circor
from pahcl_core.data.preparation import SignalConfig, prepare_recordings
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.data.tasks import TASKS, Task
from pahcl_core.data.unstored import cycle_set_of
from pahcl_core.errors import DataError, SettingError
from pahcl_core.evaluation import onnx_file
from pahcl_core.evaluation.answering import answers
from pahcl_core.evaluation.onnx_file import export_onnx
from pahcl_core.evaluation.recordings_given import given_recordings
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.models.kinds import SIZES
from pahcl_core.training.checkpoint import Checkpoint, save_checkpoint
from pahcl_core.training.trained_model import heads_of, trained_model
from pahcl_core.training.windows import WindowSource

MURMUR = TASKS["circor_murmur"]
SIGNAL = SignalConfig(sample_rate=2000)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Of two patients."""
    root = tmp_path_factory.mktemp("collection") / "circor"
    write_synthetic_circor(root, num_patients=2, seed=3, duration_s=(5.0, 6.0))
    return [one.path for one in read_circor(root).recordings[:3]]


@pytest.fixture(scope="module")
def model_of(tmp_path_factory):
    """Random weights, of a size that is exported in seconds."""

    def make(
        name="cnn", pooling="attention", kind="finetune", seed=0, task=MURMUR, temperature=1.5
    ) -> Path:
        torch.manual_seed(seed)
        state_size = 4 if name.endswith("mamba") else 0
        config = EncoderConfig(
            name=name, width=16, num_blocks=min(1, SIZES[name]["tiny"].num_blocks),
            state_size=state_size, window_s=0.512,
        )  # fmt: skip
        encoder = Encoder(config, sample_rate=SIGNAL.sample_rate)
        heads = heads_of(config, task, pooling)
        tells = kind == "finetune"
        path = tmp_path_factory.mktemp("model") / "model.pt"
        checkpoint = Checkpoint(
            kind=kind, encoder_config=config, encoder=encoder.state_dict(), signal=SIGNAL,
            heads={n: head.state_dict() for n, head in heads.items()} if tells else {},
            epoch=1, step=1, task=task if tells else None, pooling=pooling if tells else None,
            temperature=temperature, origin={"seed": seed},
        )  # fmt: skip
        save_checkpoint(path, checkpoint)
        return path

    return make


def run(file, path, model):
    """The file's outputs for all cycles of a recording, as its metadata asks for them."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (recording,) = given_recordings([path], MURMUR)[0].recordings
    cycles = cycle_set_of([recording], prepare_recordings([recording], SIGNAL), SIGNAL)
    source = WindowSource.seen_by(model.checkpoint.encoder_config, cycles, SIGNAL, CPU)
    windows = source[np.arange(len(cycles))]
    given = {"samples": windows.samples.numpy(), "bounds": windows.bounds.numpy()}
    return dict(zip((o.name for o in session.get_outputs()), session.run(None, given), strict=True))


def assert_alike(path, file, recordings):
    model = trained_model(path, CPU)
    for answer in answers(model, given_recordings(recordings, MURMUR), any_quality=True):
        (heard,) = answer.recordings
        found = run(file, heard.path, model)
        said = list(answer.verdicts[""].probabilities.values())
        assert found["probabilities"].tolist() == pytest.approx(said, abs=1e-4)
        assert found["weight"].tolist() == pytest.approx(heard.weights.tolist(), abs=1e-4)
        of_cycles = torch.from_numpy(found["logits"]).softmax(dim=1).numpy()
        assert of_cycles == pytest.approx(heard.probabilities, abs=1e-4)


@pytest.fixture(scope="module")
def exported(model_of):
    """A model and its file."""
    path = model_of()
    assert export_onnx(path, path.with_suffix(".onnx")) < 1e-5
    return path, path.with_suffix(".onnx")


def test_it_says_what_the_model_says(exported, recordings):
    assert_alike(*exported, recordings)


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["mean", "statistics", "vote"])
def test_it_puts_cycles_together_as_the_model_does(model_of, recordings, tmp_path, pooling):
    path = model_of(pooling=pooling)

    export_onnx(path, tmp_path / "model.onnx")

    assert_alike(path, tmp_path / "model.onnx", recordings)


@pytest.mark.parametrize("pooling", ["vote", pytest.param("statistics", marks=pytest.mark.slow)])
def test_of_several_labels_each_has_its_own_probability(model_of, recordings, tmp_path, pooling):
    """They do not add up to 1; the metadata says of which label each is."""
    task = Task(name="own", labels=("murmur", "s3", "click"), classes=("yes", "no"), positive="yes")
    fitted = {"murmur": 2.0, "s3": None, "click": 0.5}
    path = model_of(task=task, pooling=pooling, temperature=fitted)
    file = tmp_path / "model.onnx"

    export_onnx(path, file)

    model = trained_model(path, CPU)
    for answer in answers(model, given_recordings(recordings, MURMUR), any_quality=True):
        (heard,) = answer.recordings
        found = run(file, heard.path, model)
        said = [answer.verdicts[label].probabilities["yes"] for label in task.labels]
        assert found["probabilities"].tolist() == pytest.approx(said, abs=1e-4)
        of_cycles = 1 / (1 + np.exp(-found["logits"]))
        assert of_cycles == pytest.approx(heard.probabilities, abs=1e-4)
        assert abs(sum(said) - 1) > 1e-3
    (entry,) = [one.value for one in onnx.load(file).metadata_props if one.key == "pahcl"]
    told = json.loads(entry)
    assert told["labels"] == ["murmur", "s3", "click"]
    assert told["temperature"] == fitted


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SIZES if name != "cnn"])
def test_every_encoder_can_be_exported(model_of, recordings, tmp_path, name):
    path = model_of(name)

    export_onnx(path, tmp_path / "model.onnx")

    assert_alike(path, tmp_path / "model.onnx", recordings)


@pytest.mark.slow
@pytest.mark.real_data
def test_it_says_the_same_of_real_recordings(model_of, tmp_path):
    if "PAHCL_REAL_DATA" not in os.environ:
        pytest.skip("PAHCL_REAL_DATA does not name a folder of real recordings")
    folder = Path(os.environ["PAHCL_REAL_DATA"]) / "circor" / "training_data"
    path = model_of("cnn_mamba", seed=5)

    export_onnx(path, tmp_path / "model.onnx")

    assert_alike(path, tmp_path / "model.onnx", sorted(folder.glob("*.wav"))[:6])


@pytest.mark.slow
def test_an_encoder_alone_embeds(model_of, tmp_path):
    path = model_of(kind="pretrain")

    export_onnx(path, tmp_path / "model.onnx")

    content = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(content)
    assert [one.name for one in content.graph.output] == ["embedding"]
    (entry,) = [one.value for one in content.metadata_props if one.key == "pahcl"]
    assert "task" not in json.loads(entry)


def test_the_file_says_what_it_is(exported):
    content = onnx.load(exported[1])

    (entry,) = [one.value for one in content.metadata_props if one.key == "pahcl"]
    told = json.loads(entry)
    assert told["task"] == "circor_murmur"
    assert told["classes"] == ["Absent", "Present", "Unknown"]
    assert (told["temperature"], told["window_samples"]) == (1.5, 1024)
    assert told["signal"]["high_hz"] == 600.0
    shapes = {
        one.name: [d.dim_param or d.dim_value for d in one.type.tensor_type.shape.dim]
        for one in content.graph.input
    }
    assert shapes == {"samples": ["cycles", 1024], "bounds": ["cycles", 5]}


def test_the_file_tells_nothing_of_the_machine_it_was_made_on(exported):
    packed = exported[1].read_bytes()

    for part in (Path.cwd(), Path(sys.prefix), Path(onnx_file.__file__).parents[3]):
        assert str(part).encode() not in packed


def test_a_file_that_says_something_else_is_not_written(model_of, tmp_path, mocker):
    mocker.patch.object(onnx_file, "_traced", return_value=onnx.ModelProto())
    mocker.patch.object(onnx_file, "_difference", return_value=2e-4)

    with pytest.raises(DataError, match=r"it would say something else, by up to 0.0002; nothing"):
        export_onnx(model_of(), tmp_path / "model.onnx")

    assert not (tmp_path / "model.onnx").exists()


def test_another_name_is_refused(model_of, tmp_path):
    with pytest.raises(SettingError, match=r"the name of an ONNX file must end in .onnx"):
        export_onnx(model_of(), tmp_path / "model.pt")


def test_without_the_packages_it_says_which_command_brings_them(model_of, tmp_path, mocker):
    mocker.patch.dict(sys.modules, {"onnxscript": None})

    with pytest.raises(SettingError, match=r"need more packages: pip install 'pahcl\[export\]'"):
        export_onnx(model_of(), tmp_path / "model.onnx")
