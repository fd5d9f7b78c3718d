"""`pahcl runs clean` and `pahcl runs export`."""

import csv
import io
import json
import os

import pytest

from support.made_up_runs import made_up_answers, write_run


@pytest.fixture
def outputs(tmp_path):
    """Two complete runs of a task, the second of which is the poorer, and a pretraining."""
    root = tmp_path / "outputs"
    labels, rows = made_up_answers("circor_outcome", 24, seed=0)
    write_run(
        root / "good_one", labels=labels, probabilities=rows, group="g", tags=["a", "b"],
        metrics={"test_auroc": 0.9, "val_auroc": 0.8,
                 "intervals": {"test": {"auroc": [0.85, 0.95]}}},
    )  # fmt: skip
    write_run(
        root / "poor|one", labels=labels, probabilities=rows, tags=["a"],
        metrics={"test_auroc": 0.6, "val_auroc": 0.5, "test_cost": 12345.0},
    )  # fmt: skip
    pretrained = root / "pre"
    pretrained.mkdir()
    (pretrained / "final_metrics.json").write_text('{"task": "pretrain", "val_loss": 3.25}')
    (pretrained / "config.toml").write_text("seed = 5\n")
    for file in root.rglob("*.*"):
        os.utime(file, (1_700_000_000, 1_700_000_000))
    return root


def test_nothing_is_removed_without_yes(cli, outputs):
    shown = cli("runs", "clean", outputs, "--older-than", "30d")

    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["folder", "state", "runs", "untouched", "size"]
    assert lines[1].split()[:3] == [f"{outputs}/poor|one", "complete", "1"]
    assert "good_one stays: the best circor_outcome by val_auroc" in lines
    assert "pre stays: the best pretrain by val_loss" in lines
    assert lines[-1].startswith("1 run, 0.0 MiB may go; nothing was removed: add --yes")
    assert len(list(outputs.iterdir())) == 3


def test_with_yes_it_is(cli, outputs):
    told = json.loads(cli("runs", "clean", outputs, "--tag", "a", "--yes", "--json").stdout)

    assert told["removed"] == [f"{outputs}/poor|one"]
    assert told["kept"] == {"good_one": "the best circor_outcome by val_auroc"}
    assert told["problems"] == {}
    assert sorted(path.name for path in outputs.iterdir()) == ["good_one", "pre"]
    assert "nothing may go" in cli("runs", "clean", outputs, "--tag", "a").stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "say which runs: --older-than 30d, --state failed, --tag NAME"),
        (["--state", "faild"], "--state 'faild': no run stands so, did you mean 'failed'?"),
        (["--older-than", "30"], "--older-than '30': write it as 12h, 30d or 8w"),
        (["--older-than", "d"], "write it as 12h, 30d or 8w"),
    ],
)
def test_nobody_removes_everything_by_mistake(cli, outputs, options, message):
    result = cli("runs", "clean", outputs, *options, "--yes")

    assert result.exit_code == 2
    assert message in result.stderr
    assert len(list(outputs.iterdir())) == 3


def test_csv_holds_every_run_and_every_end(cli, outputs):
    text = cli("runs", "export", outputs, "--metric", "auroc", "--metric", "val_loss").stdout

    rows = {row["run"]: row for row in csv.DictReader(io.StringIO(text))}
    good = rows["good_one"]
    assert (good["test_auroc"], good["test_auroc_low"], good["test_auroc_high"]) == (
        "0.9", "0.85", "0.95",
    )  # fmt: skip
    assert (good["group"], good["tags"], good["state"], good["val_loss"]) == (
        "g", "a b", "complete", "",
    )  # fmt: skip
    assert rows["pre"]["val_loss"] == "3.25"
    assert rows["poor|one"]["test_auroc_low"] == ""


def test_markdown(cli, outputs):
    text = cli(
        "runs", "export", outputs, "--format", "markdown", "--task", "circor_outcome",
        "--metric", "auroc", "--metric", "cost",
    ).stdout  # fmt: skip

    assert text == (
        "| run | task | kind | seed | test_auroc | test_cost |\n"
        "| --- | --- | --- | ---: | ---: | ---: |\n"
        "| good_one | circor_outcome | finetune | 0 | 0.900 (0.850 to 0.950) | – |\n"
        "| poor\\|one | circor_outcome | finetune | 0 | 0.600 | 12345 |\n"
    )


def test_latex(cli, outputs):
    text = cli("runs", "export", outputs, "--format", "latex", "--task", "circor_outcome").stdout

    assert text.splitlines() == [
        r"\begin{tabular}{lllrr}",
        r"\hline",
        r"run & task & kind & seed & test\_auroc \\",
        r"\hline",
        r"good\_one & circor\_outcome & finetune & 0 & 0.900 (0.850 to 0.950) \\",
        r"poor|one & circor\_outcome & finetune & 0 & 0.600 \\",
        r"\hline",
        r"\end{tabular}",
    ]


def test_signs_that_mean_something_to_latex():
    from pahcl_cli.runs_export import _escaped

    assert _escaped(r"50% a_b & \c {d} ~ ^ # $ –") == (
        r"50\% a\_b \& \textbackslash{}c \{d\} \textasciitilde{} \textasciicircum{} \# \$ --"
    )


def test_a_metric_that_no_run_has(cli, outputs):
    result = cli("runs", "export", outputs, "--metric", "aurocc")

    assert result.exit_code == 2
    assert "no run here has a metric 'test_aurocc', did you mean 'test_auroc'?" in result.stderr
