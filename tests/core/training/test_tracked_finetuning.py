"""What a tracker is told of a fine-tuning: names, steps, files, in which order, how it ends."""

import json
from types import SimpleNamespace

import pytest
import torch

from pahcl_core.config import from_dict
from pahcl_core.training.finetune import describe_finetune, finetune
from pahcl_core.training.optimisation import OptimiserConfig
from pahcl_core.training.settings import FinetuneConfig, ScheduleConfig
from pahcl_track import Histogram, Outcome, Tracker
from support.histories import logged

PER_EPOCH = {
    *("train/loss", "train/accuracy", "train/f1", "train/precision", "train/recall"),
    *("val/loss", "val/accuracy", "val/f1", "val/f1_macro", "val/auroc", "val/auprc"),
    *("val/precision", "val/recall", "val/sensitivity", "val/specificity"),
}
AT_THE_END = {name.replace("val/", "test/") for name in PER_EPOCH if name.startswith("val/")}
PER_REPORT = {
    *("train/batch_loss", "lr/encoder", "lr/classifier", "throughput/cycles_per_s"),
    *("grad_norm/encoder", "grad_norm/classifier", "grad_norm/total"),
}
# 12 training recordings with 2 cycles each are 24 cycles, in batches of at most 8: three steps.
EPOCHS, STEPS_PER_EPOCH = 12, 3
SCHEDULE = ScheduleConfig(
    epochs=EPOCHS, batch_size=8, cycles_per_recording=2, log_every=2, histogram_every=5
)


@pytest.fixture(scope="module")
def told(module_mocker, make_cohort, finetune_config):
    """One fine-tuning that ends well, on classes that can be told apart."""
    module_mocker.patch("pahcl_core.training.finetune.read_cohort", return_value=make_cohort())
    config = finetune_config(
        training=SCHEDULE, optimiser=OptimiserConfig(lr=1e-2), pooling="attention"
    )
    tracker = module_mocker.create_autospec(Tracker, instance=True)
    result = finetune(config, tracker=tracker)
    logs = [(set(call.args[0]), call.kwargs["step"]) for call in tracker.log.mock_calls]
    return SimpleNamespace(config=config, tracker=tracker, result=result, logs=logs)


def outcomes(tracker) -> list[Outcome]:
    return [call.args[0] for call in tracker.finish.mock_calls]


def weights(directory) -> dict[str, torch.Tensor]:
    content = torch.load(directory / "best_model.pt", weights_only=True)
    heads = content["heads"].items()
    return {
        **{f"encoder.{name}": tensor for name, tensor in content["encoder"].items()},
        **{f"{head}.{name}": t for head, tensors in heads for name, t in tensors.items()},
    }


def test_starts_once_and_first(told):
    """With what `describe_finetune` says of the run."""
    run = describe_finetune(told.config)

    assert told.tracker.method_calls[0].args == (run,)
    assert told.tracker.start.call_count == 1
    assert run.name == "circor_murmur_finetune"
    assert run.directory == told.result.directory
    assert run.job_type == "finetune"


def test_the_whole_configuration_comes_with_the_run(told):
    """Every setting, also those at their defaults: the configuration can be built from it again."""
    (run,) = told.tracker.start.call_args.args

    assert from_dict(FinetuneConfig, run.config, source="run") == told.config
    assert run.config["optimiser"] == {
        "lr": 0.01,
        "encoder_lr_factor": 1.0,
        "weight_decay": 0.05,
        "warmup": 0.1,
        "max_grad_norm": 1.0,
    }


def test_finishes_once_and_last(told):
    """With the final figures, of the best epoch."""
    assert told.tracker.method_calls[-1][0] == "finish"
    (outcome,) = outcomes(told.tracker)
    assert (outcome.status, outcome.error) == ("completed", None)
    metrics = told.result.metrics
    expected = {
        f"best/{name.replace('_', '/', 1)}": value
        for name, value in metrics.items()
        if name.startswith(("val_", "test_a", "test_l", "test_f", "test_b", "test_w"))
        and value is not None
    }
    assert expected.items() <= outcome.summary.items()
    assert {"best/test/auroc", "best/val/auroc", "best/test/weighted_accuracy"} <= expected.keys()


