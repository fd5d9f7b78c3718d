"""The Lightning logger, in the real Trainer and the real Fabric."""

import csv
import textwrap
from argparse import Namespace

import pytest

pytest.importorskip("lightning", reason="needs Lightning: make test-adapters")

import torch
from lightning.fabric import Fabric
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from pahcl_track import Histogram, Run, Session
from pahcl_track.adapters.lightning import TrackerLogger
from support.programs import lines_of_one_process
from support.trackers import Failing, Recorder

# Each is about how these small trainings are set up, not about the logger.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*number of training batches"),
    pytest.mark.filterwarnings("ignore:.*GPU available but not used"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.. is deprecated"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]

STEPS = 6
CALLED = []


def drop_tables():
    """Not to be called by who describes a configuration."""
    CALLED.append("drop_tables")


class Line(LightningModule):
    """Fits one weight; logs numbers that a test can say beforehand, and its weight."""

    def __init__(self, **settings):
        super().__init__()
        self.save_hyperparameters(settings)
        self.layer = torch.nn.Linear(1, 1)
        self.fail_with = None

    def training_step(self, batch, batch_index):
        if self.fail_with is not None and self.global_step == 3:
            raise self.fail_with
        self.log("train/known", torch.tensor(self.global_step / 4))
        return self.layer(batch[0]).square().mean()

    def validation_step(self, batch, batch_index):
        self.log("val/known", 0.75)

    def test_step(self, batch, batch_index):
        self.log("test/known", 0.875)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.5)


def loader():
    return torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.linspace(0, 1, STEPS)[:, None]), batch_size=1
    )


def trainer(logger, folder, **settings):
    return Trainer(
        logger=logger,
        default_root_dir=folder,
        max_epochs=1,
        log_every_n_steps=1,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        **({"enable_checkpointing": False} | settings),
    )


def known(rows, name):
    return [(step, values[name]) for step, values in rows if name in values]


@pytest.fixture
def run(tmp_path):
    return Run(name="try 1", directory=tmp_path / "run", id="a1")


@pytest.fixture
def tracker():
    return Recorder()


@pytest.fixture
def logger(tracker, run):
    made = TrackerLogger(tracker, run)
    yield made
    made.finish()


def test_what_a_module_logs_arrives_at_its_step(logger, tracker, tmp_path):
    trainer(logger, tmp_path).fit(Line(), loader(), loader())
    logger.finish()

    assert known(tracker.rows, "train/known") == [(step, step / 4) for step in range(STEPS)]
    assert known(tracker.rows, "val/known") == [(STEPS - 1, 0.75)]
    assert tracker.outcome.status == "completed"


