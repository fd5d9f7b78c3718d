"""A training that is watched may be ended after any epoch, and gone on with."""

import contextlib
from functools import partial

import pytest

from pahcl_core.training.finetune import finetune
from pahcl_core.training.pretrain import pretrain
from pahcl_core.training.run_directory import METRICS, STATE
from pahcl_core.training.watching import EndedEarly
from support.trackers import Recorder


@pytest.fixture(params=["finetune", "pretrain"])
def trained(request, cohort, on, finetune_config, pretrain_config):
    """Trains on what can be told by ear, in a folder of its own or the one before."""
    on(cohort)
    train, config = {
        "finetune": (finetune, finetune_config(experiment_name="run")),
        "pretrain": (pretrain, pretrain_config(experiment_name="run")),
    }[request.param]
    directory = config.output_dir / "run"

    def run(watch=lambda epoch, val, directory: None, *, resume=False):
        recorder = Recorder()
        with contextlib.suppress(EndedEarly):
            train(
                config, tracker=recorder, watch=partial(watch, directory=directory), resume=resume
            )
        return recorder, directory

    return run


def test_the_watcher_sees_what_the_tracker_is_told(trained):
    seen = {}

    recorder, _ = trained(lambda epoch, val, directory: seen.update({epoch: val}))

    told = [values for _, values in recorder.rows if "epoch" in values]
    assert list(seen) == [row["epoch"] for row in told] == [1, 2]
    for row in told:
        scores = {name: value for name, value in row.items() if name.startswith("val/")}
        assert seen[row["epoch"]] == scores


def test_an_epoch_is_written_before_it_is_shown(trained):
    """So that what is ended there can be gone on with."""
    there = []

    def watch(epoch, val, directory):
        there.append([(directory / name).exists() for name in (STATE, "best_model.pt")])

    trained(watch)

    assert there == [[True, True], [True, True]]


def test_a_run_that_was_ended_stands_as_interrupted_and_goes_on_to_the_same_end(trained):
    def enough(epoch, val, directory):
        raise EndedEarly(f"seen enough after {epoch}")

    ended, directory = trained(enough)

    assert ended.outcome.status == "interrupted"
    assert [values["epoch"] for _, values in ended.rows if "epoch" in values] == [1]
    assert (directory / STATE).exists()
    assert not (directory / METRICS).exists()
    log = (directory / "train.log").read_text()
    assert "ended early: seen enough after 1" in log
    assert "Traceback" not in log

    resumed, _ = trained(resume=True)
    bits = (directory / "best_model.pt").read_bytes()
    assert resumed.outcome.status == "completed"
    assert [values["epoch"] for _, values in resumed.rows if "epoch" in values] == [2]

    trained()  # the earlier run is set aside

    assert (directory / "best_model.pt").read_bytes() == bits
