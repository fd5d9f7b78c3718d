"""Several collections pretrained on together: their people kept apart, their cycles as one set."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pahcl_core.data.circor import read_circor
from pahcl_core.data.splits import SIDES, split_everyone
from pahcl_core.data.synthetic_folder import write_synthetic_folder
from pahcl_core.data.synthetic_pascal import write_synthetic_pascal
from pahcl_core.errors import DataError
from pahcl_core.training.checkpoint import load_checkpoint
from pahcl_core.training.cohorts import read_cohorts
from pahcl_core.training.finetune import finetune
from pahcl_core.training.people import read_cohort
from pahcl_core.training.pretrain import pretrain
from pahcl_core.training.pretraining import Pretraining
from pahcl_core.training.settings import ScheduleConfig, SplitConfig

SHORT = {"duration_s": (3.0, 3.5)}


def unwatched(items, total):
    return items


@pytest.fixture(scope="module")
def three(circor, tmp_path_factory):
    """Three synthetic collections, whose folder has people of the numbers 1 to 8."""
    root = tmp_path_factory.mktemp("three")
    write_synthetic_pascal(root / "pascal", num_recordings=26, seed=3, **SHORT)
    write_synthetic_folder(root / "own", num_subjects=8, seed=2, **SHORT)
    return {
        "circor": circor,
        "folder:clinic_a": root / "own",
        "pascal": root / "pascal",
    }


@pytest.fixture(scope="module")
def config(three, pretrain_config):
    """Settings of a pretraining on all three, with a store that keeps them prepared."""
    return pretrain_config(data=three)


@pytest.fixture(scope="module")
def cohorts(config):
    return read_cohorts(config, unwatched)


def test_every_collection_has_the_split_of_a_fine_tuning(cohorts, three, finetune_config):
    """And its validation and test persons take no part."""
    for name in ("circor", "pascal"):
        task = "circor_murmur" if name == "circor" else name
        tuning = read_cohort(finetune_config(task=task, data_dir=three[name]), unwatched).split

        split = cohorts.by_name[name].split
        assert set(tuning.train) <= set(split.train)
        assert (split.val, split.test) == (tuning.val, tuning.test)
        assert {*cohorts.train[name], *cohorts.val[name]} <= set(split.train)
    people = read_circor(three["circor"]).subjects
    expected = split_everyone(people, labels=("murmur", "outcome"), seed=42)
    assert cohorts.by_name["circor"].split == expected


@pytest.mark.parametrize("train_on", ["train", "all"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.tuples(*[st.integers(3, 14)] * 3),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 2**32),
)
def test_no_person_is_on_two_sides(
    pretrain_config, make_cohort, make_cohorts, train_on, sizes, share, seed
):
    """Each collection is dealt out on its own, and completely."""
    config = pretrain_config(train_on=train_on, validation_share=share, seed=seed)
    names = ("circor", "folder:a", "pascal")
    cohorts = make_cohorts(
        config,
        **{n: make_cohort(train=("Absent",) * size) for n, size in zip(names, sizes, strict=True)},
    )

    for name, size in zip(names, sizes, strict=True):
        allowed = size if train_on == "train" else size + 6
        train, val = cohorts.train[name], cohorts.val[name]
        assert sorted((*train, *val)) == [f"{number:03}" for number in range(allowed)]
        wanted = min(max(share * allowed, 1), allowed - 1)
        assert abs(len(val) - wanted) <= 0.5 + 1e-9
    assert not set(cohorts.persons(cohorts.train)) & set(cohorts.persons(cohorts.val))
    chosen = [cohorts.cycles_of(side) for side in (cohorts.train, cohorts.val)]
    assert not set(chosen[0].tolist()) & set(chosen[1].tolist())
    for side, cycles in zip((cohorts.train, cohorts.val), chosen, strict=True):
        assert len(cycles) == 8 * sum(len(numbers) for numbers in side.values())


def test_cycles_of_one_collection_follow_those_of_another(cohorts, three):
    """Every recording's samples and cycles are those it has alone, under a name of its own."""
    cycles = cohorts.cycles
    assert list(cohorts.by_name) == sorted(three)
    seen = 0
    for place, (name, cohort) in enumerate(cohorts.by_name.items()):
        alone = cohort.cycles
        for number, recording in enumerate(alone.recordings):
            joint = seen + number
            assert cycles.recordings[joint].recording_id == f"{name}/{recording.recording_id}"
            assert cycles.recordings[joint].subject_id == f"{name}/{recording.subject_id}"
            start, stop = cycles.offsets[joint : joint + 2]
            first, last = alone.offsets[number : number + 2]
            np.testing.assert_array_equal(cycles.samples[start:stop], alone.samples[first:last])
            np.testing.assert_array_equal(
                cycles.bounds[cycles.recording == joint] - start,
                alone.bounds[alone.recording == number] - first,
            )
            assert set(cohorts.collection[cycles.recording == joint]) == {place}
        seen += len(alone.recordings)
    assert seen == len(cycles.recordings)
    assert len(cycles.offsets) == seen + 1


