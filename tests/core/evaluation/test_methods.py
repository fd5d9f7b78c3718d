"""Which runs are of one method, and which stand beside which."""

from dataclasses import replace

import numpy as np
import pytest

from pahcl_core.config import to_dict
from pahcl_core.errors import DataError, SettingError
from pahcl_core.evaluation.methods import methods_of, paired
from pahcl_core.evaluation.run_results import read_result
from pahcl_core.training.settings import FinetuneConfig
from support.made_up_runs import made_up_answers, write_run


@pytest.fixture
def make(tmp_path):
    """A run of 20 persons, the first of whom has the number `first`."""

    def made(name, *, seed=0, first=0, num=20, group=None, **changes):
        labels, rows = made_up_answers("circor_outcome", num, seed=seed)
        ids = [f"u{number}" for number in range(first, first + num)]
        if first % 2:
            labels = ["Abnormal" if one == "Normal" else "Normal" for one in labels]
        config = {"seed": seed, **changes.pop("config", {})}
        written = write_run(
            tmp_path / name, labels=labels, probabilities=rows, ids=ids, group=group,
            config=config, **changes,
        )  # fmt: skip
        return read_result(written)

    return made


def names(methods):
    return [(one.name, [run.run.name for run in one.runs]) for one in methods]


def test_settings_tell_methods_apart_but_for_seed_split_file_and_names(make):
    runs = [
        make("wide_seed1", seed=1, config={"experiment_name": "x", "split": {"file": "a"}}),
        make("narrow", seed=1, config={"encoder": {"width": 8}, "split": {"file": "b"}}),
        make("wide_seed2", seed=2, config={"output_dir": "o", "split": {"file": "b"}}),
    ]

    assert names(methods_of(runs, "settings")) == [
        ("wide", ["wide_seed1", "wide_seed2"]),
        ("narrow", ["narrow"]),
    ]
    assert names(methods_of(runs, "run"))[2] == ("wide_seed2", ["wide_seed2"])


def test_it_is_no_setting_where_anything_is(make, tmp_path):
    """Named as a fine-tuning's own settings are, whatever their names may become."""
    given = FinetuneConfig(task="circor_outcome", data_dir=tmp_path / "a", output_dir=tmp_path)
    moved = replace(
        given, data_dir=tmp_path / "b", output_dir=tmp_path / "c", store=tmp_path / "d",
        num_workers=3, seed=1, experiment_name="x",
    )  # fmt: skip

    runs = [make(f"run{n}", config=to_dict(one)) for n, one in enumerate((given, moved))]

    assert len(methods_of(runs, "settings")) == 1


def test_folds_with_an_encoder_for_each_are_of_one_method(make):
    """But not with encoders that are others, or of another fold than the run's."""

    def run(pretrained, fold):
        return make(
            f"{pretrained}_{fold}".replace("/", "_"),
            seed=fold,
            config={"pretrained": pretrained, "split": {"folds": 9, "fold": fold}},
        )

    one = [run(f"out/pretrain/fold_{fold}/best_model.pt", fold) for fold in (1, 2)]
    others = [run("other/fold_1/best_model.pt", 1), run("out/pretrain/fold_2/best_model.pt", 3)]

    assert [len(found.runs) for found in methods_of([*one, *others], "settings")] == [2, 1, 1]


def test_the_share_of_a_split_is_a_setting(make):
    runs = [make("a", config={"split": {"test": 0.2}}), make("b", config={"split": {"test": 0.3}})]

    assert len(methods_of(runs, "settings")) == 2


def test_a_group_is_a_method(make):
    runs = [make("a", group="g"), make("b", group="h"), make("c", group="g", seed=1)]

    assert names(methods_of(runs, "group")) == [("g", ["a", "c"]), ("h", ["b"])]
    with pytest.raises(SettingError, match="d: is in no group; give --by settings or --by run"):
        methods_of([*runs, make("d")], "group")


def test_methods_of_one_name_are_told_apart_by_their_folders(make, tmp_path):
    runs = [make("x/run"), make("y/run", config={"encoder": {"width": 8}})]

    assert [one.name for one in methods_of(runs, "settings")] == [
        f"run ({tmp_path}/x/run)",
        f"run ({tmp_path}/y/run)",
    ]


def two_methods(first, second):
    return [methods_of(runs, "group")[0] for runs in (first, second)]


def test_partners_have_the_same_seed_and_test_set(make):
    """Two folds of one seed: each finds its own, whichever comes first."""
    first = [make("a0", group="a"), make("a1", group="a", first=20), make("a2", group="a", seed=5)]
    second = [make("b1", group="b", first=20), make("b0", group="b"), make("b3", group="b", seed=6)]

    pairs, num_unpaired = paired(*two_methods(first, second))

    found = [(one.first.run.name, one.second.run.name) for one in pairs]
    assert found == [("a0", "b0"), ("a1", "b1"), ("a2", "b3")]  # the last ones are all that is left
    assert num_unpaired == 0
    assert [one.num_other for one in pairs] == [(0, 0)] * 3


def test_of_several_runs_left_none_is_paired(make):
    first = [make("a0", group="a"), make("a1", group="a", seed=1)]
    second = [make("b0", group="b"), make("b2", group="b", seed=2), make("b3", group="b", seed=3)]

    pairs, num_unpaired = paired(*two_methods(first, second))

    assert [(one.first.run.name, one.second.run.name) for one in pairs] == [("a0", "b0")]
    assert num_unpaired == 3
    with pytest.raises(DataError, match="no run of a has the seed of a run of b"):
        paired(*two_methods(first, [make(f"c{n}", group="b", seed=n) for n in (7, 8)]))


def test_units_are_put_side_by_side(make):
    """Test sets that overlap in 14 of 20 persons, the second in another order."""
    one, other = make("a", group="a"), make("b", group="b", first=6)

    pair = paired(*two_methods([one], [other]))[0][0]

    first, second = pair.answers[""]
    assert first.ids == second.ids == tuple(f"u{n}" for n in range(6, 20))
    assert np.array_equal(first.probabilities, one.parts[""]["test"].probabilities[6:])
    assert np.array_equal(second.probabilities, other.parts[""]["test"].probabilities[:14])
    assert pair.num_other == (6, 6)


def test_too_few_persons_in_common_are_refused(make):
    """Nine persons, though ten units."""
    one = make("a", group="a")
    with pytest.raises(DataError, match=r"have 8 test persons in common, fewer than 10: train one"):
        paired(*two_methods([one], [make("b", group="b", first=12)]))
    persons = [f"u{max(n, 1)}" for n in range(20)]
    both = [make(name, group=name, first=0, num=10, persons=persons[:10]) for name in ("c", "d")]
    with pytest.raises(DataError, match="have 9 test persons in common"):
        paired(*two_methods(both[:1], both[1:]))


def test_runs_of_other_data_or_tasks_are_refused(make, tmp_path):
    one = make("a", group="a")
    labels, rows = made_up_answers("circor_outcome", 20, seed=0)
    turned = write_run(tmp_path / "b", labels=labels[::-1], probabilities=rows, group="b")
    with pytest.raises(DataError, match="do not agree on the class of 'u0'"):
        paired(*two_methods([one], [read_result(turned)]))
    labels, rows = made_up_answers("pascal", 20, seed=0)
    pascal = write_run(tmp_path / "p", task="pascal", labels=labels, probabilities=rows, group="b")
    with pytest.raises(DataError, match=r"a is of circor_outcome, .*p of pascal: they cannot"):
        paired(*two_methods([one], [read_result(pascal)]))
