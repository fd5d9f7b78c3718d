"""Where a model runs, and that it runs the same way twice."""

import contextlib

import pytest
import torch

from pahcl_core.errors import SettingError
from pahcl_core.training.device import reproducible, resolve_device


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
