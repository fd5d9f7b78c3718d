"""A study's runs: where each writes, which others are refused, and that a failure is one run's."""

import errno
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from pahcl_core.config import to_dict, write_toml
from pahcl_core.errors import DataError, DiskError, SettingError, TrainingError
from pahcl_core.studies.study import STUDY, Failure, carried_out, held, planned, refuse_others
from pahcl_core.studies.variants import Variant, distinct, varied
from pahcl_core.training.settings import FinetuneConfig


def runs_of(base, *, seeds=(7, 8), vary="objective.temperature=0.2"):
    return planned(base, distinct(base, varied(vary)).values(), seeds)


def begun(base, runs):
    """As if each run had begun."""
    for run in runs:
        run.directory.mkdir(parents=True)
        write_toml(run.directory / "config.toml", {**to_dict(run.config), "tracking": {}})


def test_all_variants_with_one_seed_come_before_the_next_seed(base_config):
    base = base_config(store=None)

    runs = runs_of(base)

    other = "objective.temperature=0.2"
    assert [run.name for run in runs] == [
        "base/seed_7", f"{other}/seed_7", "base/seed_8", f"{other}/seed_8",
    ]  # fmt: skip
    study = base.output_dir / "study"
    assert runs[3].directory == study / other / "seed_8"
    assert runs[3].config == replace(
        base,
        objective=replace(base.objective, temperature=0.2),
        seed=8,
        output_dir=study / other,
        experiment_name="seed_8",
        store=base.output_dir / ".prepared",
    )


def test_a_study_of_fine_tunings_is_one_too(tmp_path):
    base = FinetuneConfig(
        task="pascal", data_dir=Path("d"), output_dir=tmp_path, experiment_name="batch"
    )

    runs = planned(base, distinct(base, varied("linear_eval=true")).values(), [3])

    assert [run.directory for run in runs] == [
        tmp_path / "batch/base/seed_3", tmp_path / "batch/linear_eval=true/seed_3",
    ]  # fmt: skip
    assert [run.config.linear_eval for run in runs] == [False, True]
    with held(base, runs):
        pass
    begun(base, runs)
    with pytest.raises(SettingError, match=r"begun with shot_ratio = 0.1, not 0.2"):
        refuse_others(replace(base, shot_ratio=0.2), runs)


def test_the_first_line_of_what_went_wrong_is_kept_and_the_others_go_on(base_config, caplog):
    runs = runs_of(base_config())
    errors = iter(
        [TrainingError("it became nan\nand more"), None, RuntimeError("out of memory"), OSError()]
    )

    def do(run):
        error = next(errors)
        if error is not None:
            raise error
        return run.config.seed

    told = []
    with caplog.at_level(logging.WARNING, logger="pahcl_core"):
        outcomes = carried_out(runs, do, tell=told.append)

    assert list(outcomes) == [run.name for run in runs]
    assert list(outcomes.values()) == [
        Failure(reason="it became nan"), 7, Failure(reason="out of memory"),
        Failure(reason="OSError()"),
    ]  # fmt: skip
    assert told[1] == "2/4 objective.temperature=0.2/seed_7"
    assert "base/seed_7 failed, the others go on: it became nan" in caplog.messages


def test_a_full_disk_ends_all_and_says_what_to_do(base_config):
    """Not with the command of the one run."""
    begun = []

    def do(run):
        begun.append(run)
        raise DiskError("x", OSError(errno.ENOSPC, "No space left"), "go on with --resume x")

    with pytest.raises(DiskError, match=r"^x: No space left: make room, and run the same again$"):
        carried_out(runs_of(base_config()), do, tell=lambda line: None)
    assert len(begun) == 1


def test_a_mistake_in_the_program_ends_it(base_config):
    def do(run):
        raise KeyError("typo")

    with pytest.raises(KeyError, match="typo"):
        carried_out(runs_of(base_config()), do, tell=lambda line: None)


def test_an_interruption_says_how_to_go_on(base_config, caplog):
    runs = runs_of(base_config())

    def do(run):
        if run is runs[2]:
            raise KeyboardInterrupt

    with (
        caplog.at_level(logging.WARNING, logger="pahcl_core"),
        pytest.raises(KeyboardInterrupt),
    ):
        carried_out(runs, do, tell=lambda line: None)

    assert caplog.messages == [
        "interrupted in base/seed_8, with 2 of 4 runs done: the same command goes on from there"
    ]


