"""A fine-tuning that ends early, and trackers that fail: neither costs the other anything."""

from dataclasses import replace

import pytest
import torch

from pahcl_core.config import to_dict
from pahcl_core.errors import TrainingError
from pahcl_core.training.finetune import finetune
from pahcl_core.training.optimisation import OptimiserConfig
from pahcl_track import Outcome, Run, Tracker
from support.histories import logged


@pytest.fixture
def short(finetune_config, make_cohort, on):
    """Settings of two epochs, on a small cohort."""
    on(make_cohort())
    return finetune_config()


def outcomes(tracker) -> list[Outcome]:
    return [call.args[0] for call in tracker.finish.mock_calls]


def weights(directory) -> dict[str, torch.Tensor]:
    content = torch.load(directory / "best_model.pt", weights_only=True)
    return {**content["encoder"], **content["heads"]["classifier"]}


def test_a_run_of_ones_own_reaches_the_tracker_as_it_is(short, mocker):
    """And the settings that count are on file even where that run has none."""
    tracker = mocker.create_autospec(Tracker, instance=True)
    run = Run(name="mine", directory=short.output_dir / "mine", config={"tracking": {"a": 1}})

    result = finetune(short, tracker=tracker, run=run)

    tracker.start.assert_called_once_with(run)
    assert result.directory == run.directory
    text = (run.directory / "config.toml").read_text()
    assert "[tracking]\na = 1" in text
    assert f"epochs = {short.training.epochs}" in text


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RuntimeError("no memory"), Outcome(status="failed", error="no memory")),
        (KeyboardInterrupt(), Outcome(status="interrupted")),
        (SystemExit(1), Outcome(status="interrupted")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_however_it_ends_the_tracker_hears_of_it(short, mocker, stop_in_epoch, error, outcome):
    """Once and last; the error itself goes on to the caller."""
    tracker = mocker.create_autospec(Tracker, instance=True)

    with pytest.raises(type(error)) as caught:
        finetune(short, tracker=tracker, progress=stop_in_epoch(2, error))

    assert caught.value is error
    assert tracker.method_calls[-1] == mocker.call.finish(outcome)
    assert tracker.finish.call_count == tracker.start.call_count == 1


def test_an_interrupt_inside_the_tracker_is_an_interrupt(short, mocker):
    """Ctrl-C while a tracker works is not one of the tracker's own failures."""
    tracker = mocker.create_autospec(Tracker, instance=True)
    tracker.log.side_effect = KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(short, tracker=tracker)

    assert outcomes(tracker) == [Outcome(status="interrupted")]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_while_a_tracker_starts_is_an_interrupt(short, mocker, error):
    """A server may be waited for at the start, as long as a user's patience lasts."""
    tracker = mocker.create_autospec(Tracker, instance=True)
    tracker.start.side_effect = error

    with pytest.raises(error):
        finetune(short, tracker=tracker)

    assert outcomes(tracker) == [Outcome(status="interrupted")]


@pytest.mark.parametrize("failing", ["write_predictions", "write_json"])
def test_the_test_scores_survive_a_failure_to_write_them(short, mocker, failing):
    """A full disk at the end costs the files, not the figures."""
    mocker.patch(f"pahcl_core.training.finetune.{failing}", side_effect=OSError("disk full"))
    tracker = mocker.create_autospec(Tracker, instance=True)

    with pytest.raises(OSError, match="disk full"):
        finetune(short, tracker=tracker)

    (outcome,) = outcomes(tracker)
    assert (outcome.status, outcome.error) == ("failed", "disk full")
    (auroc,) = logged(tracker, "test/auroc").values()
    assert outcome.summary["best/test/auroc"] == auroc
    assert (
        mocker.call.save(short.output_dir / short.name / "best_model.pt", kind="checkpoint")
        in tracker.method_calls
    )


def test_a_loss_that_is_no_number_stops_the_run(short, mocker):
    """With what to try; the tracker hears of a failure."""
    tracker = mocker.create_autospec(Tracker, instance=True)
    wild = replace(short, optimiser=OptimiserConfig(lr=1e30, warmup=0.0))

    with pytest.raises(
        TrainingError, match=r"train/loss became nan in epoch 1; try an lr below 1e\+30"
    ):
        finetune(wild, tracker=tracker)

    assert [o.status for o in outcomes(tracker)] == ["failed"]
    assert not logged(tracker, "val/loss")


def test_a_tracker_that_always_fails_leaves_everything_untouched(short, silent, mocker):
    """The same metrics, predictions and weights to the bit, and one warning in the log."""
    failing = mocker.create_autospec(Tracker, instance=True)
    for method in ("start", "log", "save", "finish"):
        getattr(failing, method).side_effect = RuntimeError(f"cannot {method}")

    alone = finetune(replace(short, experiment_name="alone"), tracker=silent)
    watched = finetune(replace(short, experiment_name="watched"), tracker=failing)

    for file in ("final_metrics.json", "predictions.csv", "splits.json"):
        assert (watched.directory / file).read_bytes() == (alone.directory / file).read_bytes()
    one, other = weights(alone.directory), weights(watched.directory)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    log = (watched.directory / "train.log").read_text()
    assert log.count("the tracker failed") == 1
    assert "the tracker failed in start: cannot start; training goes on" in log
    assert "raise effect\nRuntimeError: cannot start" in log
    assert failing.finish.call_count == 1


def test_a_changed_configuration_in_the_tracker_changes_nothing(short, mocker, silent):
    """A backend that edits what it is given, to hide a secret, edits the run's record only."""
    expected = to_dict(short)
    tracker = mocker.create_autospec(Tracker, instance=True)
    tracker.start.side_effect = lambda run: run.config["training"].update(epochs=999)

    result = finetune(short, tracker=tracker)

    assert result.metrics["best_epoch"] <= 2
    assert to_dict(short) == expected
    assert "epochs = 2" in (result.directory / "config.toml").read_text()
