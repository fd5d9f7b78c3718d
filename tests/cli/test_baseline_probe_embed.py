"""`pahcl baseline`, `probe` and `embed`, from a collection on disk to what is printed."""

import json

import numpy as np
import pytest
import torch

from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.models.encoder import Encoder, EncoderConfig
from pahcl_core.training.checkpoint import Checkpoint, save_checkpoint

ONE_CORE = ("--num-workers", "1")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Enough of them for folds."""
    root = tmp_path_factory.mktemp("people") / "circor"
    write_synthetic_circor(root, num_patients=40, seed=1, duration_s=(3.0, 3.2))
    return root


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Shared, so that recordings are prepared once."""
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Random weights."""
    torch.manual_seed(0)
    config = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024)
    path = tmp_path_factory.mktemp("model") / "best_model.pt"
    checkpoint = Checkpoint(
        kind="pretrain", encoder_config=config,
        encoder=Encoder(config, sample_rate=500).state_dict(),
        signal=SignalConfig(sample_rate=500, high_hz=200.0), heads={}, epoch=1, step=1,
    )  # fmt: skip
    save_checkpoint(path, checkpoint)
    return path


def test_baseline_says_what_came_out(cli, people, outputs):
    result = cli(
        "baseline", "log_mel", "circor_outcome", "--data-dir", people, "--output-dir", outputs,
        "--set", "signal.sample_rate=500", "--set", "signal.high_hz=200", *ONE_CORE,
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    run = outputs / "circor_outcome_log_mel_logistic"
    final = json.loads((run / "final_metrics.json").read_text())
    assert f"{final['n']['test']} test patients" in result.output
    assert "SYNTHETIC data, log_mel and logistic" in result.output
    low, high = final["intervals"]["test"]["auroc"]
    shown = f"{final['test_auroc']:.3f} (95 % {low:.3f} to {high:.3f})"
    assert f"  {'auroc':<20} {shown}\n" in result.output
    assert {"config.toml", "predictions.csv", "splits.json"} <= {p.name for p in run.iterdir()}


def test_a_model_that_was_exported_embeds_as_before(cli, people, outputs, model, tmp_path):
    """Named by its run's folder, and then by the file."""
    exported = cli("export", model.parent, "--to", tmp_path / "model.safetensors")
    assert exported.exit_code == 0, exported.output
    assert f"{tmp_path / 'model.safetensors'}: 0." in exported.output

    rows = []
    for number, one in enumerate((model.parent, tmp_path / "model.safetensors")):
        out = tmp_path / f"{number}.npz"
        result = cli("embed", one, "--out", out, "--data-dir", people, "--output-dir", outputs)
        assert result.exit_code == 0, result.output
        rows.append(np.load(out)["embedding"])

    assert np.array_equal(*rows)


def test_baseline_can_be_compared_with_others(cli, people, outputs):
    for model in ("logistic", "boosting"):
        result = cli(
            "baseline", "mfcc", "circor_outcome", "--model", model, "--data-dir", people,
            "--output-dir", outputs, "--set", "signal.sample_rate=500",
            "--set", "signal.high_hz=200", "--set", "split.train=0.5", "--set", "split.val=0.1",
            "--set", "split.test=0.4", *ONE_CORE,
        )  # fmt: skip
        assert result.exit_code == 0, result.output

    names = [outputs / f"circor_outcome_mfcc_{model}" for model in ("logistic", "boosting")]
    compared = cli("runs", "compare", *names)

    assert compared.exit_code == 0, compared.output
    assert "auroc" in compared.output


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["log_mels", "circor_murmur"], 2, "did you mean 'log_mel'?"),
        (["log_mel", "circor_murmurs"], 2, "did you mean 'circor_murmur'?"),
        (["log_mel", "circor_murmur", "--model", "tree"], 2, "must be one of 'logistic'"),
        (["log_mel", "circor_murmur", "--set", "spectrum.num_mels=999"], 2, "too narrow"),
    ],
)
def test_baseline_refuses_what_makes_no_sense(cli, people, arguments, code, said):
    result = cli("baseline", *arguments, "--data-dir", people)

    assert result.exit_code == code
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_baseline_help_names_the_other_baselines(cli):
    shown = " ".join(cli("baseline", "--help").output.split())

    assert "pahcl finetune TASK --data-dir DIR --set encoder.name=resnet34_1d" in shown