def test_its_base_is_written_down_as_a_run_file(base_config):
    from pahcl_core.config import from_dict, read_toml

    base = base_config()

    with held(base, runs_of(base)) as directory:
        written = read_toml(directory / STUDY)

    assert from_dict(type(base), written, source="it") == base


def test_other_settings_are_refused_by_name(base_config):
    base = base_config()
    with held(base, runs_of(base)) as directory:
        pass
    before = (directory / STUDY).read_bytes()
    other = replace(base, training=replace(base.training, epochs=3))

    with (
        pytest.raises(SettingError, match=r"study was begun with training.epochs = 2, not 3; keep"),
        held(other, runs_of(other)),
    ):
        pass

    assert (directory / STUDY).read_bytes() == before


def test_other_collections_are_refused_and_moved_ones_are_not(base_config, tmp_path):
    base = base_config()
    with held(base, runs_of(base)):
        pass
    begun(base, runs_of(base))

    moved = replace(base, data={"physionet2016": tmp_path}, num_workers=2)
    refuse_others(moved, runs_of(moved))

    other = replace(base, data={"physionet2016": tmp_path, "pascal": tmp_path / "p"})
    with pytest.raises(SettingError, match=r"data = \['physionet2016'\], not \['pascal', 'phys"):
        refuse_others(other, runs_of(other))


def test_seeds_and_variants_may_be_added(base_config):
    base = base_config()
    runs = runs_of(base, seeds=[7])
    with held(base, runs):
        pass
    begun(base, runs)

    more = replace(base, seed=6)

    refuse_others(more, runs_of(more, seeds=[6, 7, 8], vary="objective.temperature=0.2,0.5"))


def test_a_variant_that_means_something_else_by_now_is_refused(base_config):
    base = base_config()
    one = Variant(name="sharp", settings=("objective.temperature=0.2",))
    begun(base, planned(base, distinct(base, [one]).values(), [7]))

    now = replace(one, settings=("objective.temperature=0.05",))
    runs = planned(base, distinct(base, [now]).values(), [7])

    with pytest.raises(
        SettingError, match=r"sharp/seed_7 was begun with objective.temperature = 0.2, not 0.05"
    ):
        refuse_others(base, runs)


def test_a_setting_that_has_no_value_is_told_from_one_that_has(base_config, tmp_path):
    base = base_config()
    with held(base, runs_of(base)):
        pass
    other = replace(base, split=replace(base.split, file=tmp_path / "splits.json"))

    with pytest.raises(SettingError, match=r"with split.file = nothing, not '.*splits.json'"):
        refuse_others(other, runs_of(other))


def test_the_folder_of_a_run_is_refused(base_config):
    base = base_config()
    directory = base.output_dir / base.name
    directory.mkdir()
    write_toml(directory / "config.toml", to_dict(base))

    with pytest.raises(SettingError, match="is the folder of a run; choose another --experiment"):
        refuse_others(base, runs_of(base))


def test_two_at_once_are_refused(base_config):
    base = base_config()
    runs = runs_of(base)

    with (
        held(base, runs),
        pytest.raises(SettingError, match="study: another run is writing here"),
        held(base, runs),
    ):
        pass


def test_several_ranks_are_refused(base_config, monkeypatch):
    base = base_config()
    for name, value in (
        ("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "localhost"), ("MASTER_PORT", "1"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)

    with (
        pytest.raises(SettingError, match="a study runs in one process"),
        held(base, runs_of(base)),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_said(base_config):
    base = base_config()
    (base.output_dir / "study").write_text("")

    with (
        pytest.raises(SettingError, match="study: cannot write here"),
        held(base, runs_of(base)),
    ):
        pass


def test_a_damaged_study_file_is_said(base_config):
    base = base_config()
    (base.output_dir / "study").mkdir()
    (base.output_dir / "study" / STUDY).write_bytes(b"\xff")

    with pytest.raises(DataError, match=r"study.toml: not UTF-8 text"):
        refuse_others(base, runs_of(base))
