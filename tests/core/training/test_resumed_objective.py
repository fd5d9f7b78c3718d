"""A training goes on as if it had not been interrupted, whatever is minimised."""

import pytest
import torch

from pahcl_core.training.objective import ObjectiveConfig
from pahcl_core.training.pretrain import describe_pretrain, pretrain
from pahcl_core.training.run_directory import STATE
from pahcl_core.training.settings import ScheduleConfig
from pahcl_track import Session
from support.histories import history
from support.objectives import contrastive

QUEUE = contrastive(
    negatives="queue",
    queue_size=27,
    momentum=0.7,
    substructures=4,
    cycle_starts=0.2,
    cycle_full=0.9,
)
SCHEDULE = ScheduleConfig(
    epochs=4, batch_size=8, cycles_per_recording=2, log_every=1, histogram_every=0
)


@pytest.fixture
def trained(pretrain_config, make_cohort, on, tmp_path):
    """A function that trains in a folder and returns it, with dropout at work."""
    on(make_cohort())

    def run(name, objective=QUEUE, *, resume=False, progress=lambda items, total: items):
        config = pretrain_config(
            output_dir=tmp_path / name,
            experiment_name="run",
            objective=objective,
            training=SCHEDULE,
        )
        described = describe_pretrain(config, config={})
        pretrain(config, tracker=Session({}), run=described, resume=resume, progress=progress)
        return tmp_path / name / "run"

    return run


@pytest.mark.parametrize(("objective", "epoch"), [(QUEUE, 2), (QUEUE, 4), (ObjectiveConfig(), 3)])
def test_the_end_is_the_same_to_the_bit(trained, stop_in_epoch, objective, epoch):
    """When the queue is partly filled, and when it has come round; and by default.

    The anchor is told from a copy of the encoder as it began, which is kept in no file.
    """
    whole = trained("whole", objective)

    with pytest.raises(KeyboardInterrupt):
        trained("cut", objective, progress=stop_in_epoch(epoch, KeyboardInterrupt()))
    cut = trained("cut", objective, resume=True)

    assert (cut / "best_model.pt").read_bytes() == (whole / "best_model.pt").read_bytes()
    assert history(cut) == history(whole)


def test_queue_follower_and_projections_are_kept(trained, stop_in_epoch, tmp_path):
    """With the place where the queue goes on, as plain tensors."""
    with pytest.raises(KeyboardInterrupt):
        trained("cut", progress=stop_in_epoch(3, KeyboardInterrupt()))

    content = torch.load(tmp_path / "cut/run" / STATE, weights_only=True)

    kept = content["learner"]["momentum"]
    steps = content["step"]
    assert steps == 4
    assert kept["queue.filled"].all()
    assert kept["queue.pointer"].item() == 2 * 2 * 16 % 27  # two epochs of 16 cycles in two views
    assert kept["queue.parts"].shape == (27, 4, 64)
    for name, value in content["encoder"].items():
        mine = kept[f"encoder.{name}"]
        if name.endswith(("weight", "running_mean")):
            assert not torch.equal(mine, value)
    assert {f"objective.heads.{name}" for name in content["heads"]} <= kept.keys()