@pytest.mark.parametrize(
    ("method", "name"),
    [("linear", "balanced_accuracy"), ("knn", "balanced_accuracy"), ("anomaly", "auroc")],
)
def test_probe_prints_scores_with_intervals(cli, model, people, outputs, method, name):
    arguments = (
        "probe", model, "circor_outcome", "--method", method, "--data-dir", people,
        "--output-dir", outputs, "--device", "cpu", *ONE_CORE,
    )  # fmt: skip
    told, said = json.loads(cli(*arguments, "--json").stdout), cli(*arguments)

    assert told["n"] == sum(told["n_by_class"].values()) == 40
    one = told["scores"][name]
    assert one["low"] <= one["value"] <= one["high"]
    line = f"{one['value']:.3f}  [{one['low']:.3f}, {one['high']:.3f}]"
    assert f"circor_outcome, {method} probe in 5 folds by person: 40 patients" in said.output
    assert any(
        row.split()[0] == name and row.endswith(line) for row in said.output.splitlines()[1:]
    )
    assert told["persons_known"] == 0


def test_probe_needs_a_model_and_enough_people(cli, model, circor, outputs, tmp_path):
    lacking = cli("probe", tmp_path / "none.pt", "circor_outcome", "--data-dir", circor)
    few = cli(
        "probe", model, "circor_murmur", "--data-dir", circor, "--output-dir", outputs, *ONE_CORE
    )

    assert (lacking.exit_code, few.exit_code) == (1, 1)
    assert "none.pt: no such checkpoint" in lacking.stderr
    assert "5 folds need" in few.stderr


def test_embed_writes_rows_and_draws_them(cli, model, people, outputs, tmp_path):
    out, picture = tmp_path / "all.npz", tmp_path / "all.png"

    result = cli(
        "embed", model, "--data-dir", people, "--out", out, "--map", picture,
        "--output-dir", outputs, "--device", "cpu", *ONE_CORE,
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    with np.load(out, allow_pickle=False) as archive:
        rows = archive["embedding"]
    assert f"{out}: {len(rows)} recordings, 64 numbers each" in result.output
    assert picture.read_bytes()[1:4] == b"PNG"


@pytest.mark.parametrize(
    ("out", "more", "said"),
    [
        ("all.csv", (), "must end in .npz"),
        ("nowhere/all.npz", (), "there is no folder"),
        ("all.npz", ("--map", "all.jpg"), "must end in .png"),
    ],
)
def test_embed_refuses_names_before_it_begins(cli, tmp_path, out, more, said):
    result = cli(
        "embed", tmp_path / "none.pt", "--data-dir", tmp_path, "--out", tmp_path / out, *more
    )

    assert result.exit_code == 2
    assert said in result.stderr


def test_embed_refuses_a_label_before_anything_is_prepared(cli, model, people, tmp_path):
    out, store = tmp_path / "all.npz", tmp_path / "outputs"

    result = cli(
        "embed", model, "--data-dir", people, "--out", out, "--map", tmp_path / "all.png",
        "--label", "murmurs", "--output-dir", store, *ONE_CORE,
    )  # fmt: skip

    assert result.exit_code == 2
    assert "none of the collection's, did you mean 'murmur'?; labels: murmur, outc" in result.stderr
    assert not out.exists()
    assert not store.exists()


def test_folds_and_seeds_come_to_one_result(cli, people, outputs):
    """Which is listed as one run, compared with others, and checked."""
    options = (
        "circor_outcome", "--data-dir", people, "--output-dir", outputs / "folds",
        "--folds", "3", "--set", f"store={outputs / '.prepared'}",
        "--set", "signal.sample_rate=500", "--set", "signal.high_hz=200", *ONE_CORE,
    )  # fmt: skip
    result = cli("baseline", "log_mel", *options, "--seeds", "2")
    other = cli("baseline", "phase_bands", *options, "--seeds", "2")
    assert result.exit_code == other.exit_code == 0, result.output + other.output
    assert "40 patients" in result.output
    assert "6 runs: 3 folds, 2 seeds" in result.output
    assert "over seeds)" in result.output

    runs = [
        outputs / "folds" / f"circor_outcome_{name}_logistic_3folds"
        for name in ("log_mel", "phase_bands")
    ]
    listed = cli("runs", "list", outputs / "folds", "--json")
    assert [one["kind"] for one in json.loads(listed.output)["runs"]] == ["baseline"] * 2
    shown = cli("runs", "show", runs[0], "--check")
    assert shown.exit_code == 0, shown.output
    assert "auroc" in shown.output
    compared = cli("runs", "compare", *runs, "--metric", "auroc")
    assert "2 pairs of runs" in compared.output, compared.output
    again = cli("baseline", "log_mel", *options, "--seeds", "2")
    assert again.exit_code == 0, again.output


def test_a_single_run_goes_on_with_resume_and_folds_by_themselves(cli, people, outputs):
    result = cli(
        "finetune", "circor_outcome", "--data-dir", people, "--output-dir", outputs,
        "--folds", "3", "--resume", outputs / "x",
    )  # fmt: skip

    assert result.exit_code == 2
    assert "--folds and --seeds go on by themselves: leave out --resume" in result.output
