"""Labels dealt out anew among people: what is scored above chance then is a leak.

Whoever trains and scores on such labels with everything else as it is, pretraining, folds and all,
finds out whether anything of the persons under test gets into what is said of them.

Source: Ojala and Garriga, "Permutation Tests for Studying Classifier Performance", JMLR 11, 2010,
test 1.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from pahcl_core.data.collection import Collection
from pahcl_core.data.dealing import members_of


def permuted(collection: Collection, labels: Sequence[str], *, seed: int) -> Collection:
    """The collection with each person's labels those of another, or by chance their own.

    All labels of a person go together. Where two persons have another number of subjects, those of
    the giver are taken in turn; recordings get the labels of their subject. Who lacks a label keeps
    what they have, and gives nothing.

    Args:
        collection: As read.
        labels: Names of those that are dealt out.
        seed: Another seed deals them out differently.
    """
    labelled = members_of(s for s in collection.subjects if all(one in s.labels for one in labels))
    persons = sorted(labelled)
    givers = persons.copy()
    random.Random(f"{seed}/permuted").shuffle(givers)
    given: dict[str, dict[str, str]] = {}
    for person, giver in zip(persons, givers, strict=True):
        for place, subject in enumerate(labelled[person]):
            theirs = labelled[giver][place % len(labelled[giver])].labels
            given[subject.subject_id] = {name: theirs[name] for name in labels}
    return replace(
        collection,
        subjects=tuple(
            replace(one, labels={**one.labels, **given.get(one.subject_id, {})})
            for one in collection.subjects
        ),
        recordings=tuple(
            replace(one, labels={**one.labels, **given.get(one.subject_id, {})})
            for one in collection.recordings
        ),
    )
