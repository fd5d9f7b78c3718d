"""Reading a collection for training: who is in which split, and what was left out."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pahcl_core.data.collection import Collection, Problem, Subject
from pahcl_core.data.cycle_set import CycleSet, with_windows
from pahcl_core.data.folds import Fold, split_fold
from pahcl_core.data.label_counts import person_counts
from pahcl_core.data.preparation import Progress
from pahcl_core.data.readers import READERS, Reader, collection_of, reader_of_task
from pahcl_core.data.split_files import read_split
from pahcl_core.data.splits import Split, few_shot, having_labels, split_everyone
from pahcl_core.data.store import prepare
from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError
from pahcl_core.training.permuted import permuted
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig, ReadingConfig

log = logging.getLogger(__name__)

_SHOWN_PROBLEMS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Cohort:
    """A collection, read, segmented and dealt out."""

    collection: Collection
    cycles: CycleSet
    """Of the whole collection, also of those who are in no split."""

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


def read_cohort(config: FinetuneConfig, progress: Progress) -> Cohort:
    """Read, segment and split the collection of a task; who has no label of it is left out.

    A recording that cannot be segmented is shown in windows as long as the encoder's.

    The split depends on the persons, their labels, the fractions and the seed alone, not on the
    task: pretraining and every fine-tuning with the same seed leave the same persons out.

    Raises:
        DataError: If the collection cannot be read, too much of it is damaged, or it is too small
            to split.
    """
    task = config.definition
    reader = reader_of_task(task, folds=config.split.folds)
    collection, split = read_people(task.collection, config.data_dir, config, reader=reader)
    cohort = segmented(collection, split, config, progress)
    labelled = _labelled(collection, reader.labels)
    cohort = replace(
        cohort,
        collection=labelled,
        cycles=with_windows(cohort.cycles, config.encoder.window_s),
        split=_among(labelled.subjects, split),
    )
    tell(cohort)
    return cohort


def read_people(
    name: str,
    root: Path,
    config: FinetuneConfig | PretrainConfig,
    *,
    is_alone: bool = True,
    reader: Reader | None = None,
) -> tuple[Collection, Split]:
    """Read who is in a collection, and deal them out.

    Args:
        name: Of the collection, as `collection_of` takes it.
        root: Its folder.
        config: How it is read and split.
        is_alone: Whether the run has no other; see `read_split`.
        reader: How it is read, if not as any collection of that name.

    Raises:
        DataError: As `read_cohort`.
    """
    reader = reader or READERS[collection_of(name)]
    collection = reader.read(
        root, strict=config.reading.strict, max_damaged=config.reading.max_damaged
    )
    if config.reading.permuted_labels:
        collection = permuted(
            collection,
            reader.labels,
            also=reader.follows_from,
            seed=config.reading.permuted_labels,
        )
        log.warning("the labels are PERMUTED: no score says anything but whether something leaks")
    subjects = collection.subjects
    if config.split.file is not None:
        split = read_split(config.split.file, subjects, collection=name, is_alone=is_alone)
        return collection, split
    if config.split.folds:
        return collection, split_fold(
            subjects,
            labels=reader.labels,
            fold=Fold(number=config.split.fold, count=config.split.folds),
            seed=config.split.fold_seed,
            train_and_val=config.split.fractions[:2],
        )
    return collection, split_everyone(
        subjects, labels=reader.labels, seed=config.seed, fractions=config.split.fractions
    )


def segmented(
    collection: Collection,
    split: Split,
    config: FinetuneConfig | PretrainConfig,
    progress: Progress,
) -> Cohort:
    """A collection that was read and dealt out, with its cycles from the store.

    Raises:
        DataError: If too much of it is damaged.
    """
    cycles, found, _ = prepare(
        collection,
        config.signal,
        store=config.prepared,
        num_workers=config.num_workers,
        progress=progress,
    )
    refuse_damage(collection, cycles, found, config.reading)
    return Cohort(
        collection=collection,
        cycles=cycles,
        split=split,
        problems=(*collection.problems, *found),
    )


def _labelled(collection: Collection, labels: Sequence[str]) -> Collection:
    """Without those who cannot be scored."""
    subjects = having_labels(collection.subjects, labels)
    known = {subject.subject_id for subject in subjects}
    recordings = tuple(r for r in collection.recordings if r.subject_id in known)
    return replace(collection, subjects=subjects, recordings=recordings)


def _among(subjects: Sequence[Subject], split: Split) -> Split:
    """The split without the others: a pretraining's holds subjects that have no label."""
    known = {subject.subject_id for subject in subjects}
    train, val, test = (
        tuple(one for one in side if one in known) for side in (split.train, split.val, split.test)
    )
    return replace(split, train=train, val=val, test=test)


