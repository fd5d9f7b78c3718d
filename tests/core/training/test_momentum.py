"""The follower comes after the encoder as by hand; its keys queue up, and nothing teaches it."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from oracles.momentum import Ring, followed, momentum_contrast_by_definition
from pahcl_core.models.encoder import EncoderConfig
from pahcl_core.training.augmentation import AugmentationConfig
from pahcl_core.training.momentum import Keys, Queue
from pahcl_core.training.optimisation import Optimiser, OptimiserConfig
from pahcl_core.training.pretraining import Pretraining
from support.objectives import contrastive

STILL = AugmentationConfig(gain=0.0, noise=0.0, shift_s=0.0)
ENCODER = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024, dropout=0.0)
FIRST, SECOND = np.array([0, 1, 5, 8, 30]), np.array([3, 9, 17, 25, 26, 44])


@pytest.fixture
def learner(pretrain_config, make_cohorts):
    def make(*, encoder=ENCODER, augmentation=STILL, **objective):
        settings = {"negatives": "queue", "queue_size": 24, "momentum": 0.9, **objective}
        config = pretrain_config(
            encoder=encoder, augmentation=augmentation, objective=contrastive(**settings)
        )
        torch.manual_seed(0)
        one = Pretraining(config, torch.device("cpu"), make_cohorts(config))
        one.begin_epoch(1)
        return one

    return make


def shake(one, seed):
    """What a step of an optimiser might do to the encoder and its heads."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in (one.encoder, one.heads):
            for parameter in module.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))


def tensors(encoder, heads):
    """Parameters and buffers, by name."""
    of_encoder = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    return of_encoder | {f"heads.{name}": value for name, value in heads.state_dict().items()}


def keys(persons, *, num_parts=2, size=3):
    """Keys that tell by every value whose they are."""
    person = torch.tensor(persons)
    cycle = person[:, None] + torch.arange(size) / 10
    parts = 100.0 * person[:, None, None] + torch.arange(num_parts * size).view(num_parts, size)
    valid = torch.stack([(person + k) % 3 > 0 for k in range(num_parts)], dim=1)
    return Keys(cycle, parts, valid, person)


@pytest.mark.parametrize("counts", [[3, 3, 3, 3], [7, 7], [1, 5, 6, 2], [2, 9, 1], [16, 3]])
def test_the_queue_is_a_ring(counts):
    """Of seven places, filled one at a time; batches that fit, do not divide it, or are larger."""
    queue, ring = Queue(7, num_parts=2, size=3), Ring(7)
    where = [tensor.data_ptr() for tensor in queue.buffers()]
    pushed = 0
    for count in counts:
        persons = list(range(pushed, pushed + count))
        pushed += count
        queue.push(keys(persons))
        ring.push(persons)

        # More at once than it holds begin where the pointer is, so only the order may differ.
        held = [person for person in ring.places if person is not None]
        places = queue.person[queue.filled].tolist()
        assert places == held if max(counts) <= 7 else sorted(places) == sorted(held)
        expected = keys(places)
        for name, tensor in expected._asdict().items():
            assert torch.equal(getattr(queue, name)[queue.filled], tensor.to(tensor.dtype))
        assert not queue.valid[~queue.filled].any()
    if max(counts) <= 7:
        assert queue.pointer.item() == ring.next
    assert [tensor.data_ptr() for tensor in queue.buffers()] == where


def test_a_queue_of_one_place_holds_the_last_key():
    queue = Queue(1, num_parts=2, size=3)
    queue.push(keys([4, 7]))
    queue.push(keys([9, 2, 5]))

    assert queue.person.tolist() == [5]


def test_everything_follows_as_by_hand(learner):
    """Weights and statistics by equation 2, after three steps; counts of batches are equal."""
    with_statistics = replace(ENCODER, name="resnet34_1d", num_blocks=0, state_size=0)
    one = learner(encoder=with_statistics)
    expected = {name: t.clone() for name, t in tensors(one.encoder, one.heads).items()}
    for seed, batch in enumerate((FIRST, SECOND, FIRST)):
        one.loss(batch)
        shake(one, seed)
        one.after_step(0.1)
        for name, theirs in tensors(one.encoder, one.heads).items():
            mine = followed(expected[name].flatten().tolist(), theirs.flatten().tolist(), 0.9)
            expected[name] = torch.tensor(mine, dtype=torch.float64).view(theirs.shape)

    found = tensors(one.momentum.encoder, one.momentum.objective.heads)
    assert found.keys() == expected.keys()
    counts = [name for name in found if name.endswith("num_batches_tracked")]
    assert {found[name].item() for name in counts} == {6}  # two views in each of three steps
    for name in found.keys() - set(counts):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-7, err_msg=name)
    start = learner(encoder=with_statistics)
    moved = [
        name
        for name in found
        if not torch.equal(found[name], tensors(start.encoder, start.heads)[name])
    ]
    assert any("running_var" in name for name in moved)


def rows(one, window, encoder, heads):
    """Where the cycles and phases of a view are compared, as the oracle takes them."""
    with torch.no_grad():
        embeddings = encoder(*window)
        cycle = heads["cycle"](embeddings.cycle).tolist()
        phases = heads["phase"](embeddings.phases).tolist()
    assert embeddings.phase_valid.all()
    of_phases = {(i, k): phase for i, four in enumerate(phases) for k, phase in enumerate(four)}
    return {(i, 0): row for i, row in enumerate(cycle)}, of_phases


