"""Labels dealt out anew among people: what is scored above chance then is a leak.

Whoever trains and scores on such labels with everything else as it is, pretraining, folds and all,
finds out whether anything of the persons under test gets into what is said of them.

Source: Ojala and Garriga, "Permutation Tests for Studying Classifier Performance", JMLR 11, 2010,
test 1.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pahcl_core.data.collection import Collection
from pahcl_core.data.dealing import members_of


def permuted(
    collection: Collection, labels: Sequence[str], *, also: Sequence[str] = (), seed: int
) -> Collection:
    """The collection with each person's labels those of another, or by chance their own.

    All labels of a person go together. Where two persons have another number of subjects, those of
    the giver are taken in turn; recordings get the labels of their subject. Who lacks a label keeps
    what they have, and gives nothing.

    Args:
        collection: As read.
        labels: Names of those that are dealt out.
        also: Further ones, which a person may lack: whoever gets theirs then lacks them.
        seed: Another seed deals them out differently.
    """
    labelled = members_of(s for s in collection.subjects if all(one in s.labels for one in labels))
    persons = sorted(labelled)
    givers = persons.copy()
    random.Random(f"{seed}/permuted").shuffle(givers)
    dealt = {*labels, *also}
    given: dict[str, dict[str, str]] = {}
    for person, giver in zip(persons, givers, strict=True):
        for place, subject in enumerate(labelled[person]):
            theirs = labelled[giver][place % len(labelled[giver])].labels
            given[subject.subject_id] = {n: label for n, label in theirs.items() if n in dealt}

    def relabelled(subject_id: str, own: Mapping[str, str]) -> Mapping[str, str]:
        if subject_id not in given:
            return own
        return {n: label for n, label in own.items() if n not in dealt} | given[subject_id]

    return replace(
        collection,
        subjects=tuple(
            replace(one, labels=relabelled(one.subject_id, one.labels))
            for one in collection.subjects
        ),
        recordings=tuple(
            replace(one, labels=relabelled(one.subject_id, one.labels))
            for one in collection.recordings
        ),
    )
