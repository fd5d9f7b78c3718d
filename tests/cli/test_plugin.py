"""A tracker of somebody else's package, used by name."""

import csv
import json

from support.cli_process import run


def test_a_third_party_tracker_is_used_by_name(circor, small_options, installed_plugin, tmp_path):
    """Built, installed, and asked for: nothing of this repository knows it."""
    result = run(
        tmp_path, "finetune", "circor_murmur", "--data-dir", circor, "--epochs", "2",
        "--tracker", installed_plugin.name, *small_options,
        env={"PYTHONPATH": installed_plugin.environment["PYTHONPATH"]},
    )  # fmt: skip

    assert result.returncode == 0, result.stderr
    directory = tmp_path / "outputs/circor_murmur_finetune"
    final = json.loads((directory / "final_metrics.json").read_text())
    with (directory / "metrics.csv").open() as file:
        rows = list(csv.reader(file))
    (auroc,) = [value for _, name, value in rows if name == "test/auroc"]
    assert float(auroc) == final["test_auroc"]
    assert [value for _, name, value in rows if name == "epoch"] == ["1.0", "2.0"]
    assert rows[-1] == ["", "outcome", "completed"]


def test_it_is_listed_with_its_distribution(installed_plugin, tmp_path):
    result = run(
        tmp_path, "track", "list", env={"PYTHONPATH": installed_plugin.environment["PYTHONPATH"]}
    )

    line = next(line for line in result.stdout.splitlines() if line.startswith("csv"))
    assert line.split() == ["csv", "pahcl-tracker-csv", installed_plugin.version]
