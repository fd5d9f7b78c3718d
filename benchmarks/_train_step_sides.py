"""What `train_step.py` times: the parts of a step, and the side without what is not the model."""

import functools
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple, ParamSpec, TypeVar
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from pahcl_core.training import pretraining
from pahcl_core.training.draws import Draw
from pahcl_core.training.optimisation import Optimiser
from pahcl_core.training.prediction import Prediction
from pahcl_core.training.pretraining import Pretraining
from pahcl_core.training.windows import Windows

SEED = 42
STEP, RESIDENT = "the step", "resident batch"
GATHER, CLEAN, FORWARD = "gather, augment", "what is to be predicted", "forwards"
BACKWARD, OPTIMISER, REST = "backwards", "optimiser", "logging and the loop"
PARTS = (GATHER, CLEAN, FORWARD, BACKWARD, OPTIMISER, REST)
P = ParamSpec("P")
T = TypeVar("T")


class Taken(NamedTuple):
    """In seconds, by the clock and of the processor."""

    wall: float
    cpu: float

    @classmethod
    def by_now(cls) -> "Taken":
        """Since some moment before."""
        return cls(time.perf_counter(), time.process_time())

    def since(self, before: "Taken") -> "Taken":
        """The difference."""
        return Taken(self.wall - before.wall, self.cpu - before.cpu)

    def plus(self, other: "Taken", times: float = 1.0) -> "Taken":
        """With the other, so many times."""
        return Taken(self.wall + times * other.wall, self.cpu + times * other.cpu)


class Parts:
    """What each part took on each side, less the parts inside it; nothing until it is `on`."""

    def __init__(self, wait: Callable[[], None]) -> None:
        self.on = False
        self.side = STEP
        self.taken: dict[tuple[str, str], Taken] = defaultdict(lambda: Taken(0.0, 0.0))
        self._wait = wait
        self._open: list[str] = []
        self._since = Taken.by_now()

    def timed(self, part: str, function: Callable[P, T]) -> Callable[P, T]:
        """The function, as that part."""

        @functools.wraps(function)
        def call(*args: P.args, **options: P.kwargs) -> T:
            if not self.on:
                return function(*args, **options)
            self.begin(part)
            made = function(*args, **options)
            self.end()
            return made

        return call

    def begin(self, part: str) -> None:
        """What comes is of this part, until its end or that of one inside it begins."""
        self._charge()
        self._open.append(part)

    def end(self) -> None:
        """Of the part begun last."""
        self._charge()
        self._open.pop()

    def _charge(self) -> None:
        self._wait()
        now = Taken.by_now()
        if self._open:
            key = self.side, self._open[-1]
            self.taken[key] = self.taken[key].plus(now.since(self._since))
        self._since = now

    def watching(self) -> ExitStack:
        """Have the functions that make a step timed for as long as it is open."""
        stack = ExitStack()
        for owner, name, part in (
            (pretraining, "view_of", GATHER),
            (pretraining, "pairs_of", GATHER),
            (Pretraining, "_hidden", GATHER),
            (Prediction, "targets", CLEAN),
            (Pretraining, "loss", FORWARD),
            (Resident, "loss", FORWARD),
            (Tensor, "backward", BACKWARD),
            (Optimiser, "step", OPTIMISER),
        ):
            watched = self.timed(part, getattr(owner, name))
            stack.enter_context(mock.patch.object(owner, name, watched))
        return stack


class Resident:
    """The model of a learner, and a batch of random sound on its device."""

    def __init__(self, learner: Pretraining) -> None:
        """Make the batch.

        Args:
            learner: Its encoder, projections and settings are used, and nothing that draws.
        """
        learner.begin_epoch(1)
        self._learner = learner
        config = learner.config
        rng = np.random.default_rng(SEED)
        cycles = rng.choice(learner.train_cycles, config.training.batch_size, replace=False)
        bounds = learner.source[cycles].bounds
        shape = (len(cycles), learner.source.num_samples)
        self._views = [Windows(torch.randn(shape, device=learner.device), bounds) for _ in range(2)]
        self._person = torch.from_numpy(learner.person[cycles]).to(learner.device)
        self._hidden: list[Tensor] = []
        self._targets: list[Windows] = []
        if learner.prediction is not None:
            index = torch.from_numpy(cycles).to(learner.device)
            self._hidden = [learner.prediction.hidden(index, Draw(SEED, 1, n)) for n in range(2)]
            made = [learner.prediction.targets(view) for view in self._views]
            self._targets = [Windows(target, bounds) for target in made]
            learner.prediction.targets = lambda clean: clean.samples  # made once, above
        self._descent = Optimiser(
            learner.encoder,
            learner.heads,
            config.optimiser.settled(2e-3),
            num_steps=config.training.epochs,
            scaler=learner.passes.gradient_scaler(),
        )

    def step(self, num_cycles: int) -> None:
        """Descend once on so many of the batch's cycles."""
        self._descent.step(self.loss(num_cycles), 1)

    def loss(self, num_cycles: int) -> Tensor:
        """What the learner would make of them."""
        learner, objective = self._learner, self._learner.config.objective
        rows = slice(num_cycles)
        hidden = [unseen[rows] for unseen in self._hidden]
        views = [Windows(view.samples[rows], view.bounds[rows]) for view in self._views]
        embedded = [
            learner.passes(
                learner.encoder,
                view,
                num_parts=objective.num_equal_parts,
                hidden=hidden[number] if hidden else None,
            )
            for number, view in enumerate(views)
        ]
        loss = torch.zeros((), device=learner.device)
        if objective.is_contrastive:
            loss = learner.objective(*embedded, self._person[rows]).total
        if learner.prediction is not None:
            clean = [Windows(one.samples[rows], one.bounds[rows]) for one in self._targets]
            predicted = learner.prediction(embedded, hidden, clean).mean()
            loss = loss + objective.prediction_weight * predicted
        if learner.anchor is not None:
            loss = loss + objective.anchor_weight * learner.anchor(embedded, views).mean()
        return loss
