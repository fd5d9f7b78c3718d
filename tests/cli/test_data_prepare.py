"""`pahcl data prepare`: whole, in shards, and found again by a run."""

import json

import pytest


def test_a_run_finds_what_was_prepared(circor, cli, small_options, tmp_path):
    """Prepared with the same settings, so that nothing is left to do."""
    settings = [one for one in small_options if one.startswith(("signal.", "reading."))]
    chosen = [part for one in settings for part in ("--set", one)]
    outputs = tmp_path / "outputs"
    done = cli("data", "prepare", circor, "--output-dir", outputs, *chosen)
    assert done.exit_code == 0, done.output
    before = sorted(path.name for path in (outputs / ".prepared").iterdir())

    run = cli(
        "finetune", "circor_murmur", "--data-dir", circor, "--output-dir", outputs, *small_options
    )

    assert run.exit_code == 0, run.output
    assert sorted(path.name for path in (outputs / ".prepared").iterdir()) == before


def test_what_is_printed(circor, cli, tmp_path):
    """For a person and for a program; the counts are those of the files."""
    done = cli("data", "prepare", circor, "--store", tmp_path / "store")
    told = cli("data", "prepare", circor, "--store", tmp_path / "store", "--json")

    recordings = len(list(circor.rglob("*.wav")))
    about = json.loads(told.stdout)
    assert about["recordings"] == recordings
    assert about["sources"] == {"annotation": recordings}
    assert about["not_used"] == []
    assert done.stdout.splitlines()[0] == (
        f"{recordings} recordings of 16 subjects: {about['cycles']} cycles "
        f"({recordings} by annotation)"
    )
    assert "not used: 0" in done.stdout


def test_shares_and_their_merge(circor, cli, tmp_path):
    store = ("--store", tmp_path / "store")
    early = cli("data", "prepare", circor, *store, "--shard", "1/2")
    refused = cli("data", "prepare", circor, *store, "--merge")
    late = cli("data", "prepare", circor, *store, "--shard", "2/2")
    merged = cli("data", "prepare", circor, *store, "--merge", "--json")

    assert (early.exit_code, late.exit_code, merged.exit_code) == (0, 0, 0)
    assert refused.exit_code == 1
    assert "are not prepared with these settings" in refused.output
    assert "share 1/2: " in early.stdout
    assert json.loads(merged.stdout)["recordings"] == len(list(circor.rglob("*.wav")))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            ("--shard", "3/2"),
            "error: shard 3/2: the first number must lie between 1 and the second",
        ),
        (("--shard", "half"), "error: shard 'half': not of the form 2/8, the second of eight"),
        (("--shard", "1/2", "--merge"), "error: --shard and --merge: "),
        (("--set", "signal.low=3"), "error: settings: there is no setting 'signal.low'"),
    ],
    ids=["beyond", "form", "both", "key"],
)
def test_mistakes(circor, cli, tmp_path, options, complaint):
    done = cli("data", "prepare", circor, "--store", tmp_path / "store", *options)

    assert done.exit_code == 2
    assert complaint in done.output
    assert not (tmp_path / "store").exists()
