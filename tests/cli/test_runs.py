"""`pahcl runs`: lists, shows and compares what is in the files of runs."""

import json
import os
from pathlib import Path

import pytest

from pahcl_cli.runs_text import show_lines
from pahcl_core.evaluation.runs import RunSummary
from pahcl_core.metrics.bootstrap import NUM_RESAMPLES
from support.made_up_runs import made_up_answers, write_run


@pytest.fixture
def outputs(tmp_path):
    """Three runs of two methods, one damaged, one pretraining."""
    root = tmp_path / "outputs"
    labels, good = made_up_answers("circor_outcome", 24, seed=0, skill=2.0)
    _, poor = made_up_answers("circor_outcome", 24, seed=1, skill=0.5)
    write_run(
        root / "good", labels=labels, probabilities=good, group="g", tags=["t"],
        metrics={"test_auroc": 0.9, "test_cost": 12000.0,
                 "intervals": {"test": {"auroc": [0.8, 0.95], "cost": None}}},
    )  # fmt: skip
    write_run(
        root / "poor", labels=labels, probabilities=poor, config={"encoder": {"width": 8}},
        metrics={"test_auroc": 0.6, "test_cost": 9000.0},
    )  # fmt: skip
    pretrained = root / "pre"
    pretrained.mkdir()
    (pretrained / "final_metrics.json").write_text('{"task": "pretrain", "val_loss": 3.25}')
    (pretrained / "config.toml").write_text("seed = 5\n")
    broken = write_run(root / "sub" / "broken", labels=labels, probabilities=good)
    (broken / "final_metrics.json").write_text("{")
    return root


def listed(cli, *arguments):
    result = cli("runs", "list", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["runs"]


def test_list_tells_each_run(cli, outputs):
    runs = {one["name"]: one for one in listed(cli, outputs)}

    assert list(runs) == ["good", "poor", "pre", "sub/broken"]
    assert runs["good"] == {
        "name": "good",
        "directory": str(outputs / "good"),
        "task": "circor_outcome",
        "kind": "finetune",
        "state": "complete",
        "reason": None,
        "seed": 0,
        "metric": {"name": "test_auroc", "value": 0.9, "low": 0.8, "high": 0.95},
        "begun": "2026-11-18T11:06:40+00:00",
        "group": "g",
        "tags": ["t"],
    }
    assert runs["pre"]["metric"] == {"name": "val_loss", "value": 3.25, "low": None, "high": None}
    assert runs["sub/broken"]["state"] == "damaged"
    assert "final_metrics.json: is no JSON" in runs["sub/broken"]["reason"]


def test_list_for_people(cli, outputs):
    lines = cli("runs", "list", outputs).stdout.splitlines()

    assert lines[0].split() == [
        "run", "task", "state", "seed", "auroc", "begun", "(UTC)", "group,", "tags",
    ]  # fmt: skip
    assert "0.900 (0.800 to 0.950)  2026-11-18 11:06  g, t" in lines[1]
    assert "loss 3.250" in lines[3]
    assert lines[-1].startswith("sub/broken: damaged: ")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--task", "circor_outcome"], ["good", "poor"]),
        (["--task", "pretrain"], ["pre"]),
        (["--sort", "metric", "--task", "circor_outcome"], ["good", "poor"]),
        (["--sort", "metric", "--metric", "cost", "--task", "circor_outcome"], ["poor", "good"]),
        (["--sort", "state"], ["good", "poor", "pre", "sub/broken"]),
        (["--sort", "seed"], ["good", "poor", "pre", "sub/broken"]),
        (["--sort", "date"], ["pre", "good", "poor", "sub/broken"]),
    ],
)
def test_list_is_sorted_and_filtered(cli, outputs, options, names):
    (outputs / "pre" / "config.toml").touch()  # after the moment that the others give

    os.utime(outputs / "pre" / "config.toml", (1_800_000_000, 1_800_000_000))

    assert [one["name"] for one in listed(cli, outputs, *options)] == names


def test_list_of_what_is_not_there(cli, tmp_path):
    assert cli("runs", "list", tmp_path).stdout == f"no runs in {tmp_path}\n"
    assert listed(cli, tmp_path) == []
    result = cli("runs", "list", tmp_path / "nowhere")
    assert (result.exit_code, result.stderr) == (
        1,
        f"error: {tmp_path}/nowhere: cannot be read: No such file or directory\n",
    )
    result = cli("runs", "list", tmp_path, "--task", "circor_mumur")
    assert result.exit_code == 2
    assert "did you mean 'circor_murmur'" in result.stderr