@pytest.mark.parametrize("exclude", [True, False])
def test_the_loss_is_against_the_keys_of_the_follower(learner, mocker, exclude):
    """Those of this batch and, in the queue, those it had made before it followed."""
    one = learner(
        temperature=0.3, cycle_weight=2.0, substructure_weight=0.25, exclude_same_person=exclude
    )
    seen = mocker.spy(type(one.source), "shifted")
    before = copy.deepcopy(one.encoder).eval(), copy.deepcopy(one.heads)
    one.loss(FIRST)
    shake(one, 1)
    one.after_step(0.1)
    online = copy.deepcopy(one.encoder)  # in training mode: by the statistics of the batch
    losses = one._losses(SECOND, 1)

    shown = [call.args[1] for call in seen.mock_calls]
    windows = [one.source[cycles] for cycles in shown]
    follower = one.momentum.encoder, one.momentum.objective.heads
    held = [rows(one, window, *before) for window in windows[:2]]
    queries = [rows(one, window, online, one.heads) for window in windows[2:4]]
    new = [rows(one, window, *follower) for window in windows[2:4]]
    expected = []
    for level in range(2):
        queue = [
            (one.person[FIRST[i]], kind, key)
            for view in held
            for (i, kind), key in view[level].items()
        ]
        expected.append(
            momentum_contrast_by_definition(
                tuple(view[level] for view in queries),
                tuple(view[level] for view in new),
                queue,
                0.3,
                one.person[SECOND] if exclude else None,
            )
        )
    assert losses.cycle.item() == pytest.approx(expected[0], rel=1e-5)
    assert losses.substructure.item() == pytest.approx(expected[1], rel=1e-5)
    assert losses.total.item() == pytest.approx(2 * expected[0] + 0.25 * expected[1], rel=1e-5)


def test_keys_wait_for_the_step(learner):
    """Of all batches that it was made of; both views of each cycle, and whose they are."""
    one = learner()
    one.loss(FIRST)
    one.loss(SECOND)
    assert not one.momentum.queue.filled.any()

    one.after_step(0.1)

    queue = one.momentum.queue
    order = [*FIRST, *FIRST, *SECOND, *SECOND]
    assert queue.person[queue.filled].tolist() == one.person[order].tolist()


@pytest.mark.parametrize("pooling", [4, 8])
def test_substructures_queue_up_as_they_are_cut(learner, pooling):
    one = learner(substructures=pooling)

    one.loss(FIRST)
    one.after_step(0.1)

    assert one.momentum.queue.parts.shape == (24, pooling, 64)
    assert one.momentum.queue.valid[:10].all()


def test_nothing_teaches_the_follower(learner):
    """It has no gradient, no optimiser has it, and keys in the queue have none either."""
    one = learner()
    for batch in (FIRST, SECOND):
        one.loss(batch).backward()
        one.after_step(0.1)

    followers = list(one.momentum.parameters())
    assert followers
    assert all(p.grad is None and not p.requires_grad for p in followers)
    assert not any(tensor.requires_grad for tensor in one.momentum.queue.buffers())
    assert all(p.grad is not None for p in one.encoder.parameters())
    descent = Optimiser(one.encoder, one.heads, OptimiserConfig(lr=1e-3), num_steps=4)
    ours = {id(p) for group in descent._adamw.param_groups for p in group["params"]}
    assert not ours & {id(p) for p in followers}


def test_a_key_depends_on_its_own_cycle_alone(learner):
    """Not on its batch, nor on chance, however much dropout there is."""
    config = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024, dropout=0.5)
    together, alone = learner(encoder=config), learner(encoder=config)
    together.loss(np.array([0, 9, 17]))
    alone.loss(np.array([0]))
    for one in (together, alone):
        one.after_step(0.1)

    np.testing.assert_allclose(
        together.momentum.queue.cycle[0], alone.momentum.queue.cycle[0], rtol=1e-4, atol=1e-6
    )


def test_validation_is_that_of_the_batch_and_leaves_the_queue_alone(learner):
    """The same model has the same validation loss, whatever its negatives are in training."""
    one, plain = learner(), learner(negatives="batch")
    one.loss(FIRST)
    one.after_step(0.5)
    plain.loss(FIRST)
    before = {name: tensor.clone() for name, tensor in one.momentum.state_dict().items()}

    assert one.validate() == plain.validate()
    after = one.momentum.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    one.begin_epoch(2)
    one.loss(SECOND)
    one.after_step(1.0)
    assert one.momentum.queue.filled.sum() == 22  # nothing of the validation came in between


def test_the_checkpoint_is_of_the_encoder_that_is_trained(learner):
    one = learner()
    one.loss(FIRST)
    shake(one, 1)
    one.after_step(0.1)

    kept = one.checkpoint(epoch=1, step=1)

    assert set(kept.heads) == {"cycle", "phase"}
    for name, value in one.encoder.state_dict().items():
        assert torch.equal(kept.encoder[name], value)


def test_without_a_queue_there_is_nothing_more_to_go_on_with(learner):
    one = learner(negatives="batch")

    assert one.momentum is None
    assert one.state_dict() == {}
