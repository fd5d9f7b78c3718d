"""A device without double precision: what is computed in it is computed on the host."""

import numpy as np
import pytest
import torch
from torch import nn

from pahcl_core.training.finetuning import Finetuning
from pahcl_core.training.optimisation import Optimiser
from pahcl_core.training.pretraining import Pretraining
from pahcl_core.training.resumption import TrainingState, random_state, restore
from support.objectives import contrastive
from support.single_precision import SinglePrecision

MPS = torch.device("mps")


@pytest.fixture
def learner(request, finetune_config, pretrain_config, make_cohort, make_cohorts):
    kind = request.param
    if kind != "pretrain":
        return Finetuning(finetune_config(pooling=kind), torch.device("cpu"), None, make_cohort())
    config = pretrain_config(objective=contrastive(prediction_weight=1, anchor_weight=1))
    return Pretraining(config, torch.device("cpu"), make_cohorts(config, toy=make_cohort()))


@pytest.mark.parametrize("learner", ["statistics", "attention", "vote", "pretrain"], indirect=True)
def test_an_epoch_needs_none_on_the_device(learner):
    with SinglePrecision():
        learner.begin_epoch(1)
        learner.loss(np.arange(8)).backward()
        figures = {**learner.train_scores(), **learner.validate()}

    assert np.isfinite(figures["train/loss"])
    assert np.isfinite(figures["val/loss"])


def test_the_played_device_refuses_as_the_real_one():
    """Or the above would say nothing."""
    with SinglePrecision():
        logits = torch.zeros(2, 3)
        with pytest.raises(TypeError, match="Cannot convert a MPS Tensor to float64"):
            logits.double()
        with pytest.raises(TypeError, match="Cannot convert a MPS Tensor to float64"):
            logits.to(torch.float64)
        assert logits.cpu().double().softmax(dim=1).dtype == torch.float64


@pytest.mark.parametrize(("device", "restored"), [(MPS, True), (torch.device("cpu"), False)])
def test_a_training_on_mps_goes_on_with_its_random_numbers(mocker, device, restored):
    drawn = torch.arange(44, dtype=torch.uint8)
    mocker.patch("torch.mps.get_rng_state", return_value=drawn)
    put_back = mocker.patch("torch.mps.set_rng_state")
    encoder, heads = nn.Linear(1, 1), nn.Linear(1, 1)
    optimiser = mocker.create_autospec(Optimiser, instance=True)
    state = TrainingState(
        epoch=1, step=1, best_epoch=1, best_val={}, encoder=encoder.state_dict(),
        heads=heads.state_dict(), learner={}, optimiser={}, random=random_state(MPS), data="same",
    )  # fmt: skip

    restore(state, encoder=encoder, heads=heads, optimiser=optimiser, data="same", device=device)

    assert put_back.call_args_list == ([mocker.call(drawn)] if restored else [])
    assert torch.equal(state.random["cpu"], torch.get_rng_state())
