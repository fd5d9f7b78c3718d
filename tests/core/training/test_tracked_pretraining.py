"""What a tracker is told of a pretraining, and that it cannot disturb one."""

import pytest

from pahcl_core.training.pretrain import describe_pretrain, pretrain
from pahcl_track import Outcome, Tracker
from support.histories import logged

EIGHT = ("Absent", "Present") * 4  # of whom two are kept for the validation


@pytest.fixture
def tracker(mocker):
    return mocker.create_autospec(Tracker, instance=True)


def test_what_a_tracker_is_logged(pretrain_config, make_cohort, on, tracker, mocker):
    """Start first, the files, finish last, with the losses of the best epoch."""
    on(make_cohort(train=EIGHT))
    config = pretrain_config()

    result = pretrain(config, tracker=tracker)

    calls = tracker.method_calls
    assert calls[0] == mocker.call.start(describe_pretrain(config))
    saved = [(call.args[0].name, call.kwargs["kind"]) for call in tracker.save.mock_calls]
    assert saved == [
        ("config.toml", "config"),
        ("splits.json", "split"),
        ("best_model.pt", "checkpoint"),
        ("final_metrics.json", "metrics"),
    ]
    best = result.metrics["best_epoch"] * 2  # 24 cycles an epoch, in batches of up to 16
    summary = {
        f"best/val/{figure}": logged(tracker, f"val/{figure}")[best]
        for figure in (
            "loss", "cycle_loss", "substructure_loss", "alignment", "uniformity", "retrieval",
            "collapsed", "effective_rank", "embedding_deviation",
        )
    }  # fmt: skip
    assert calls[-1] == mocker.call.finish(Outcome(status="completed", summary=summary))
    assert describe_pretrain(config).job_type == "pretrain"


def test_a_tracker_that_always_fails_leaves_everything_untouched(
    pretrain_config, make_cohort, on, silent, tracker
):
    on(make_cohort(train=EIGHT))
    for method in ("start", "log", "save", "finish"):
        getattr(tracker, method).side_effect = RuntimeError("no")

    alone = pretrain(pretrain_config(), tracker=silent)
    watched = pretrain(pretrain_config(), tracker=tracker)

    assert watched.checkpoint.read_bytes() == alone.checkpoint.read_bytes()
    assert watched.metrics == alone.metrics


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (OSError("no disk"), Outcome(status="failed", error="no disk")),
        (KeyboardInterrupt(), Outcome(status="interrupted")),
    ],
)
def test_however_it_ends_the_tracker_hears_of_it(
    pretrain_config, make_cohort, on, tracker, mocker, stop_in_epoch, error, outcome
):
    on(make_cohort(train=EIGHT))

    with pytest.raises(type(error)):
        pretrain(pretrain_config(), tracker=tracker, progress=stop_in_epoch(2, error))

    assert tracker.method_calls[-1] == mocker.call.finish(outcome)
    assert tracker.finish.call_count == 1


def test_the_losses_survive_a_failure_to_write_them(
    pretrain_config, make_cohort, on, tracker, mocker
):
    on(make_cohort(train=EIGHT))
    mocker.patch("pahcl_core.training.pretrain.write_json", side_effect=OSError("disk full"))

    with pytest.raises(OSError, match="disk full"):
        pretrain(pretrain_config(), tracker=tracker)

    (outcome,) = (call.args[0] for call in tracker.finish.mock_calls)
    assert outcome.status == "failed"
    assert "best/val/loss" in outcome.summary
    assert "checkpoint" in [call.kwargs["kind"] for call in tracker.save.mock_calls]
