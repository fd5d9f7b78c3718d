"""Half precision, compilation and determinism: what they change, and what they must not."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from oracles.ssd import scan
from pahcl_core.models.encoder import Encoder, encoder_config
from pahcl_core.models.ssd import ssd
from pahcl_core.training.checkpoint import load_checkpoint
from pahcl_core.training.device import reproducible
from pahcl_core.training.finetune import finetune
from pahcl_core.training.machine import (
    EncoderPass,
    MachineConfig,
    autocast_dtype,
    compile_in_place,
)
from pahcl_core.training.optimisation import Optimiser, OptimiserConfig
from pahcl_core.training.pretrain import pretrain
from pahcl_core.training.windows import Windows

CPU = torch.device("cpu")
TESTS = Path(__file__).parents[2]
EPSILON = {"bfloat16": 2**-8, "float16": 2**-11}  # a half's rounding, relative


def windows(count: int) -> Windows:
    samples = torch.randn(count, 1024, generator=torch.Generator().manual_seed(count))
    return Windows(samples, torch.tensor([[0, 100, 350, 450, 900]]).repeat(count, 1))


@pytest.fixture
def encoder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = encoder_config("cnn_mamba", "tiny", width=16, num_blocks=2, state_size=4)
        return Encoder(config, sample_rate=1000).eval()


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    "name", ["cnn_mamba", "sinc_mamba", "cnn_transformer", "resnet34_1d", "cnn"]
)
def test_embeddings_in_half_precision_are_off_by_its_rounding(name, precision):
    """By ten of its roundings at most, and by more than float32's; they come out in float32."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Encoder(encoder_config(name, "tiny", dropout=0.0), sample_rate=2000).eval()
    seen = windows(4)
    wanted = model(*seen)

    found = EncoderPass(MachineConfig(precision=precision), CPU)(model, seen)

    for half, full in ((found.cycle, wanted.cycle), (found.phases, wanted.phases)):
        assert half.dtype == torch.float32
        error = ((half - full).norm() / full.norm()).item()
        assert 1e-5 < error < 10 * EPSILON[precision]
    assert torch.equal(found.phase_valid, wanted.phase_valid)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_the_recurrence_remembers_in_half_precision(rng, precision):
    """Decays near 1 and sums of hundreds of them would be lost; they stay in float32."""
    length, heads, size, state = 300, 2, 4, 3
    x, b, c = (rng.normal(size=(1, length, *s)) for s in ((heads, size), (state,), (state,)))
    log_decay = -rng.uniform(0, [0.002, 0.3], size=(1, length, heads))
    kind = getattr(torch, precision)
    halves = [torch.tensor(one).to(kind) for one in (x, b, c)]
    rounded = [one.double()[0].tolist() for one in halves]
    wanted = np.array(scan(rounded[0], log_decay[0].tolist(), *rounded[1:]))

    with torch.autocast("cpu", dtype=kind):
        found = ssd(halves[0], torch.tensor(log_decay).float(), *halves[1:])

    error = np.linalg.norm(found[0].double().numpy() - wanted) / np.linalg.norm(wanted)
    assert error < 3 * EPSILON[precision]


@pytest.mark.parametrize(
    ("precision", "kind", "capability", "half"),
    [
        ("auto", "cuda", (8, 0), torch.bfloat16),
        ("auto", "cuda", (7, 5), None),
        ("auto", "cpu", (8, 0), None),
        ("float32", "cuda", (9, 0), None),
        ("float16", "cpu", (8, 0), torch.float16),
        ("bfloat16", "cuda", (7, 0), torch.bfloat16),
    ],
)
def test_auto_is_half_where_that_gains(mocker, precision, kind, capability, half):
    mocker.patch("torch.cuda.get_device_capability", return_value=capability)

    assert autocast_dtype(precision, torch.device(kind)) == half


@pytest.fixture
def trained(silent, on, pretrain_config, make_cohort):
    """Pretrain with these settings of the machine; returns the directory and the metrics."""

    def run(machine, **options):
        config = pretrain_config(machine=machine)
        on(make_cohort())
        result = pretrain(config, tracker=silent, **options)
        return result.directory, result.metrics

    return run


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_training_in_half_precision_reaches_nearly_the_same_loss(trained, precision):
    """Within a hundredth; the files are in float32."""
    _, full = trained(MachineConfig())
    directory, half = trained(MachineConfig(precision=precision))

    assert half["val_loss"] != full["val_loss"]
    assert half["val_loss"] == pytest.approx(full["val_loss"], rel=0.01)
    weights = load_checkpoint(directory / "best_model.pt").encoder
    assert {one.dtype for one in weights.values() if one.is_floating_point()} == {torch.float32}