def test_show_one_run(cli, outputs):
    result = cli("runs", "show", outputs / "good", "--json")

    shown = json.loads(result.stdout)
    assert shown["metrics"]["test_auroc"] == 0.9
    assert shown["config"]["encoder"] == {"width": 16}
    lines = cli("runs", "show", outputs / "good").stdout.splitlines()
    assert lines[0] == f"{outputs}/good: complete"
    assert "  encoder.width = 16" in lines


def test_show_checks_the_figures(cli, outputs):
    """Those made up do not follow from the answers made up, which is a failure."""
    result = cli("runs", "show", outputs / "good", "--check")

    assert result.exit_code == 1
    assert "test_auroc: 0.9 written, " in result.stdout


def test_show_refuses_what_is_damaged_or_not_there(cli, outputs):
    (outputs / "empty").mkdir()
    for name, message in (
        ("empty", "empty: is no run: it has neither settings, nor metrics, nor a journal"),
        ("sub/broken", "final_metrics.json: is no JSON"),
        ("nowhere", "nowhere: there is no such run"),
    ):
        result = cli("runs", "show", outputs / name)
        assert result.exit_code == 1
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
        assert message in result.stderr


def test_compare_two_runs(cli, outputs):
    result = cli("runs", "compare", outputs / "good", outputs / "poor", "--json")

    (found,) = json.loads(result.stdout)["comparisons"]
    assert (found["first"], found["second"], found["n_persons"]) == ("good", "poor", 24)
    area = found["metrics"]["auroc"]
    assert area["bootstrap"]["difference"] == pytest.approx(area["first"] - area["second"])
    assert area["bootstrap"]["low"] < area["bootstrap"]["difference"] < area["bootstrap"]["high"]
    assert 0 < area["bootstrap"]["p"] <= 1
    assert 1 / (NUM_RESAMPLES + 1) < area["delong"]["p"] < 1


def test_compare_for_people(cli, outputs):
    lines = cli(
        "runs", "compare", outputs / "good", outputs / "poor", "--metric", "auroc",
        "--metric", "cost",
    ).stdout.splitlines()  # fmt: skip

    assert lines[0] == "circor_outcome: good against poor, 1 pair of runs, 24 test persons"
    assert [line.split()[0] for line in lines[1:]] == ["metric", "auroc", "cost"]
    assert lines[1].index("difference") < lines[1].index(" p ") < lines[1].index("good")
    assert "DeLong" in lines[2]
    assert lines[3].startswith("cost ↓")


@pytest.mark.parametrize(
    ("names", "options", "code", "message"),
    [
        (["good"], [], 2, "one run cannot be compared; give at least two"),
        (["good", "good"], [], 2, "a run is given twice"),
        (["good", "pre"], [], 1, "pre: is no fine-tuning"),
        (["good", "sub/broken"], [], 1, "final_metrics.json: is no JSON"),
        (["good", "nowhere"], [], 1, "nowhere: there is no such run"),
        (["good", "poor"], ["--metric", "auc"], 2, "no metric named 'auc'"),
        (["good", "poor"], ["--by", "group"], 2, "poor: is in no group"),
    ],
)
def test_what_cannot_be_compared_is_one_line(cli, outputs, names, options, code, message):
    result = cli("runs", "compare", *(outputs / name for name in names), *options)

    assert result.exit_code == code
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_runs_of_one_method_need_to_be_told_apart(cli, outputs):
    labels, rows = made_up_answers("circor_outcome", 24, seed=3)
    again = write_run(outputs / "good2", labels=labels, probabilities=rows, config={"seed": 9})

    result = cli("runs", "compare", outputs / "good", again)
    assert result.exit_code == 2
    assert "all 2 runs are of one method by settings; compare them with --by run" in result.stderr
    result = cli("runs", "compare", outputs / "good", again, "--by", "run", "--metric", "f1")
    assert result.exit_code == 0
    assert result.stdout.startswith("circor_outcome: good against good2, 1 pair of runs")


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (
            {"threshold": 0.3125, "chosen_for": "val_youden", "value": 0.5},
            "Abnormal is said from a probability of 0.312 on, as youden chose on validation: "
            "val_youden 0.500",
        ),
        (
            {"threshold": None, "undefined": "nobody in validation is Abnormal"},
            "said is the most probable class: nobody in validation is Abnormal, so that youden "
            "chose nothing",
        ),
    ],
)
def test_show_tells_the_operating_point(told, line):
    row = {"num": 1, "recall": 1.0, "precision": 1.0, "f1": 1.0}
    metrics = {
        "classes": {"test": {"Normal": row, "Abnormal": row}},
        "confusion_matrix": {"test": [[1, 0], [0, 1]]},
        "operating_point": {"rule": "youden", "class": "Abnormal", **told},
    }
    run = RunSummary(directory=Path("r"), name="r", state="complete", metrics=metrics)

    assert f"  {line}" in list(show_lines(run))
