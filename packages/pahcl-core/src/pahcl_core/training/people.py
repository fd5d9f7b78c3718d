"""Reading a collection for training: who is in which split, and what was left out."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pahcl_core.data.circor import read_circor
from pahcl_core.data.collection import Collection, Problem, Subject
from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.preparation import Progress, prepare
from pahcl_core.data.splits import Split, read_split, split_people
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig

log = logging.getLogger(__name__)

_SHOWN_PROBLEMS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Cohort:
    """A collection, read, segmented and dealt out."""

    collection: Collection
    cycles: CycleSet
    split: Split
    problems: tuple[Problem, ...]

    def subjects(self, ids: Sequence[str]) -> tuple[Subject, ...]:
        """The subjects of these numbers, in the collection's order."""
        wanted = set(ids)
        return tuple(s for s in self.collection.subjects if s.subject_id in wanted)

    def persons(self, ids: Sequence[str]) -> tuple[str, ...]:
        """Who they are, as `<collection>:<person>`, sorted."""
        return tuple(sorted({f"{self.collection.name}:{s.person_id}" for s in self.subjects(ids)}))

    @property
    def by_name(self) -> Mapping[str, Sequence[str]]:
        """Subject numbers by the name of their split."""
        return {"train": self.split.train, "val": self.split.val, "test": self.split.test}


def read_cohort(config: FinetuneConfig | PretrainConfig, progress: Progress) -> Cohort:
    """Read, segment and split a collection.

    The split depends on the persons, their labels, the fractions and the seed alone, not on the
    task: pretraining and every fine-tuning with the same seed leave the same persons out.

    Raises:
        DataError: If the collection cannot be read, or is too small to split.
    """
    collection = read_circor(
        config.data_dir, strict=config.reading.strict, max_damaged=config.reading.max_damaged
    )
    if config.split.file is not None:
        split = read_split(config.split.file, collection.subjects)
    else:
        split = split_people(
            collection.subjects,
            label="murmur",
            also=("outcome",),
            seed=config.seed,
            fractions=config.split.fractions,
        )
    cycles, found = prepare(
        collection, config.signal, num_workers=config.num_workers, progress=progress
    )
    problems = (*collection.problems, *found)
    _tell(problems)
    log.info(
        "read %d recordings of %d subjects (%s): %d cycles",
        len(cycles.recordings), len(collection.subjects), collection.provenance, len(cycles),
    )  # fmt: skip
    return Cohort(collection=collection, cycles=cycles, split=split, problems=problems)


def _tell(problems: Sequence[Problem]) -> None:
    for problem in problems:
        log.info("%s", problem)
    if problems:
        shown = "; ".join(str(problem) for problem in problems[:_SHOWN_PROBLEMS])
        more = len(problems) - _SHOWN_PROBLEMS
        rest = f"; and {more} more, in train.log" if more > 0 else ""
        things = "1 thing" if len(problems) == 1 else f"{len(problems)} things"
        log.warning("%s in the data could not be used: %s%s", things, shown, rest)
