"""An ablation on a small collection: what it makes, goes on with, and does not do twice."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pahcl_core.data.tasks import TASKS
from pahcl_core.errors import DataError, SettingError
from pahcl_core.models.encoder import Encoder, encoder_config
from pahcl_core.studies.ablation import ablate
from pahcl_core.studies.ablation_plan import describe_ablation_run, planned_ablation, state_of
from pahcl_core.studies.probing import load_probe, tasks_of
from pahcl_core.studies.study import Failure
from pahcl_core.studies.variants import Variant, varied
from pahcl_core.training.checkpoint import encoder_from, load_checkpoint
from pahcl_core.training.cohorts import read_cohorts
from pahcl_core.training.probe import linear_probe, recording_embeddings
from pahcl_core.training.windows import WindowSource
from pahcl_track import NullTracker, Session, read_history
from support.histories import history
from support.trackers import Recorder

TASK = TASKS["physionet2016"]
SHARP = "objective.temperature=0.02"


def carry_out(plan, **options):
    return ablate(
        plan,
        **{
            "tracker": NullTracker,
            "describe": lambda run: describe_ablation_run(plan, run),
            **options,
        },
    )


@pytest.fixture(scope="module")
def plan(base_config):
    return planned_ablation(base_config(), varied(SHARP), num_seeds=1)


@pytest.fixture(scope="module")
def recorders():
    return []


@pytest.fixture(scope="module")
def whole(plan, recorders):
    """An ablation that nothing happened to."""

    def tracker():
        recorders.append(Recorder())
        return Session({"recorder": recorders[-1]})

    return carry_out(plan, tracker=tracker)


def said_of(encoder, config):
    """What a probe says of an encoder, put together here."""
    cohort = read_cohorts(config, lambda items, total: items).by_name["physionet2016"]
    source = WindowSource(
        cohort.cycles, window_s=1.024, band_hz=(25.0, 200.0), device=torch.device("cpu")
    )
    found = linear_probe(
        *recording_embeddings(encoder, source, cohort), cohort, TASK, seed=config.seed
    )
    return found.probabilities


def test_each_run_is_probed_with_the_encoder_that_it_ended_with(plan, whole):
    run = plan.runs[1]
    path = run.directory / "best_model.pt"
    encoder = encoder_from(path, load_checkpoint(path), run.config.encoder)

    kept = load_probe(run.directory / "probe.json").said[TASK.name]

    assert run.name == f"{SHARP}/seed_7"
    assert np.array_equal(said_of(encoder, run.config), kept.probabilities)


def test_the_reference_is_an_encoder_as_its_seed_makes_it(plan, whole):
    run = plan.references[0]
    torch.manual_seed(7)
    encoder = Encoder(run.config.encoder, sample_rate=500)

    kept = load_probe(run.directory / "probe.json").said[TASK.name]

    assert run.name == "random/seed_7"
    assert np.array_equal(said_of(encoder, run.config), kept.probabilities)


def test_the_table_has_every_variant_against_the_base(whole):
    assert [row.variant for row in whole.rows] == ["base", SHARP, "random"]
    for row in whole.rows:
        assert list(row.by_seed) == [7]
        assert row.num_units == 30
    base, sharp, _ = whole.rows
    assert sharp.difference.difference == pytest.approx(sharp.mean - base.mean)
    assert whole.failures == {}
    assert whole.provenance == "synthetic"
    assert whole.seconds["random"] is None
    assert whole.seconds["base"] > 0


def test_both_files_say_what_the_table_says(plan, whole):
    content = json.loads((whole.directory / "ablation.json").read_text())
    with (whole.directory / "ablation.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))

    assert whole.directory == plan.base.output_dir / "study"
    assert content["seeds"] == [7]
    assert content["provenance"] == "synthetic"
    assert content["variants"][SHARP]["settings"] == [SHARP]
    assert content["base"]["training"]["epochs"] == 2
    for row, entry, line in zip(whole.rows, content["rows"], lines, strict=True):
        apart = row.difference
        assert (entry["variant"], entry["mean"]) == (row.variant, row.mean)
        assert entry["by_seed"] == {str(seed): area for seed, area in row.by_seed.items()}
        assert (line["variant"], float(line["auroc"])) == (row.variant, row.mean)
        assert line["low"] == ("" if apart is None else repr(apart.low))
        assert line["p"] == ("" if apart is None else repr(apart.p))
        assert entry["difference"] is None if apart is None else entry["difference"]["p"] == apart.p


def test_all_runs_are_in_one_group_with_their_probe(plan, whole, recorders):
    assert [one.run.name for one in recorders if one.run] == [run.name for run in plan.runs]
    told = [one for one in recorders if one.run]
    for one, run in zip(told, plan.runs, strict=True):
        assert (one.run.group, one.run.job_type) == ("study", "ablation")
        assert one.run.config["objective"]["temperature"] == run.config.objective.temperature
        assert one.run.directory == run.directory
        kept = load_probe(run.directory / "probe.json").said[TASK.name]
        assert one.outcome.status == "completed"
        assert one.outcome.summary["probe/physionet2016_auroc"] == kept.auroc(TASK)
        assert "best/val/loss" in one.outcome.summary


def test_what_is_complete_is_not_done_again(plan, whole, mocker):
    for name in ("pretrain", "probe"):
        mocker.patch(f"pahcl_core.studies.ablation_run.{name}", side_effect=AssertionError)
    mocker.patch("pahcl_core.studies.ablation.read_cohorts", side_effect=AssertionError)
    recorder = Recorder()

    again = carry_out(plan, tracker=lambda: recorder)

    assert again == whole
    assert recorder.calls == []
    assert {state_of(run) for run in plan.everything} == {"complete"}


class Interruptions:
    """Raises Ctrl-C once at each of several moments."""

    def __init__(self, mocker):
        self.left = ["base in an epoch", f"{SHARP} in a probe", "between runs"]
        self.told = ""
        real = linear_probe

        def probe(*args, **options):
            self.perhaps(f"{self.told} in a probe")
            return real(*args, **options)

        mocker.patch("pahcl_core.studies.probing.linear_probe", side_effect=probe)

    def perhaps(self, moment):
        if self.left[:1] == [moment]:
            self.left.pop(0)
            raise KeyboardInterrupt

    def tell(self, line):
        if line.startswith("3/3"):
            self.perhaps("between runs")
        self.told = line.split()[1].removesuffix("/seed_7")

    def progress(self, name):
        epochs = 0

        def show(items, total):
            nonlocal epochs
            epochs += total < 10  # the batches of an epoch, not recordings
            for number, item in enumerate(items):
                if epochs == 2 and number == 1:
                    self.perhaps(f"{self.told} in an epoch")
                yield item

        return show


def without_times(directory):
    with (directory / "ablation.csv").open(newline="") as stream:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(stream)]


def test_interrupted_wherever_it_ends_with_the_same_table(base_config, plan, whole, mocker):
    """In an epoch, in a probe, between two runs; to the bit, and with each value tracked once."""
    cut = planned_ablation(base_config(), varied(SHARP), num_seeds=1)
    interruptions = Interruptions(mocker)
    options = dict(
        tell=interruptions.tell, progress=interruptions.progress, tracker=lambda: Session({})
    )
    states = []
    while interruptions.left:
        with pytest.raises(KeyboardInterrupt):
            carry_out(cut, **options)
        states.append([state_of(run) for run in cut.everything])

    result = carry_out(cut, **options)

    assert [one.count("complete") for one in states] == [1, 2, 2]
    assert [one.count("begun") for one in states] == [1, 1, 1]
    assert result.rows == whole.rows
    assert without_times(result.directory) == without_times(whole.directory)
    for one, other in zip(cut.runs, plan.runs, strict=True):
        for name in ("best_model.pt", "probe.json"):
            mine, theirs = ((run.directory / name).read_bytes() for run in (one, other))
            if name == "probe.json":
                mine, theirs = ({**json.loads(x), "seconds": 0} for x in (mine, theirs))
            assert mine == theirs
        assert history(one.directory) == history(other.directory)
        assert read_history(one.directory).outcome.status == "completed"
        # Gone on with, not begun anew; who was interrupted did not take so long as it says.
        assert [path.name for path in one.directory.parent.iterdir()] == ["seed_7"]
        assert load_probe(one.directory / "probe.json").seconds is None


def test_a_run_that_fails_is_reported_and_the_others_go_on(base_config):
    base = base_config()
    base = replace(base, training=replace(base.training, epochs=1))
    plan = planned_ablation(base, varied("optimiser.lr=1e30"), num_seeds=1)

    result = carry_out(plan)

    (failure,) = result.failures.items()
    assert failure[0] == "optimiser.lr=1e+30/seed_7"
    assert "became nan in epoch 1" in failure[1].reason
    base_row, failed, random = result.rows
    assert base_row.mean is not None
    assert (failed.mean, failed.undefined) == (None, "no run was completed")
    assert failed.difference.undefined == "no seed was completed by both"
    assert random.difference.difference is not None
    content = json.loads((result.directory / "ablation.json").read_text())
    assert content["failures"] == {failure[0]: failure[1].reason}
    assert isinstance(failure[1], Failure)


def test_a_wrong_path_is_not_the_fault_of_a_run(base_config, tmp_path):
    plan = planned_ablation(
        base_config(data={"physionet2016": tmp_path / "nowhere"}), varied(SHARP), num_seeds=1
    )

    with pytest.raises(DataError, match="nowhere does not exist"):
        carry_out(plan)


def test_each_encoder_has_a_reference_of_its_own(base_config):
    base = base_config(encoder=encoder_config("cnn", "tiny"))
    variants = (
        *varied(SHARP),
        Variant(name="encoder=resnet34_1d", settings=("encoder.name=resnet34_1d",)),
        *varied("signal.high_hz=150"),
    )

    plan = planned_ablation(base, variants, num_seeds=1)

    assert [run.name for run in plan.references] == [
        "random/seed_7", "random,encoder=resnet34_1d/seed_7", "random,signal.high_hz=150/seed_7",
    ]  # fmt: skip
    assert plan.references[1].config.encoder == encoder_config("resnet34_1d", "tiny")


def test_tasks_are_those_of_the_collections(base_config, tmp_path):
    both = base_config(data={"circor": tmp_path / "c", "pascal": tmp_path / "p"})
    own = base_config(data={"folder:clinic": tmp_path})

    assert [one.name for one in tasks_of(both)] == ["circor_murmur", "circor_outcome", "pascal"]
    with pytest.raises(SettingError, match="folder:clinic: no task to probe; there are some of ci"):
        planned_ablation(own, varied(SHARP), num_seeds=1)


def test_a_task_with_too_few_is_left_out_with_the_reason(base_config, mocker):
    plan = planned_ablation(base_config(), varied(SHARP), num_seeds=1)
    mocker.patch(
        "pahcl_core.studies.probing.linear_probe", side_effect=DataError("physionet2016: 4 persons")
    )
    mocker.patch("pahcl_core.studies.ablation.carried_out", side_effect=_references_alone)

    result = carry_out(plan)

    assert [row.undefined for row in result.rows if row.variant == "random"] == [
        "physionet2016: 4 persons"
    ]
    kept = load_probe(plan.references[0].directory / "probe.json")
    assert kept.refused == {"physionet2016": "physionet2016: 4 persons"}


def _references_alone(runs, do, *, tell):
    return {
        run.name: do(run) if run.variant.name == "random" else Failure(reason="not now")
        for run in runs
    }


def test_a_damaged_probe_says_what_to_do(tmp_path):
    path = tmp_path / "probe.json"
    path.write_text('{"said": {}')

    with pytest.raises(DataError, match=r"probe.json: is damaged; remove it"):
        load_probe(path)
