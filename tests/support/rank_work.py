"""Work that several processes share, or one does by itself: `python -m support.rank_work`.

Everything is in double precision, so that one process and several differ by rounding alone, and
rounding cannot be taken for anything else.
"""

import pickle
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pahcl_core.losses.info_nce import info_nce
from pahcl_core.training.finetuning import Finetuning
from pahcl_core.training.loop import train
from pahcl_core.training.optimisation import Optimiser, OptimiserConfig
from pahcl_core.training.pretraining import Pretraining
from pahcl_core.training.rank_layers import over_ranks
from pahcl_core.training.ranks import ALONE, joined
from pahcl_core.training.settings import PretrainConfig

BATCHES = (7, 2, 5)
"""Rows: of three ranks one or more has one more than the others, or none."""


def contrast_of_layers(ranks):
    """Steps of a small network with two views, whose negatives are all rows of the batch."""
    torch.manual_seed(0)
    encoder = nn.Sequential(
        nn.Conv1d(1, 4, 3), nn.BatchNorm1d(4), nn.Dropout(0.3), nn.GELU(),
        nn.Conv1d(4, 3, 3, bias=False), nn.BatchNorm1d(3), nn.Flatten(), nn.BatchNorm1d(18),
    ).double()  # fmt: skip
    head = nn.Linear(18, 5).double()
    views = [torch.randn(2, rows, 1, 10, dtype=torch.float64) for rows in BATCHES]
    over_ranks(encoder, ranks)
    steps = Optimiser(encoder, head, OptimiserConfig(lr=1e-2), num_steps=len(views), ranks=ranks)
    seen = []
    for step, (first, second) in enumerate(views, start=1):
        own = ranks.share(np.arange(len(first)))
        embedded = [head(ranks.gather(encoder(view[own]))) for view in (first, second)]
        person = torch.arange(len(first)) // 2
        loss = info_nce(*embedded, temperature=0.5, person=person)
        norms = steps.step(loss, step)
        seen.append({"loss": loss.detach(), **norms, **state(encoder), **state(head)})
    encoder.eval()
    own = ranks.share(np.arange(7))
    seen.append({"evaluated": ranks.gather(encoder(views[0][0][own])).detach()})
    return {"steps": seen, "random": torch.get_rng_state()}


def gathered_kinds(ranks):
    """Of truth values, whole numbers, and rows of nothing."""
    own = torch.from_numpy(ranks.share(np.arange(5)))
    nothing = torch.zeros(len(own), 0, 3)
    return [ranks.gather(one) for one in (own % 2 == 0, own, nothing)]


def training(ranks, work):
    """A whole training, its loss in every step and the weights at its end."""
    config, people, directory = work
    torch.manual_seed(1)
    make = Pretraining if isinstance(config, PretrainConfig) else _finetuning
    learner = make(config, torch.device("cpu"), people, ranks)
    for part in (learner.encoder, learner.heads):
        part.double()
    learner.source._samples = learner.source._samples.double()
    if isinstance(config, PretrainConfig):
        held = learner.anchor and learner.anchor._copy[0]
        for part in (learner.momentum, learner.prediction, held):
            if part is not None:
                part.double()
    tracker = Remembers()
    own = directory / f"rank_{ranks.rank}"
    own.mkdir()
    trained = train(
        learner, schedule=config.training, optimiser=config.optimiser.settled(1e-3),
        seed=config.seed, directory=own, tracker=tracker, ranks=ranks,
        progress=lambda items, total: items,
        units=learner.draws if isinstance(learner, Finetuning) else None,
    )  # fmt: skip
    return {
        "logged": tracker.logged,
        "best": (trained.best_epoch, dict(trained.best_val)),
        "encoder": state(learner.encoder),
        "heads": state(learner.heads),
        "random": torch.get_rng_state(),
    }


def _finetuning(config, device, cohort, ranks):
    learner = Finetuning(config, device, None, cohort, ranks)
    learner.examples.weights = learner.examples.weights.double()
    return learner


class Remembers:
    """A tracker that keeps what it is told."""

    def __init__(self):
        self.logged = []

    def start(self, run): ...

    def log(self, values, *, step):
        kept = {
            k: v for k, v in values.items() if not k.startswith(("throughput", "param", "gradi"))
        }
        self.logged.append((step, kept))

    def save(self, path, *, kind): ...

    def finish(self, outcome): ...


def state(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def everything(ranks, works):
    """All of the above; `works` by name."""
    return {
        "layers": contrast_of_layers(ranks),
        "kinds": gathered_kinds(ranks),
        **{name: training(ranks, work) for name, work in works.items()},
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    works = pickle.loads((folder / "works.pkl").read_bytes())
    with joined(torch.device("cpu")) as ranks:
        assert ranks is not ALONE
        found = everything(ranks, works)
        (folder / f"rank_{ranks.rank}.pkl").write_bytes(pickle.dumps(found))
