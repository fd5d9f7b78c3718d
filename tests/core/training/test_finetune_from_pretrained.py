"""The encoder that a fine-tuning starts from: kept, changed, refused, and who it knows."""

from dataclasses import replace

import pytest
import torch

from pahcl_core.data.tasks import TASKS
from pahcl_core.errors import SettingError
from pahcl_core.models.encoder import EncoderConfig
from pahcl_core.training.checkpoint import load_checkpoint
from pahcl_core.training.finetune import describe_finetune, finetune
from pahcl_core.training.optimisation import OptimiserConfig
from pahcl_core.training.pretrain import pretrain
from pahcl_core.training.settings import ScheduleConfig
from pahcl_core.training.versions import versions


def equal(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@pytest.fixture
def pretrained(pretrain_config, make_cohort, on, silent):
    """A pretraining on the same people as `make_cohort()`'s training side."""
    on(make_cohort())
    return pretrain(pretrain_config(), tracker=silent).checkpoint


def test_a_linear_evaluation_changes_nothing_in_the_encoder(
    pretrain_config, finetune_config, make_cohort, on, silent
):
    """Not a weight, not a running statistic; the classifier alone learns."""
    on(make_cohort())
    with_statistics = EncoderConfig(name="resnet34_1d", width=16, num_blocks=0, state_size=0)
    pretrained = pretrain(pretrain_config(encoder=with_statistics), tracker=silent).checkpoint
    config = finetune_config(
        pretrained=pretrained,
        encoder=with_statistics,
        linear_eval=True,
        training=ScheduleConfig(
            epochs=3, batch_size=16, cycles_per_recording=2, checkpoint_every=1
        ),
    )
    result = finetune(config, tracker=silent)

    before = load_checkpoint(pretrained).encoder
    epochs = [load_checkpoint(result.directory / f"epoch_{n}.pt") for n in (1, 2, 3)]
    assert any("running_mean" in name for name in before)
    assert all(equal(one.encoder, before) for one in epochs)
    assert not equal(epochs[0].heads["classifier"], epochs[1].heads["classifier"])
    assert describe_finetune(config).job_type == "linear_eval"


def test_a_full_fine_tuning_starts_from_the_encoder_and_changes_all_of_it(
    pretrained, finetune_config, silent
):
    small = OptimiserConfig(lr=1e-6, weight_decay=0.0)
    config = finetune_config(pretrained=pretrained, optimiser=small, seed=1)
    result = finetune(config, tracker=silent)

    before = load_checkpoint(pretrained).encoder
    after = load_checkpoint(result.directory / "best_model.pt").encoder
    for name, tensor in before.items():
        assert not torch.equal(after[name], tensor), name
        if "running_" not in name and "num_batches" not in name:
            assert torch.allclose(after[name], tensor, atol=1e-4), name


def test_without_one_it_starts_from_chance(pretrained, finetune_config, silent):
    small = OptimiserConfig(lr=1e-6, weight_decay=0.0)
    result = finetune(finetune_config(optimiser=small, seed=1), tracker=silent)

    before = load_checkpoint(pretrained).encoder["front_end.third.weight"]
    after = load_checkpoint(result.directory / "best_model.pt").encoder["front_end.third.weight"]
    assert not torch.allclose(after, before, atol=1e-2)


def test_who_was_seen_in_pretraining_is_remembered_and_counted(
    pretrained, finetune_config, make_cohort, on, silent
):
    """None of them is under test; then the sides are swapped, and three are."""
    result = finetune(finetune_config(pretrained=pretrained), tracker=silent)
    checkpoint = load_checkpoint(result.directory / "best_model.pt")
    everyone_in_train = tuple(f"toy:p{number:03}" for number in range(6))
    assert checkpoint.persons == everyone_in_train
    assert result.metrics["test_persons_seen_in_pretraining"] == 0
    assert "was trained on" not in (result.directory / "train.log").read_text()

    cohort = make_cohort()
    split = replace(
        cohort.split, train=("006", "009", *cohort.split.train[3:]), test=("000", "001")
    )
    on(replace(cohort, split=split))
    result = finetune(finetune_config(pretrained=pretrained), tracker=silent)
    assert result.metrics["test_persons_seen_in_pretraining"] == 2
    assert (
        "was trained on 2 of the 2 persons it is tested on here"
        in (result.directory / "train.log").read_text()
    )
    checkpoint = load_checkpoint(result.directory / "best_model.pt")
    assert checkpoint.persons == (*everyone_in_train, "toy:p006", "toy:p009")


def test_an_encoder_that_does_not_fit_is_refused_before_anything_is_done(
    pretrained, finetune_config, silent, mocker
):
    read = mocker.patch("pahcl_core.training.finetune.read_cohort")
    wider = replace(finetune_config().encoder, width=32)
    config = finetune_config(pretrained=pretrained, encoder=wider)

    with pytest.raises(SettingError, match=r"match them with --set encoder.width=16$"):
        finetune(config, tracker=silent)

    read.assert_not_called()
    assert not (config.output_dir / config.name).exists()


def test_what_is_saved_says_what_it_is(finetune_config, make_cohort, on, silent):
    on(make_cohort())
    config = finetune_config()

    result = finetune(config, tracker=silent)

    best = load_checkpoint(result.directory / "best_model.pt")
    assert (best.kind, best.provenance) == ("finetune", "synthetic")
    assert best.task == TASKS["circor_murmur"]
    assert best.temperature == result.metrics["calibration"]["temperature"]
    assert (best.origin["seed"], best.origin["versions"]) == (config.seed, versions())
    assert (best.encoder_config, best.signal) == (config.encoder, config.signal)
    assert best.epoch == result.metrics["best_epoch"]