def test_what_is_logged_at_which_step(told):
    """Reports every 2 steps, histograms every 5, scores after each epoch of 3; test at the end."""
    last = EPOCHS * STEPS_PER_EPOCH
    expected = []
    for step in range(1, last + 1):
        if step % 2 == 0:
            expected.append(("report", step))
        if step % 5 == 0:
            expected.append(("histograms", step))
        if step % STEPS_PER_EPOCH == 0:
            expected.append(("epoch", step))
    expected += [("tables", last), ("test", last)]

    def kind(names: set[str]) -> str:
        if names == PER_REPORT:
            return "report"
        if any(name.startswith("parameters/") for name in names):
            return "histograms"
        if names == {"test/predictions", "test/confusion_matrix"}:
            return "tables"
        return "epoch" if "epoch" in names else "test"

    assert [(kind(names), step) for names, step in told.logs] == expected


def test_every_score_of_an_epoch_is_logged(told):
    """On separable classes everything is defined in the end."""
    last = [names for names, _ in told.logs if "epoch" in names][-1]

    assert last >= PER_EPOCH
    assert list(logged(told.tracker, "epoch").values()) == list(range(1, EPOCHS + 1))


def test_the_test_scores_are_logged_once_at_the_end(told):
    assert told.logs[-1][0] >= AT_THE_END
    assert not any(name.startswith("test/") for names, _ in told.logs[:-2] for name in names)


def test_separable_classes_are_learnt(told):
    """So the loop trains: from chance to all test patients right."""
    metrics = told.result.metrics
    losses = list(logged(told.tracker, "train/loss").values())

    assert metrics["test_auroc"] == 1.0
    assert metrics["test_accuracy"] == 1.0
    assert losses[-1] < 0.3 * losses[0]


def test_the_metrics_on_file_are_those_logged(told):
    """Of the best epoch, found again by loading its checkpoint: the same to the bit."""
    metrics = json.loads((told.result.directory / "final_metrics.json").read_text())
    test = told.tracker.log.mock_calls[-1].args[0]

    assert metrics == told.result.metrics
    for name, value in test.items():
        assert metrics[name.replace("/", "_", 1)] == value
    for name in ("loss", "auroc", "f1_macro", "weighted_accuracy"):
        by_step = logged(told.tracker, f"val/{name}")
        assert metrics[f"val_{name}"] == by_step[metrics["best_epoch"] * STEPS_PER_EPOCH]


def test_the_best_epoch_has_the_highest_auroc_and_then_the_lowest_loss(told):
    auroc, loss = (list(logged(told.tracker, f"val/{n}").values()) for n in ("auroc", "loss"))
    best = max(range(EPOCHS), key=lambda epoch: (auroc[epoch], -loss[epoch]))

    assert told.result.metrics["best_epoch"] == best + 1
    assert told.result.metrics["selected_by"] == "val_auroc"


def test_histograms_of_every_parameter_and_its_gradient(told):
    """Each counts all values of its tensor."""
    tensors = weights(told.result.directory)
    tensors = {n: t for n, t in tensors.items() if "running_" not in n and "num_batches" not in n}
    logged = [c.args[0] for c in told.tracker.log.mock_calls if c.kwargs["step"] == 5]
    (distributions,) = [one for one in logged if "train/batch_loss" not in one]

    assert {name.split(".")[0] for name in tensors} == {"encoder", "classifier", "pooling"}
    assert set(distributions) == {
        f"{prefix}/{name}" for prefix in ("parameters", "gradients") for name in tensors
    }
    for name, value in distributions.items():
        assert isinstance(value, Histogram)
        assert sum(value.counts) == tensors[name.split("/", 1)[1]].numel()


def test_files_are_saved_with_their_kinds(told):
    directory = told.result.directory
    saved = [(c.args[0], c.kwargs["kind"]) for c in told.tracker.save.mock_calls]

    assert saved == [
        (directory / "config.toml", "config"),
        (directory / "splits.json", "split"),
        (directory / "best_model.pt", "checkpoint"),
        (directory / "predictions.csv", "predictions"),
        (directory / "instances.csv", "instances"),
        (directory / "final_metrics.json", "metrics"),
    ]
    assert all(path.is_file() for path, _ in saved)


def test_throughput_is_a_positive_rate(told):
    rates = logged(told.tracker, "throughput/cycles_per_s")

    assert len(rates) == EPOCHS * STEPS_PER_EPOCH // 2
    assert all(rate > 0 for rate in rates.values())
