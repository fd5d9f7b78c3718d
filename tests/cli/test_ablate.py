"""`pahcl ablate`: what it would do, what it does, and what is wrong with a command."""

import json
import signal

import pytest

from pahcl_core.data.synthetic_physionet2016 import write_synthetic_physionet2016
from support.cli_process import start
from support.forked import run

SHARP = "objective.temperature=0.02"
CONTRASTIVE = (
    "--set", "objective.cycle_weight=1", "--set", "objective.substructure_weight=0.5",
    "--set", "objective.prediction_weight=0", "--set", "objective.anchor_weight=0",
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Thirty recordings, as `--data` takes them."""
    root = tmp_path_factory.mktemp("ablated") / "physionet2016"
    write_synthetic_physionet2016(root, num_recordings=30, seed=2, duration_s=(3.0, 3.5))
    return ("--data", f"physionet2016={root}")


@pytest.fixture
def options(data, small_options, tmp_path):
    return (
        *data, "--seeds", "1", "--epochs", "1", "--device", "cpu", "--output-dir", str(tmp_path),
        *small_options, *CONTRASTIVE,
    )  # fmt: skip


def test_the_axes_are_listed(cli):
    shown, told = cli("ablate", "--list"), cli("ablate", "--list", "--json")

    assert "temperature: How sharp" in shown.stdout
    assert "  0.05  objective.temperature=0.05\n" in shown.stdout
    axes = {axis["name"]: axis for axis in json.loads(told.stdout)["axes"]}
    assert axes["temperature"]["variants"]["temperature=0.2"] == ["objective.temperature=0.2"]


def test_a_dry_run_shows_the_runs_and_writes_nothing(cli, options, tmp_path):
    asked = ("ablate", "positives", "--vary", SHARP + ",0.1", "--dry-run", *options)

    shown, told = cli(*asked), cli(*asked, "--json")

    assert shown.exit_code == 0, shown.stderr
    assert [SHARP + "/seed_42", "to", "do", SHARP] in map(str.split, shown.stdout.splitlines())
    assert "base is positives=same_recording, objective.temperature=0.1" in shown.stdout
    assert "4 pretrainings and 1 encoders with random weights, probed on phys" in shown.stdout
    assert [one["name"] for one in json.loads(told.stdout)["runs"]] == [
        "random/seed_42", "base/seed_42", "positives=same_person/seed_42",
        "positives=same_cycle/seed_42", f"{SHARP}/seed_42",
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_crossed_variants_are_every_combination(cli, options):
    told = cli(
        "ablate", "positives", "--vary", SHARP + ",0.2", "--cross", "--dry-run", "--json", *options
    )

    runs = json.loads(told.stdout)["runs"]
    assert [one["settings"] for one in runs[2:]] == [
        ["objective.positives=same_recording", SHARP],
        ["objective.positives=same_recording", "objective.temperature=0.2"],
        ["objective.positives=same_person", SHARP],
        ["objective.positives=same_person", "objective.temperature=0.2"],
        ["objective.positives=same_cycle", SHARP],
        ["objective.positives=same_cycle", "objective.temperature=0.2"],
    ]


def test_two_variants_end_in_one_table(cli, options, tmp_path):
    """The second time nothing is done, and a machine is told the same."""
    asked = ("ablate", "--vary", SHARP, "--experiment-name", "sharpness", *options)

    shown = cli(*asked)
    told = cli(*asked, "--json")

    assert shown.exit_code == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0].split() == [
        "task", "variant", "n", "seeds", "AUROC", "from", "base", "[95", "%]", "p", "better",
        "s/run",
    ]  # fmt: skip
    assert [line.split()[:5] for line in lines[1:4]] == [
        ["physionet2016", variant, "30", "recordings", "1"] for variant in ("base", SHARP, "random")
    ]
    assert "The patients are SYNTHETIC" in shown.stdout
    assert lines[-1] == f"in {tmp_path}/sharpness/: ablation.json, ablation.csv"
    content = json.loads(told.stdout)
    sharp = content["rows"][1]
    apart = sharp["difference"]
    assert f"{sharp['mean']:.3f}" in lines[2]
    assert f"{apart['difference']:+.3f} [{apart['low']:+.3f}, {apart['high']:+.3f}]" in lines[2]
    assert content == json.loads((tmp_path / "sharpness/ablation.json").read_text())
    assert "epoch" in shown.stderr
    assert "epoch" not in told.stderr
    journal = (tmp_path / f"sharpness/{SHARP}/seed_42/journal.jsonl").read_text()
    described = json.loads(journal.splitlines()[0])["run"]
    assert (described["group"], described["job_type"]) == ("sharpness", "ablation")
    assert described["name"] == f"{SHARP}/seed_42"


def test_a_run_that_fails_is_an_exit_code(cli, options):
    done = cli("ablate", "--vary", "optimiser.lr=1e30", *options)

    assert done.exit_code == 1
    assert "optimiser.lr=1e+30, physionet2016: no run was completed" in done.stdout
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: optimiser.lr=1e+30/seed_42 failed: ")
    assert "became nan in epoch 1" in last
    assert last.endswith("ablation/train.log)")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["temprature"], ["'temprature'", "'temperature'?", "levels, encoder", "--vary"]),
        ([], ["no axis given", "pahcl ablate --list"]),
        (["--vary", "objective.temperature"], ["--vary 'objective.temperature'", "key=value"]),
        (["--vary", "objective.temprature=1"], ["no setting 'objective.temprature'", "did you"]),
        (["--vary", "objective.hidden_s=1"], ["would change nothing", "prediction_weight"]),
        (["encoder"], ["is of no size", "--set encoder.size=tiny"]),
    ],
)
def test_mistakes(cli, options, tmp_path, arguments, parts):
    done = cli("ablate", *arguments, *options)

    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line
    assert list(tmp_path.iterdir()) == []


def test_without_data_it_says_how_to_get_some(cli):
    done = cli("ablate", "temperature")

    assert done.exit_code == 2
    assert "pahcl ablate levels --collection circor --data-dir data/synthetic" in done.stderr


@pytest.mark.slow
def test_killed_and_begun_again(data, small_options, tmp_path):
    """Ctrl-C says how to go on, SIGKILL cannot: either way it is the same command."""
    asked = (
        "ablate", "--vary", SHARP, *data, "--seeds", "1", "--epochs", "12", "--device", "cpu",
        *small_options, *CONTRASTIVE,
    )  # fmt: skip
    whole = run(tmp_path, *asked, "--output-dir", "whole", timeout_s=600)
    assert whole.returncode == 0, whole.stderr

    codes = []
    for one in (signal.SIGINT, signal.SIGKILL):
        process = start(tmp_path, *asked, "--output-dir", "cut")
        for line in process.stderr:
            if "best" in line:  # an epoch is over
                break
        process.send_signal(one)
        _, said = process.communicate(timeout=600)
        codes.append(process.returncode)
        if one is signal.SIGINT:
            assert "with 1 of 3 runs done: the same command goes on from there" in said
    again = run(tmp_path, *asked, "--output-dir", "cut", timeout_s=600)

    assert codes == [130, -signal.SIGKILL]
    assert again.returncode == 0, again.stderr

    def table(text):  # without the time that it took
        return [line.split()[:-1] for line in text.splitlines()[:4]]

    assert table(again.stdout) == table(whole.stdout)
    best = f"ablation/{SHARP}/seed_42/best_model.pt"
    assert (tmp_path / "cut" / best).read_bytes() == (tmp_path / "whole" / best).read_bytes()