def refuse_damage(
    collection: Collection, cycles: CycleSet, found: Sequence[Problem], reading: ReadingConfig
) -> None:
    """Hold damage in the samples to the limits that the reader holds damaged headers to.

    Raises:
        DataError: If there is more, with the first.
    """
    usable = {recording.recording_id for recording in cycles.recordings}
    lost = [one for one in collection.recordings if one.recording_id not in usable]
    if not lost:
        return
    files = {one.path.relative_to(collection.root).as_posix() for one in lost}
    first = next(problem for problem in found if problem.file in files)
    if reading.strict:
        raise DataError(f"{collection.root}: {first}")
    if len(lost) > reading.max_damaged * len(collection.recordings):
        raise DataError(
            f"{collection.root}: {len(lost)} of {len(collection.recordings)} recordings cannot be "
            f"used, more than {reading.max_damaged:.0%}; the first: {first}"
        )


def tell(cohort: Cohort, name: str = "the data") -> None:
    """Log what was read, and of what could not be used the first things and the number."""
    problems = cohort.problems
    for problem in problems:
        log.info("%s", problem)
    if problems:
        shown = "; ".join(str(problem) for problem in problems[:_SHOWN_PROBLEMS])
        more = len(problems) - _SHOWN_PROBLEMS
        rest = f"; and {more} more, in train.log" if more > 0 else ""
        things = "1 thing" if len(problems) == 1 else f"{len(problems)} things"
        log.warning("%s in %s could not be used: %s%s", things, name, shown, rest)
    log.info(
        "%s: read %d recordings of %d subjects (%s): %d cycles",
        name, len(cohort.cycles.recordings), len(cohort.collection.subjects),
        cohort.collection.provenance, len(cohort.cycles),
    )  # fmt: skip


def num_known(cohort: Cohort, persons: Sequence[str], *, source: Path | None) -> int:
    """How many of the persons under test an encoder has been trained on; warns if any.

    Who was in a folder is told by their number alone, whatever that folder was called: to warn for
    nothing is better than not to. What stands before a colon may be a folder's name or a part of
    the person's, so both readings count.

    Args:
        cohort: Whose test side.
        persons: Those that it was trained on, as `<collection>:<person>`.
        source: Its checkpoint.
    """
    test = set(cohort.persons(cohort.split.test))
    nameless = {re.sub(r"^folder:[\w-]+:", "folder:", one) for one in persons}
    known = len(test & {*persons, *nameless})
    if known:
        log.warning(
            "%s was trained on %d of the %d persons it is tested on here: the test score is not "
            "one of unseen persons",
            source, known, len(test),
        )  # fmt: skip
    return known


def training_ids(config: FinetuneConfig, cohort: Cohort, task: Task) -> tuple[str, ...]:
    """Subject numbers of those trained on: the training side, or a few of its persons.

    Raises:
        DataError: If a class has fewer persons there than are asked for.
    """
    side = cohort.split.train
    if not (config.few_shot or config.shots_per_class):
        return tuple(side)
    taken = few_shot(
        cohort.collection.subjects,
        side,
        label=task.dealt_by,
        ratio=None if config.shots_per_class else config.shot_ratio,
        per_class=config.shots_per_class,
        seed=config.seed,
    )
    by_class = person_counts(cohort.subjects(taken))[task.dealt_by]
    log.info(
        "few-shot: %d of %d training persons: %s",
        len(cohort.persons(taken)), len(cohort.persons(side)),
        ", ".join(f"{count} {name}" for name, count in by_class.items()),
    )  # fmt: skip
    return taken