def test_it_logs_what_lightning_logs_elsewhere(logger, tracker, tmp_path):
    """The same rows as Lightning's own CSV logger beside it."""
    theirs = CSVLogger(tmp_path / "csv", name="", version="")
    trainer([logger, theirs], tmp_path).fit(Line(), loader(), loader())
    logger.finish()

    ours = {
        (step, name, float(value))
        for step, values in tracker.rows
        for name, value in values.items()
    }
    with (tmp_path / "csv" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert ours == {
        (int(row["step"]), name, float(cell))
        for row in rows
        for name, cell in row.items()
        if name != "step" and cell
    }


def test_a_test_after_the_fit_is_of_the_same_run(logger, tracker, tmp_path):
    """Lightning says `success` after each; the run goes on until it is finished."""
    model, one = Line(), trainer(logger, tmp_path)
    one.fit(model, loader(), loader())
    one.test(model, loader(), verbose=False)
    logger.finish()

    assert known(tracker.rows, "test/known") == [(STEPS, 0.875)]
    assert [call for call in tracker.calls if call != "log"] == ["start", "finish"]


def test_hyperparameters_are_the_configuration(logger, tracker, tmp_path):
    model = Line(width=8, api_key="k-1234", encoder={"depth": 2}, loss=drop_tables)
    trainer(logger, tmp_path).fit(model, loader(), loader())
    logger.finish()

    config = dict(tracker.run.config)
    assert config.pop("loss").endswith(".drop_tables")
    assert config == {"width": 8, "api_key": "[redacted]", "encoder": {"depth": 2}}
    assert not CALLED


def test_hyperparameters_are_added_to_what_the_run_says(tracker, tmp_path):
    run = Run(name="it", directory=tmp_path, config={"seed": 1, "width": 2})
    logger = TrackerLogger(tracker, run)
    logger.log_hyperparams(Namespace(width=8))
    logger.log_hyperparams({"depth": 3})
    logger.finish()

    assert tracker.run.config == {"seed": 1, "width": 8, "depth": 3}


def test_a_failure_ends_the_run_with_its_message(logger, tracker, tmp_path):
    model = Line()
    model.fail_with = ArithmeticError("the loss is not finite")

    with pytest.raises(ArithmeticError, match="the loss is not finite"):
        trainer(logger, tmp_path).fit(model, loader(), loader())

    assert tracker.outcome.status == "failed"
    assert tracker.outcome.error == "ArithmeticError: the loss is not finite"
    assert known(tracker.rows, "train/known") == [(0, 0.0), (1, 0.25), (2, 0.5)]


def test_an_interruption_ends_the_run_as_interrupted(logger, tracker, tmp_path):
    model = Line()
    model.fail_with = KeyboardInterrupt()

    with pytest.raises(SystemExit):
        trainer(logger, tmp_path).fit(model, loader(), loader())

    assert tracker.outcome.status == "interrupted"


def test_a_tracker_that_fails_changes_nothing_of_the_training(run, tmp_path):
    weights = []
    broken = Failing(ConnectionError("gone"), "start", "log", "save", "finish")
    for logger in (False, TrackerLogger(broken, run)):
        seed_everything(3, verbose=False)
        model = Line()
        trainer(logger, tmp_path).fit(model, loader(), loader())
        weights.append(model.layer.weight.detach().clone())
        if logger:
            logger.finish()

    assert broken.attempts > 0
    assert torch.equal(*weights)


def test_the_best_checkpoint_is_kept(logger, tracker, run, tmp_path):
    best = ModelCheckpoint(monitor="train/known", mode="min", save_top_k=1, every_n_train_steps=2)
    trainer(logger, tmp_path, enable_checkpointing=True, callbacks=[best]).fit(
        Line(), loader(), loader()
    )
    logger.finish()

    ((path, kind),) = tracker.files
    assert (str(path), kind) == (best.best_model_path, "checkpoint")
    assert path.is_relative_to(run.directory)


def test_lightning_is_told_of_the_run(logger, run):
    assert (logger.name, logger.version) == ("try 1", "a1")
    assert logger.save_dir == str(run.directory)
    assert TrackerLogger(Recorder(), Run(name="b", directory=run.directory)).version == ""


def test_the_session_takes_what_lightning_does_not_pass_on(logger, tracker, tmp_path):
    weights = Histogram(counts=(1, 2), edges=(0.0, 0.5, 1.0))

    class Watched(Line):
        def on_train_end(self):
            self.logger.experiment.log({"weights": weights}, step=self.global_step)

    trainer(logger, tmp_path).fit(Watched(), loader(), loader())
    logger.finish()

    assert known(tracker.rows, "weights") == [(STEPS, weights)]


def test_nothing_is_written_before_there_is_something_to_log(run):
    session = Session({})
    logger = TrackerLogger(session, run)

    assert logger.experiment is session
    assert not run.directory.exists()


def test_fabric_logs_to_it(logger, tracker):
    fabric = Fabric(accelerator="cpu", devices=1, loggers=logger)
    fabric.launch()
    fabric.log("loss", torch.tensor(0.5), step=4)
    fabric.log_dict({"loss": 0.25, "lr": 0.125})
    logger.finish()

    assert tracker.rows == [(4, {"loss": 0.5}), (5, {"loss": 0.25, "lr": 0.125})]


PROGRAM = """
    import os, sys, warnings
    from pathlib import Path
    import torch
    from lightning.pytorch import LightningModule, Trainer
    from pahcl_track import Run
    from pahcl_track.adapters.lightning import TrackerLogger
    from support.trackers import StartedBy

    warnings.simplefilter("ignore")

    class Line(LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch, batch_index):
            self.log("rank", float(self.global_rank), sync_dist=False)
            return self.layer(batch).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.5)

    if __name__ == "__main__":
        logger = TrackerLogger(StartedBy(), Run(name="it", directory=Path(sys.argv[1])))
        trainer = Trainer(
            logger=logger, max_epochs=1, log_every_n_steps=1, accelerator="cpu",
            enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False,
            {settings}
        )
        trainer.fit(Line(), torch.utils.data.DataLoader(torch.ones(8, 1), batch_size=2))
"""


def run_program(tmp_path, settings):
    """The lines of the journal that a program leaves which never finishes its logger."""
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(PROGRAM).format(settings=settings), encoding="utf-8")
    return lines_of_one_process(tmp_path / "run", script)


def test_the_run_ends_with_the_program(tmp_path):
    lines = run_program(tmp_path, "devices=1")

    assert [line["step"] for line in lines if "values" in line] == [0, 1, 2, 3]
    assert lines[-1]["finish"]["status"] == "completed"


def test_of_two_processes_one_reports(tmp_path):
    lines = run_program(tmp_path, "devices=2, strategy='ddp'")

    rows = [line for line in lines if "values" in line]
    assert [(row["step"], row["values"]["rank"]) for row in rows] == [(0, 0.0), (1, 0.0)]
    assert [line["finish"]["status"] for line in lines if "finish" in line] == ["completed"]
