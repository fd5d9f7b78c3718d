"""A page about a run is saved with it, and nothing about it ends the run."""

import logging

import pytest

from pahcl_core.baselines.baseline import baseline
from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.training.run_report import save_report
from support.trackers import Recorder


def test_the_page_is_saved_as_a_report(tmp_path):
    tracker = Recorder()

    save_report(lambda directory: directory / "report.html", tmp_path, tracker)

    assert tracker.files == [(tmp_path / "report.html", "report")]


def test_without_anybody_to_make_one_there_is_none(tmp_path):
    tracker = Recorder()

    save_report(None, tmp_path, tracker)

    assert tracker.files == []


@pytest.mark.parametrize("error", [OSError("the disk is full"), ZeroDivisionError("by zero")])
def test_a_page_that_cannot_be_made_is_a_warning_that_says_why(tmp_path, caplog, error):
    tracker = Recorder()

    def make(directory):
        raise error

    with caplog.at_level(logging.WARNING):
        save_report(make, tmp_path, tracker)

    (record,) = caplog.records
    assert str(error) in record.getMessage()
    assert f"`pahcl report {tmp_path}` tries again" in record.getMessage()
    assert tracker.files == []


def test_ctrl_c_ends_it_like_everything_else(tmp_path):
    def make(directory):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_report(make, tmp_path, Recorder())


def test_a_run_whose_report_fails_is_complete(tmp_path, caplog):
    write_synthetic_circor(tmp_path / "circor", num_patients=16, seed=1, duration_s=(3.0, 3.5))
    config = BaselineConfig(
        task="circor_outcome",
        features="log_mel",
        data_dir=tmp_path / "circor",
        output_dir=tmp_path,
        signal=SignalConfig(sample_rate=500, high_hz=200),
    )
    there = []

    def make(directory):
        there.extend(path.name for path in directory.iterdir())
        raise RuntimeError("no luck")

    result = baseline(config, tracker=Recorder(), report=make)

    assert {"final_metrics.json", "predictions.csv"} <= set(there)
    assert result.metrics["n"]["test"] > 0
    assert "no report was made: no luck" in (result.directory / "train.log").read_text()