def test_the_signals_of_a_single_collection_stay_where_they_are(circor, pretrain_config):
    """Mapped from the store, not copied."""
    cohorts = read_cohorts(pretrain_config(data_dir=circor), unwatched)

    assert np.shares_memory(cohorts.cycles.samples, cohorts.by_name["circor"].cycles.samples)


def test_the_order_in_which_collections_are_given_is_no_setting(config, three):
    other = read_cohorts(replace(config, data=dict(reversed(three.items()))), unwatched)

    assert list(other.by_name) == sorted(three)


@pytest.fixture(scope="module")
def done(config, silent):
    """A pretraining on all three."""
    return pretrain(replace(config, weights={"pascal": 3.0}), tracker=silent)


def test_persons_are_known_to_a_fine_tuning_of_any_of_the_collections(
    done, config, cohorts, three, finetune_config, silent, caplog
):
    """With its split nobody it tests on is; with another seed some are, and it says so."""
    checkpoint = load_checkpoint(done.checkpoint)
    kinds = {person.rsplit(":", 1)[0] for person in checkpoint.persons}
    assert kinds == set(three)
    one_epoch = ScheduleConfig(epochs=1, batch_size=16, cycles_per_recording=1)
    for seed, known in ((42, False), (3, True)):
        tuning = finetune_config(
            task="pascal", data_dir=three["pascal"], pretrained=done.checkpoint, seed=seed,
            training=one_epoch, store=config.prepared,
        )  # fmt: skip
        caplog.clear()
        metrics = finetune(tuning, tracker=silent).metrics

        test = read_cohort(tuning, unwatched)
        persons = {f"pascal:{s.person_id}" for s in test.subjects(test.split.test)}
        expected = len(persons & set(checkpoint.persons))
        assert metrics["test_persons_seen_in_pretraining"] == expected
        assert (expected > 0) == known
        assert any("not one of unseen persons" in line for line in caplog.messages) == known


def test_a_fine_tuning_takes_its_part_of_the_split(done, three, finetune_config, pretrain_config):
    """And another pretraining takes all parts, whatever its seed."""
    file = SplitConfig(file=done.directory / "splits.json")
    written = json.loads(file.file.read_text())
    tuning = finetune_config(task="pascal", data_dir=three["pascal"], seed=9, split=file)

    split = read_cohort(tuning, unwatched).split
    again = read_cohorts(pretrain_config(data=three, seed=9, split=file), unwatched)

    assert list(split.test) == written["pascal"]["test"]
    assert set(written) == set(three)
    for name, part in written.items():
        assert set(part) == {*SIDES, "pretrain_val"}
        assert [list(getattr(again.by_name[name].split, s)) for s in SIDES] == [
            part[s] for s in SIDES
        ]


def test_a_split_without_one_of_the_collections_is_refused(done, three, pretrain_config):
    file = SplitConfig(file=done.directory / "splits.json")
    config = pretrain_config(data={"folder:other": three["folder:clinic_a"]}, split=file)

    with pytest.raises(DataError, match="no split of folder:other, but of: circor, folder:clinic"):
        read_cohorts(config, unwatched)


def test_what_was_used_of_each_is_counted(done, cohorts):
    """Against plain counts over the cycles."""
    metrics = done.metrics
    assert set(metrics["collections"]) == set(cohorts.by_name)
    for name, found in metrics["collections"].items():
        own = cohorts.by_name[name].cycles
        for side, numbers in (("train", cohorts.train[name]), ("val", cohorts.val[name])):
            of = [r for r in range(len(own.recordings)) if own.recordings[r].subject_id in numbers]
            assert found["n_recordings"][side] == len(of)
            assert found["n"][side] == sum(int((own.recording == one).sum()) for one in of)
            persons = {s.person_id for s in cohorts.by_name[name].subjects(numbers)}
            assert found["n_persons"][side] == len(persons)
        assert found["provenance"] == "synthetic"
        assert found["not_used"] == len(cohorts.by_name[name].problems)
    for side in ("train", "val"):
        total = sum(found["n"][side] for found in metrics["collections"].values())
        assert metrics["n"][side] == total
    assert metrics["not_used"] == sum(f["not_used"] for f in metrics["collections"].values())


def test_one_synthetic_collection_makes_the_result_synthetic(
    pretrain_config, make_cohort, make_cohorts
):
    real = make_cohort()
    real = replace(real, collection=replace(real.collection, provenance="real"))
    config = pretrain_config()

    assert make_cohorts(config, circor=real, pascal=real).provenance == "real"
    both = make_cohorts(config, circor=real, pascal=make_cohort())
    assert both.provenance == "synthetic"
    assert [part["provenance"] for part in both.account().values()] == ["real", "synthetic"]


