"""Several processes train as one does: the same losses, gradients, statistics and weights.

One process computes on plain layers of torch, with nothing exchanged, in the same double precision.
"""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from pahcl_core.training.objective import ObjectiveConfig
from pahcl_core.training.ranks import ALONE, Ranks
from support.rank_process import start_ranks
from support.rank_work import BATCHES, everything
from support.threads import num_threads

COUNT = 3
CLOSE = dict(rtol=1e-8, atol=1e-9)  # a bias before a norm has a gradient of rounding alone


@pytest.fixture(scope="module")
def works(finetune_config, pretrain_config, make_cohort, make_cohorts, tmp_path_factory):
    """Trainings of two epochs, with dropout, augmentation and batches that do not divide."""
    cohort = make_cohort()
    plain = pretrain_config()
    schedule = replace(plain.training, batch_size=11, log_every=1)
    encoder = replace(plain.encoder, dropout=0.2)
    alike = dict(training=schedule, encoder=encoder)
    queue = replace(plain.objective, negatives="queue", queue_size=16)
    config = pretrain_config(**alike)
    cohorts = make_cohorts(config, circor=cohort)
    default = replace(config, objective=ObjectiveConfig())
    changes = replace(config.augmentation, band_noise=0.1, frequency_mask_octaves=1.0)
    few = replace(default, training=replace(schedule, batch_size=2), augmentation=changes)
    return {
        name: (settings, people, tmp_path_factory.mktemp(name))
        for name, settings, people in [
            ("pretrain", config, cohorts),
            ("queue", replace(config, objective=queue), cohorts),
            ("default", default, cohorts),
            ("few", few, cohorts),  # a rank has none
            ("finetune", finetune_config(**alike, pooling="attention"), cohort),
            ("vote", finetune_config(**alike, pooling="vote"), cohort),
        ]
    }


@pytest.fixture(scope="module")
def several(works, tmp_path_factory):
    """What each of several ranks found."""
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "works.pkl").write_bytes(pickle.dumps(works))
    processes = start_ranks(COUNT, "-m", "support.rank_work", folder, cwd=folder)
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    return [pickle.loads((folder / f"rank_{rank}.pkl").read_bytes()) for rank in range(COUNT)]


@pytest.fixture(scope="module")
def one(works, tmp_path_factory):
    """What one process finds."""
    elsewhere = {
        name: (config, people, tmp_path_factory.mktemp("alone"))
        for name, (config, people, _) in works.items()
    }
    # One thread, as each rank has: others add up in another order.
    with num_threads(1), torch.random.fork_rng():
        return everything(ALONE, elsewhere)


@pytest.mark.parametrize("step", range(len(BATCHES) + 1))
def test_layers_and_negatives_are_those_of_the_whole_batch(several, one, step):
    """Loss, norms of the gradient, weights after the step, and running statistics."""
    wanted = one["layers"]["steps"][step]
    for rank in several:
        found = rank["layers"]["steps"][step]
        assert set(found) == set(wanted)
        for name, value in wanted.items():
            torch.testing.assert_close(
                found[name], value, **CLOSE, msg=lambda m, n=name: f"{n}: {m}"
            )


def test_random_generators_stay_in_step(several, one):
    """So that a run may go on with another number of ranks."""
    for part in ("layers", "pretrain", "default", "few", "finetune", "vote"):
        for rank in several:
            assert torch.equal(rank[part]["random"], one[part]["random"])


def test_gathered_rows_are_in_the_order_of_the_batch(several):
    for rank in several:
        truths, numbers, nothing = rank["kinds"]
        assert truths.tolist() == [True, False, True, False, True]
        assert numbers.tolist() == [0, 1, 2, 3, 4]
        assert nothing.shape == (5, 0, 3)


@pytest.mark.parametrize("kind", ["pretrain", "queue", "default", "few", "finetune", "vote"])
def test_a_training_is_that_of_one_process(several, one, kind):
    """Every value reported, the best epoch, and the weights at the end, on each rank."""
    wanted = one[kind]
    for rank in several:
        found = rank[kind]
        assert found["best"][0] == wanted["best"][0]
        assert found["best"][1] == pytest.approx(wanted["best"][1], rel=1e-7)
        for part in ("encoder", "heads"):
            for name, value in wanted[part].items():
                torch.testing.assert_close(found[part][name], value, rtol=1e-6, atol=1e-8)
    assert len(wanted["logged"]) > 4
    for (step, values), (step_found, values_found) in zip(
        wanted["logged"], several[0][kind]["logged"], strict=True
    ):
        assert step_found == step
        assert values_found == pytest.approx(values, rel=1e-7)


def test_the_first_rank_alone_writes(works, several):
    for _, _, directory in works.values():
        for rank in range(COUNT):
            files = {path.name for path in (directory / f"rank_{rank}").iterdir()}
            assert files == ({"best_model.pt", "resume.pt"} if rank == 0 else set())


def test_all_ranks_hold_the_same_bits(several):
    for kind in ("pretrain", "default", "few", "finetune", "vote"):
        for rank in several[1:]:
            for name, value in several[0][kind]["encoder"].items():
                assert torch.equal(rank[kind]["encoder"][name], value), name


@pytest.mark.parametrize(("rows", "count"), [(7, 3), (6, 3), (2, 5), (0, 2)])
def test_shares_are_contiguous_even_and_complete(rows, count):
    shares = [Ranks(rank, count).share(np.arange(rows)) for rank in range(count)]

    assert np.concatenate(shares).tolist() == list(range(rows))
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


def test_one_process_by_itself_is_left_alone():
    """Nothing is copied, nor waited for."""
    rows = torch.arange(3.0)

    assert ALONE.gather(rows) is rows
    assert ALONE.told(rows) is rows
    with ALONE.one_then_others():
        ALONE.average_gradients([])
    assert ALONE.first
