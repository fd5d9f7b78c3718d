"""Several collections pretrained on together: their cycles as one set, their people kept apart.

Each collection has the split that a fine-tuning of the same seed makes. Those that pretraining may
use are dealt out once more, person by person within each collection: most are trained on, the
others are what the validation loss is computed on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from pahcl_core.data.collection import Provenance
from pahcl_core.data.cycle_set import CycleSet, joined
from pahcl_core.data.preparation import Progress
from pahcl_core.data.splits import set_aside
from pahcl_core.errors import DataError
from pahcl_core.training.people import Cohort, read_people, segmented, tell
from pahcl_core.training.settings import PretrainConfig

Side = Mapping[str, Sequence[str]]
"""Subject numbers by the name of their collection."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cohorts:
    """Collections that are pretrained on, by the names that the settings give them."""

    by_name: Mapping[str, Cohort]
    train: Side
    """Who is trained on."""

    val: Side
    """Whose cycles the validation loss is computed on; no person of theirs is trained on."""

    cycles: CycleSet
    """Of all collections, also of those who are on no side. Numbers of recordings and of subjects
    begin with the collection's name, such as `circor/50782_MV_1`."""

    def cycles_of(self, side: Side) -> Int64[np.ndarray, "chosen"]:
        """Indices of the cycles of these subjects, ascending."""
        return self.cycles.of_subjects(
            [f"{name}/{number}" for name, numbers in side.items() for number in numbers]
        )

    def persons(self, *sides: Side) -> tuple[str, ...]:
        """Who they are, as `<collection>:<person>`, sorted and once each."""
        found = {
            f"{name}:{subject.person_id}"
            for side in sides
            for name, numbers in side.items()
            for subject in self.by_name[name].subjects(numbers)
        }
        return tuple(sorted(found))

    @property
    def person(self) -> Int64[np.ndarray, "cycles"]:
        """A number for the person each cycle is of."""
        person_of = {
            f"{name}/{subject.subject_id}": f"{name}:{subject.person_id}"
            for name, cohort in self.by_name.items()
            for subject in cohort.collection.subjects
        }
        number = {person: place for place, person in enumerate(sorted(set(person_of.values())))}
        return self._of_recordings(
            [number[person_of[r.subject_id]] for r in self.cycles.recordings]
        )

    @property
    def collection(self) -> Int64[np.ndarray, "cycles"]:
        """Which collection each cycle is of, as its place in `by_name`."""
        counts = [len(cohort.cycles.recordings) for cohort in self.by_name.values()]
        return self._of_recordings(np.repeat(np.arange(len(counts)), counts).tolist())

    def _of_recordings(self, numbers: Sequence[int]) -> Int64[np.ndarray, "cycles"]:
        """For each cycle the number of its recording."""
        result: Int64[np.ndarray, "cycles"] = np.array(numbers, dtype=np.int64)[
            self.cycles.recording
        ]
        return result

    @property
    def provenance(self) -> Provenance:
        """Synthetic where any collection is."""
        kinds = {cohort.collection.provenance for cohort in self.by_name.values()}
        return "synthetic" if "synthetic" in kinds else "real"

    def account(self) -> dict[str, dict[str, Any]]:
        """What was used of each collection, for `final_metrics.json`."""
        return {name: self._account_of(name, cohort) for name, cohort in self.by_name.items()}

    def _account_of(self, name: str, cohort: Cohort) -> dict[str, Any]:
        sides = {side: {name: found[name]} for side, found in self._sides.items()}
        chosen = {side: self.cycles_of(numbers) for side, numbers in sides.items()}
        return {
            "provenance": cohort.collection.provenance,
            "n": {side: len(cycles) for side, cycles in chosen.items()},
            "n_persons": {side: len(self.persons(numbers)) for side, numbers in sides.items()},
            "n_recordings": {
                side: len(np.unique(self.cycles.recording[cycles]))
                for side, cycles in chosen.items()
            },
            "not_used": len(cohort.problems),
        }

    @property
    def _sides(self) -> dict[str, Side]:
        return {"train": self.train, "val": self.val}


def read_cohorts(config: PretrainConfig, progress: Progress) -> Cohorts:
    """Read, segment and deal out all collections; none is prepared before all were read.

    Raises:
        DataError: If one cannot be read, too much of it is damaged, or it is too small to split.
    """
    is_alone = len(config.data) == 1
    read = {
        name: read_people(name, root, config, is_alone=is_alone)
        for name, root in sorted(config.data.items())  # the order they are given in is no setting
    }
    by_name: dict[str, Cohort] = {}
    for name, (collection, split) in read.items():
        by_name[name] = segmented(collection, split, config, progress)
        tell(by_name[name], name)
    return cohorts_of(by_name, config)


def cohorts_of(by_name: Mapping[str, Cohort], config: PretrainConfig) -> Cohorts:
    """These collections, with those pretrained on dealt out.

    Raises:
        DataError: If one has too few persons: two, or four where there is no other collection.
    """
    # A person who is alone on a side has nobody to be told apart from.
    least = 2 if len(by_name) == 1 else 1
    train, val = dict[str, Sequence[str]](), dict[str, Sequence[str]]()
    for name, cohort in by_name.items():
        split = cohort.split
        allowed = (
            split.train if config.train_on == "train" else (*split.train, *split.val, *split.test)
        )
        heard = {recording.subject_id for recording in cohort.cycles.recordings}
        try:
            train[name], val[name] = set_aside(
                cohort.collection.subjects,
                [one for one in allowed if one in heard],
                share=config.validation_share,
                seed=config.seed,
                least=least,
            )
        except DataError as error:
            more = "" if config.train_on == "all" else '; train_on = "all" takes everyone'
            raise DataError(
                f"{name}: too few to pretrain on some and to validate on others: {error}{more}"
            ) from error
    cycles = joined({name: cohort.cycles for name, cohort in by_name.items()})
    return Cohorts(by_name=by_name, train=train, val=val, cycles=cycles)