def test_the_validation_loss_of_each_collection_is_that_of_its_cycles(
    pretrain_config, make_cohort, make_cohorts
):
    """As a learner has it that knows nothing of the others; of one collection there is none."""
    six = ("Absent", "Present", "Unknown") * 2
    config = pretrain_config(validation_share=0.5)
    parts = {"circor": make_cohort(train=six, seed=1), "folder:a": make_cohort(train=six, seed=2)}
    torch.manual_seed(0)
    both = Pretraining(config, torch.device("cpu"), make_cohorts(config, **parts))
    scores = both.validate()

    assert {name for name in scores if name.startswith("val/loss/")} == {
        "val/loss/circor", "val/loss/folder_a",
    }  # fmt: skip
    only = both.cohorts.cycles_of({"folder:a": both.cohorts.val["folder:a"]})
    both.val_cycles = only
    assert both.validate()["val/loss"] == scores["val/loss/folder_a"]
    torch.manual_seed(0)
    first = Pretraining(
        config, torch.device("cpu"), make_cohorts(config, circor=parts["circor"])
    ).validate()
    assert not any(name.startswith("val/loss/") for name in first)
    assert first["val/loss"] == pytest.approx(scores["val/loss/circor"], rel=1e-5)


def test_weights_change_what_is_drawn(pretrain_config, make_cohort, make_cohorts, mocker):
    """In the cycles that the loss is given: three times as often, and as many in all."""
    drawn = {}
    six = ("Absent", "Present", "Unknown") * 2
    for weight in (1.0, 3.0):
        data = {"circor": Path("a"), "pascal": Path("b")}
        config = pretrain_config(data=data, weights={"pascal": weight})
        both = make_cohorts(config, circor=make_cohort(train=six), pascal=make_cohort(train=six))
        mocker.patch("pahcl_core.training.pretrain.read_cohorts", return_value=both)
        loss = mocker.spy(Pretraining, "loss")
        pretrain(config, tracker=mocker.Mock())
        cycles = np.concatenate([call.args[1] for call in loss.mock_calls]) % len(both.cycles)
        drawn[weight] = np.bincount(both.collection[cycles]).tolist()
        mocker.stopall()

    assert drawn[1.0] == [40, 40]  # two epochs, five persons, two recordings, two cycles of each
    assert drawn[3.0] == [20, 60]


@pytest.mark.parametrize("before", [1, 9])
def test_a_run_on_several_is_resumed_to_the_bit(config, silent, tmp_path, before):
    """With weights that draw cycles again, stopped within the first epoch and the second."""
    weighted = replace(
        config, weights={"pascal": 6.0}, store=config.prepared, experiment_name="run",
        training=ScheduleConfig(epochs=2, batch_size=16, cycles_per_recording=2),
    )  # fmt: skip
    left = before

    def interrupted(items, total):
        nonlocal left
        for item in items:
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            yield item

    results = []
    for folder in (tmp_path / "whole", tmp_path / "cut"):
        settled = replace(weighted, output_dir=folder)
        if folder.name == "cut":
            with pytest.raises(KeyboardInterrupt):
                pretrain(settled, tracker=silent, progress=interrupted)
        results.append(pretrain(settled, tracker=silent, resume=folder.name == "cut"))

    whole, cut = results
    assert cut.metrics == whole.metrics
    for name in ("best_model.pt", "splits.json", "final_metrics.json"):
        assert (cut.directory / name).read_bytes() == (whole.directory / name).read_bytes()


def test_too_few_people_to_deal_out_are_refused(pretrain_config, make_cohort, make_cohorts):
    """Four where there is one collection, two in each of several."""
    config = pretrain_config()
    three = make_cohort(train=("Absent",) * 3)
    with pytest.raises(
        DataError,
        match=r'^circor: too few .*: 3 persons, where there must be at least 4; train_on = "all"',
    ):
        make_cohorts(config, circor=three)

    one = make_cohort(train=("Absent",))
    with pytest.raises(DataError, match=r"^pascal: too few .*: 1 person, where .* at least 2; "):
        make_cohorts(config, circor=three, pascal=one)
    assert len(make_cohorts(config, circor=three, pascal=three).val["pascal"]) == 1
    everyone = make_cohorts(replace(config, train_on="all"), circor=one)
    assert len({*everyone.train["circor"], *everyone.val["circor"]}) == 7


def test_who_has_no_cycles_is_not_dealt_out(pretrain_config, make_cohort, make_cohorts):
    """They would be counted, and nothing be learnt of them."""
    cohort = make_cohort()
    cycles = cohort.cycles
    heard = cycles.recording >= 2  # the first person's two recordings have none
    without = replace(
        cycles,
        recordings=cycles.recordings[2:],
        sources=cycles.sources[2:],
        offsets=cycles.offsets[2:],
        recording=cycles.recording[heard] - 2,
        bounds=cycles.bounds[heard],
    )

    cohorts = make_cohorts(pretrain_config(), circor=replace(cohort, cycles=without))

    assert sorted((*cohorts.train["circor"], *cohorts.val["circor"])) == [
        "001", "002", "003", "004", "005",
    ]  # fmt: skip


def test_nothing_is_prepared_before_all_collections_were_read(three, pretrain_config, tmp_path):
    shutil.copytree(three["pascal"], tmp_path / "pascal")
    (tmp_path / "pascal" / "set_a.csv").unlink()
    config = pretrain_config(data={**three, "pascal": tmp_path / "pascal" / "nowhere"})

    with pytest.raises(DataError, match="nowhere does not exist"):
        read_cohorts(config, unwatched)

    assert not config.prepared.exists()