def test_what_scales_the_loss_is_kept_and_gone_on_with():
    """A step whose gradients overflow is left out, and the scale halved, resumed or not."""
    weights = [nn.Linear(1, 1, bias=False) for _ in range(2)]
    for layer in weights:
        nn.init.ones_(layer.weight)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    first = Optimiser(
        weights[0], nn.Linear(1, 1), OptimiserConfig(lr=1e-3), num_steps=4, scaler=scaler
    )  # fmt: skip

    norms = first.step(weights[0].weight.sum() * torch.inf, 1)

    assert weights[0].weight.item() == 1.0
    assert not np.isfinite(norms["grad_norm/total"].item())
    state = first.state_dict()
    again = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    second = Optimiser(
        weights[1], nn.Linear(1, 1), OptimiserConfig(lr=0.5), num_steps=4, scaler=again
    )  # fmt: skip
    second.load_state_dict(state)
    norms = second.step(3 * weights[1].weight.sum(), 1)
    assert again.get_scale() == 2.0**9
    assert norms["grad_norm/encoder"].item() == 3.0
    assert weights[1].weight.item() < 1.0


@pytest.mark.parametrize(
    "backend",
    [pytest.param("", id="eager"), pytest.param("inductor", marks=pytest.mark.slow)],
)
def test_a_compiled_encoder_gives_the_same_and_keeps_its_names(backend):
    """Gradients, too. Two graphs at most do for all sizes of batch; a copy is not compiled."""
    done = subprocess.run(
        [sys.executable, "-m", "support.compiled_work", *([backend] if backend else [])],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["error"] < 1e-4
    assert found["names"]
    assert found["copied"]
    assert backend or 1 <= found["graphs"] <= 2


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("trainer", ["pretrain", "finetune"])
def test_the_setting_compiles_the_encoder_that_is_trained(
    mocker, silent, on, pretrain_config, finetune_config, make_cohort, trainer, wanted
):
    module = {"pretrain": "pretraining", "finetune": "finetuning"}[trainer]
    compiled = mocker.patch(f"pahcl_core.training.{module}.compile_in_place")
    train, make = {
        "pretrain": (pretrain, pretrain_config),
        "finetune": (finetune, finetune_config),
    }[trainer]
    on(make_cohort())

    train(make(machine=MachineConfig(compile=wanted)), tracker=silent)

    assert [type(call.args[0]) for call in compiled.call_args_list] == ([Encoder] if wanted else [])


def test_without_a_compiler_it_runs_as_it_is(encoder, caplog):
    def broken(graph, examples):
        raise RuntimeError("no C++ compiler here")

    wanted = encoder(*windows(3))
    with caplog.at_level(logging.WARNING, logger="pahcl_core"):
        compile_in_place(encoder, CPU, backend=broken)

    (record,) = caplog.records
    assert "cannot compile here: " in record.getMessage()
    assert record.getMessage().endswith("; the encoder runs as it is")
    assert torch.equal(EncoderPass(MachineConfig(compile=True), CPU)(encoder, windows(3)).cycle,
                       wanted.cycle)  # fmt: skip


@pytest.mark.parametrize(
    ("machine", "deterministic", "matmul"),
    [
        (MachineConfig(), True, "highest"),
        (MachineConfig(deterministic=False), False, "high"),
        (MachineConfig(matmul_precision="medium"), True, "medium"),
        (MachineConfig(deterministic=False, matmul_precision="highest"), False, "highest"),
    ],
)
def test_determinism_and_tf32_are_what_the_settings_say(machine, deterministic, matmul):
    """Inside; outside they are as they were."""
    before = (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32)

    with reproducible(1, machine):
        assert torch.are_deterministic_algorithms_enabled() == deterministic
        assert torch.get_float32_matmul_precision() == matmul
        assert torch.backends.cudnn.allow_tf32 == (matmul != "highest")

    assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == before


@pytest.mark.parametrize(
    ("found", "begun", "left", "warned"),
    [
        (None, False, ":4096:8", False),
        (":16:8", True, ":16:8", False),
        (None, True, None, True),
    ],
)
def test_cublas_is_told_before_cuda_begins(mocker, monkeypatch, caplog, found, begun, left, warned):
    """There is no GPU here: what is checked is what the library would find."""
    name = "CUBLAS_WORKSPACE_CONFIG"
    monkeypatch.delenv(name, raising=False)
    if found is not None:
        monkeypatch.setenv(name, found)
    mocker.patch("torch.cuda.is_initialized", return_value=begun)
    mocker.patch("torch.random.fork_rng")

    with caplog.at_level(logging.WARNING), reproducible(1, MachineConfig(), torch.device("cuda")):
        assert os.environ.get(name) == left

    assert bool(caplog.records) == warned
    monkeypatch.delenv(name, raising=False)
