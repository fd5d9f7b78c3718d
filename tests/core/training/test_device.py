"""Where a model runs, and that it runs the same way twice."""

import contextlib
import itertools

import pytest
import torch

from pahcl_core.errors import SettingError
from pahcl_core.models.transformer import TransformerLayer
from pahcl_core.training.device import reproducible, resolve_device
from pahcl_core.training.machine import MachineConfig


def available(mocker, *, cuda: bool, mps: bool) -> None:
    mocker.patch("torch.cuda.is_available", return_value=cuda)
    mocker.patch("torch.backends.mps.is_available", return_value=mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "best"),
    [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_best_there_is(mocker, cuda, mps, best):
    available(mocker, cuda=cuda, mps=mps)

    assert resolve_device("auto") == torch.device(best)


def test_a_named_device_is_taken(mocker):
    available(mocker, cuda=True, mps=False)

    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("cuda") == torch.device("cuda")


@pytest.mark.parametrize("name", ["cuda", "tpu"])
def test_a_device_that_is_not_there_is_refused(mocker, name):
    available(mocker, cuda=False, mps=True)

    with pytest.raises(
        SettingError, match=f"device '{name}' is not available here; available: mps, cpu"
    ):
        resolve_device(name)


def test_the_same_seed_draws_the_same_numbers():
    draws = []
    for seed in (1, 1, 2):
        with reproducible(seed):
            draws.append(torch.rand(3).tolist())

    assert draws[0] == draws[1] != draws[2]


def test_inside_algorithms_are_deterministic():
    with reproducible(1):
        assert torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("mode", ["default", "warn", "error"])
def test_everything_is_left_as_it_was_found(mode):
    """The global generator and the mode, also when the run fails."""
    found = torch.get_deterministic_debug_mode()
    try:
        torch.set_deterministic_debug_mode(mode)
        before = torch.get_rng_state()
        with contextlib.suppress(RuntimeError), reproducible(1):
            torch.rand(1)
            raise RuntimeError("failed")

        assert torch.equal(torch.get_rng_state(), before)
        assert torch.get_deterministic_debug_mode() == ["default", "warn", "error"].index(mode)
    finally:
        torch.set_deterministic_debug_mode(found)


FUSED = ("flash", "mem_efficient", "cudnn")
PLAIN = {"math": True, **dict.fromkeys(FUSED, False)}


def attentions() -> dict[str, bool]:
    """Which algorithms torch may take for attention."""
    kinds = ("math", *FUSED)
    return {kind: getattr(torch.backends.cuda, f"{kind}_sdp_enabled")() for kind in kinds}


@pytest.fixture
def played_gpu(mocker, monkeypatch):
    """Enough of one to seed it; its switches are there in every build of torch."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    mocker.patch("torch.cuda.get_rng_state")
    mocker.patch("torch.cuda.set_rng_state")
    return torch.device("cuda", 0)


@pytest.mark.parametrize("found", list(itertools.product([True, False], repeat=len(FUSED))))
def test_attention_is_plain_where_a_gpu_is_to_be_deterministic(played_gpu, found):
    """Told only to warn, torch leaves the fused ones as they are: different in each run."""
    before = attentions()
    try:
        for kind, enabled in zip(FUSED, found, strict=True):
            getattr(torch.backends.cuda, f"enable_{kind}_sdp")(enabled)
        with contextlib.suppress(RuntimeError), reproducible(1, MachineConfig(), played_gpu):
            assert attentions() == PLAIN
            raise RuntimeError("failed")

        assert attentions() == {"math": True, **dict(zip(FUSED, found, strict=True))}
    finally:
        for kind in FUSED:
            getattr(torch.backends.cuda, f"enable_{kind}_sdp")(before[kind])


@pytest.mark.parametrize(
    ("device", "deterministic"), [("cuda", False), ("cpu", True), ("cpu", False)]
)
def test_it_may_be_fused_elsewhere(played_gpu, device, deterministic):
    """A CPU's is deterministic as it is."""
    device = played_gpu if device == "cuda" else torch.device(device)
    before = attentions()

    with reproducible(1, MachineConfig(deterministic=deterministic), device):
        assert attentions() == before


def test_plain_attention_is_the_same_but_for_rounding(played_gpu):
    torch.manual_seed(0)
    layer, tokens = TransformerLayer(16), torch.randn(2, 30, 16)
    expected = layer(tokens)

    with reproducible(1, MachineConfig(), played_gpu):
        found = layer(tokens)

    torch.testing.assert_close(found, expected)
