"""A training that was interrupted anywhere and gone on with is the training that was not."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.errors import DataError, SettingError
from pahcl_core.losses.classification import LossConfig
from pahcl_core.models.encoder import EncoderConfig
from pahcl_core.training.cohorts import read_cohorts
from pahcl_core.training.finetune import describe_finetune, finetune
from pahcl_core.training.people import read_cohort
from pahcl_core.training.pretrain import describe_pretrain, pretrain
from pahcl_core.training.resumption import load_state
from pahcl_core.training.run_directory import STATE
from pahcl_core.training.settings import ScheduleConfig
from pahcl_track import Session, read_history
from support.histories import history
from support.threads import num_threads

TRAINERS = {"pretrain": (pretrain, describe_pretrain), "finetune": (finetune, describe_finetune)}
SCHEDULE = ScheduleConfig(
    epochs=4, batch_size=16, cycles_per_recording=2, log_every=1, histogram_every=3,
    checkpoint_every=2,
)  # fmt: skip


@pytest.fixture(params=TRAINERS)
def trainer(request, circor, finetune_config, pretrain_config):
    """A function that trains in a folder, and the settings, with dropout at work."""
    kind, *pooling = request.param.split()
    make = pretrain_config if kind == "pretrain" else finetune_config
    changes = {"pooling": pooling[0]} if pooling else {}
    if "balanced" in pooling:
        changes["loss"] = LossConfig(balanced_sampling=True)
    config = make(data_dir=circor, training=SCHEDULE, experiment_name="run", **changes)
    config = replace(config, encoder=replace(config.encoder, dropout=0.2))
    train, describe = TRAINERS[kind]
    read = read_cohorts if kind == "pretrain" else read_cohort
    read(config, lambda items, total: items)  # so that only batches are shown

    def run(folder, *, resume=False, progress=lambda items, total: items, data=circor, **changes):
        data = {"data": {"circor": data}} if kind == "pretrain" else {"data_dir": data}
        settled = replace(config, output_dir=folder, store=config.prepared, **data, **changes)
        return train(
            settled,
            tracker=Session({}),
            run=describe(settled, config={}),
            resume=resume,
            progress=progress,
        )

    return run


class Interruption:
    """Ctrl-C before a batch, counted over all epochs."""

    def __init__(self, before: int) -> None:
        self.left = before

    def __call__(self, items, total):
        for item in items:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            yield item


def files(directory):
    """What a run leaves, but for its log, its journal and settings, which name folders."""
    return {
        path.name: path.read_bytes()
        for path in directory.iterdir()
        if path.suffix in (".pt", ".csv") or path.name in ("final_metrics.json", "splits.json")
    }


def num_batches(directory):
    return max(step for _, step in history(directory))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.55, 0.99])
def test_the_end_is_the_same_to_the_bit(trainer, tmp_path, share):
    """Weights, metrics, predictions and journal; and no state is left."""
    trainer(tmp_path / "whole")
    whole = tmp_path / "whole/run"
    assert not (whole / STATE).exists()

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "cut", progress=Interruption(int(share * num_batches(whole))))
    trainer(tmp_path / "cut", resume=True)

    assert files(tmp_path / "cut/run") == files(whole)
    assert history(tmp_path / "cut/run") == history(whole)


@pytest.mark.parametrize(
    "trainer",
    ["finetune attention", "finetune mean balanced", "finetune vote", "finetune vote balanced"],
    indirect=True,
)
def test_whatever_is_pooled_the_end_is_the_same_to_the_bit(trainer, tmp_path):
    """Also what each cycle counts for; interrupted in the second half."""
    trainer(tmp_path / "whole")
    whole = tmp_path / "whole/run"
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "cut", progress=Interruption(int(0.55 * num_batches(whole))))
    trainer(tmp_path / "cut", resume=True)

    assert "instances.csv" in files(whole)
    assert files(tmp_path / "cut/run") == files(whole)


def test_with_two_threads_the_end_is_the_same_to_the_bit(trainer, tmp_path):
    """With the usual encoder and windows: how torch computes a layer depends on its size."""
    usual = {"encoder": EncoderConfig(dropout=0.2), "signal": SignalConfig()}
    with num_threads(2):
        trainer(tmp_path / "whole", **usual)
        whole = tmp_path / "whole/run"
        interruption = Interruption(int(0.55 * num_batches(whole)))
        with pytest.raises(KeyboardInterrupt):
            trainer(tmp_path / "cut", progress=interruption, **usual)
        trainer(tmp_path / "cut", resume=True, **usual)

    assert files(tmp_path / "cut/run") == files(whole)
    assert history(tmp_path / "cut/run") == history(whole)


def test_interrupted_again_and_again(trainer, tmp_path):
    """Before each third batch of what is left; an epoch of several is done at last."""
    trainer(tmp_path / "whole")
    per_epoch = num_batches(tmp_path / "whole/run") // SCHEDULE.epochs

    resume = False
    for _ in range(SCHEDULE.epochs):
        with pytest.raises(KeyboardInterrupt):
            trainer(tmp_path / "cut", resume=resume, progress=Interruption(per_epoch + 1))
        resume = True
        if load_state(tmp_path / "cut/run").epoch == SCHEDULE.epochs - 1:
            break
    trainer(tmp_path / "cut", resume=True)

    assert files(tmp_path / "cut/run") == files(tmp_path / "whole/run")
    assert history(tmp_path / "cut/run") == history(tmp_path / "whole/run")


def test_the_journal_goes_on_under_the_same_identity(trainer, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, progress=Interruption(5))
    before = read_history(tmp_path / "run").run.id

    trainer(tmp_path, resume=True)

    text = (tmp_path / "run/journal.jsonl").read_text()
    lines = [json.loads(one) for one in text.splitlines()]
    resumed = [line for line in lines if "resumed" in line]
    assert read_history(tmp_path / "run").run.id == before
    assert len(resumed) == 1
    assert not list(tmp_path.glob("run.*"))


def test_killed_after_the_last_epoch_before_the_scores(trainer, tmp_path, mocker):
    """Nothing is trained again; the scores are those of the whole run."""
    trainer(tmp_path / "whole")
    for module in ("finetune", "pretrain"):
        mocker.patch(f"pahcl_core.training.{module}.write_json", side_effect=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "cut")
    mocker.stopall()

    trainer(tmp_path / "cut", resume=True, progress=Interruption(0))

    assert files(tmp_path / "cut/run") == files(tmp_path / "whole/run")


@pytest.mark.parametrize("told", [False, True], ids=["before it is told", "after"])
def test_killed_after_the_scores_before_the_end(trainer, tmp_path, mocker, told):
    """The journal gets the end of a whole run, and no state is left."""
    trainer(tmp_path / "whole")
    finish = Session.finish

    def killed(session, outcome):
        if told:
            finish(session, outcome)
        raise KeyboardInterrupt

    mocker.patch.object(Session, "finish", autospec=True, side_effect=killed)
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "cut")
    mocker.stopall()
    assert (tmp_path / "cut/run/final_metrics.json").exists()

    trainer(tmp_path / "cut", resume=True, progress=Interruption(0))

    cut, whole = tmp_path / "cut/run", tmp_path / "whole/run"
    assert files(cut) == files(whole)
    assert history(cut) == history(whole)
    assert read_history(cut).outcome == read_history(whole).outcome


def test_files_half_written_when_it_was_killed_are_removed(trainer, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, progress=Interruption(7))
    for name in ("resume.pt", "config.toml"):
        (tmp_path / f"run/.{name}.99999.tmp").write_bytes(b"half of i")

    trainer(tmp_path, resume=True)

    assert not list((tmp_path / "run").glob(".*"))


def test_a_complete_run_is_not_gone_on_with(trainer, tmp_path):
    trainer(tmp_path)

    with pytest.raises(SettingError, match=r"run: this run is complete; there is nothing to"):
        trainer(tmp_path, resume=True)


def test_no_run_to_go_on_with(trainer, tmp_path):
    with pytest.raises(SettingError, match=r"run: there is no run to resume"):
        trainer(tmp_path, resume=True)


def test_a_damaged_state_is_refused(trainer, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, progress=Interruption(7))
    state = tmp_path / "run" / STATE
    damaged = bytearray(state.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 500] = bytes(500)  # some bytes are padding, which nobody reads
    state.write_bytes(damaged)

    with pytest.raises(DataError, match=r"resume\.pt: "):
        trainer(tmp_path, resume=True)


def test_other_recordings_are_refused(trainer, tmp_path):
    """The run stays as it was."""
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "out", progress=Interruption(7))
    before = files(tmp_path / "out/run")
    write_synthetic_circor(tmp_path / "other", num_patients=16, seed=2, duration_s=(3.0, 3.5))

    with pytest.raises(SettingError, match="have changed since the run began"):
        trainer(tmp_path / "out", resume=True, data=tmp_path / "other")
    assert files(tmp_path / "out/run") == before


def test_the_state_holds_no_code(trainer, tmp_path):
    """It loads where nothing but tensors and plain values is let in."""
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, progress=Interruption(7))

    content = torch.load(tmp_path / "run" / STATE, weights_only=True)

    assert content["epoch"] >= 1
    assert content["step"] in {step for _, step in history(tmp_path / "run")}
    assert np.isfinite(content["best_val"]["val/loss"])


def test_patience_ends_a_training_where_it_would_have_ended(trainer, tmp_path):
    """Also one that was interrupted."""
    impatient = replace(SCHEDULE, patience=1, epochs=40)
    trainer(tmp_path / "whole", training=impatient)
    directory = tmp_path / "whole/run"
    epochs = {step: v for (name, step), v in history(directory).items() if name == "epoch"}
    best = {step: v for (name, step), v in history(directory).items() if name == "best_epoch"}
    last = max(epochs)
    assert epochs[last] < 40
    assert epochs[last] == best[last] + 1

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "cut", training=impatient, progress=Interruption(last - 1))
    trainer(tmp_path / "cut", training=impatient, resume=True)

    assert files(tmp_path / "cut/run") == files(directory)
