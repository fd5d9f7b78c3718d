"""The guard around a tracker, and histograms."""

import itertools
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from pahcl_core.training.reporting import Guarded, histograms
from pahcl_track import Outcome, Run, Tracker, TrackingRequired

RUN = Run(name="run", directory=Path("nowhere"))
DONE = Outcome(status="completed")


@pytest.fixture
def tracker(mocker):
    return mocker.create_autospec(Tracker, instance=True)


def tell(guarded: Guarded) -> None:
    guarded.start(RUN)
    guarded.log({"train/loss": 1.0}, step=3)
    guarded.save(Path("file"), kind="checkpoint")
    guarded.finish(DONE)


def test_everything_is_passed_on_as_it_is(tracker, mocker):
    tell(Guarded(tracker))

    assert tracker.mock_calls == [
        mocker.call.start(RUN),
        mocker.call.log({"train/loss": 1.0}, step=3),
        mocker.call.save(Path("file"), kind="checkpoint"),
        mocker.call.finish(DONE),
    ]


@pytest.mark.parametrize("failing", ["start", "log", "save", "finish"])
def test_what_the_tracker_raises_is_logged_and_goes_no_further(tracker, failing, caplog):
    """With its traceback; the other calls are made all the same."""
    getattr(tracker, failing).side_effect = OSError("no network")

    tell(Guarded(tracker))

    assert len(tracker.mock_calls) == 4
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (f"the tracker failed in {failing}: no network; training goes on")
    assert record.exc_info[1] is getattr(tracker, failing).side_effect


def test_a_tracker_that_keeps_failing_is_told_of_once(tracker, caplog):
    tracker.log.side_effect = OSError("no network")
    guarded = Guarded(tracker)
    for step in range(5):
        guarded.log({}, step=step)

    assert tracker.log.call_count == 5
    assert len(caplog.records) == 1


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, TrackingRequired])
def test_what_must_end_a_program_is_not_held_back(tracker, stop):
    tracker.log.side_effect = stop

    with pytest.raises(stop):
        Guarded(tracker).log({}, step=1)


def test_a_guard_is_a_tracker(tracker):
    assert isinstance(Guarded(tracker), Tracker)


def test_a_histogram_by_hand():
    """64 bins from the least to the greatest value, which belongs to the last bin."""
    made = histograms("parameters", [("w", torch.tensor([[0.0, 64.0], [0.5, 63.0]]))])

    (name, one) = made.popitem()
    assert name == "parameters/w"
    assert one.edges == list(range(65))
    assert one.counts == [2] + [0] * 62 + [2]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_every_value_is_counted(dtype):
    tensor = torch.randn(1000, generator=torch.Generator().manual_seed(0)).to(dtype)

    one = histograms("p", [("w", tensor)])["p/w"]

    edges = np.array(one.edges)
    values = tensor.double().numpy()
    inner = [
        int(((values >= low) & (values < high)).sum())
        for low, high in itertools.pairwise(edges[:-1])
    ]
    assert one.counts[:-1] == inner
    assert sum(one.counts) == 1000


def test_what_is_not_finite_is_left_out():
    tensor = torch.tensor([0.0, float("nan"), 1.0, float("inf"), -float("inf")])

    assert sum(histograms("p", [("w", tensor)])["p/w"].counts) == 2


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(5),
        torch.tensor(2.0),
        torch.tensor([float("nan")]),
        # neighbours in single precision: no room for 64 edges between them
        torch.tensor([1.0, 1.0 + 2**-23, 1.0 + 2**-22]),
        torch.tensor([1e-45, 0.0, 3e38, -3e38]),
    ],
    ids=["equal", "scalar", "nothing finite", "nearly equal", "far apart"],
)
def test_any_tensor_has_a_histogram(tensor):
    """A layer's weights start out equal, and are still nearly so after a few steps of warm-up."""
    one = histograms("p", [("w", tensor)])["p/w"]

    assert sum(one.counts) == tensor.isfinite().sum().item()
    assert (np.diff(one.edges) > 0).all()


def test_a_parameter_without_gradient_has_no_histogram():
    assert histograms("gradients", [("w", None)]) == {}
