"""A task of several labels: what a mistake costs and what answers are worth, by other means."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, roc_auc_score
from torch.nn import functional as F

from pahcl_core.data.collection import Collection, Subject
from pahcl_core.data.folder_task import with_strata
from pahcl_core.data.folds import Fold, split_fold
from pahcl_core.data.tasks import Task
from pahcl_core.losses.classification import LossConfig
from pahcl_core.training.conclusion import by_label, score_predictions
from pahcl_core.training.evaluation import Predictions, of_patients
from pahcl_core.training.examples import CycleExamples, weighed

# What is so comes first here, so that nothing rests on its being the second.
TASK = Task(name="both", labels=("murmur", "late"), classes=("yes", "no"), positive="yes")
KNOWN = ("yes", "no")


def subjects(*rows: tuple[str, str]) -> tuple[Subject, ...]:
    """Of each a value of both labels; empty for a missing one."""
    return tuple(
        Subject(
            subject_id=f"s{n}", person_id=f"p{n}",
            labels={name: one for name, one in zip(TASK.labels, row, strict=True) if one},
        )
        for n, row in enumerate(rows)
    )  # fmt: skip


def predictions(people, probabilities) -> Predictions:
    owners = [one.subject_id for one in people]
    ones = np.ones(len(people), dtype=np.int64)
    table = np.array(probabilities, dtype=float)
    return of_patients(people, owners, table, ones, ones == 0, TASK)


@pytest.mark.parametrize("rows", [1, 2])
def test_a_label_costs_its_binary_cross_entropy_and_a_missing_one_nothing(rows):
    """With weights of its own; against PyTorch's."""
    logits = torch.tensor([[0.3, -1.2], [2.0, 0.7]])[:rows]
    labels = torch.tensor([[0, -1], [1, 0]])[:rows]
    weights = torch.tensor([[3.0, 1.0], [0.5, 2.0]])

    cost, weight = weighed(logits, labels, weights, LossConfig(), positive=0)

    plain = F.binary_cross_entropy_with_logits(logits, (labels == 0).float(), reduction="none")
    expected = torch.tensor([[3.0, 0.0], [1.0, 0.5]])[:rows]
    torch.testing.assert_close(cost * weight, (plain * expected).flatten())


def test_each_label_has_weights_of_its_own_and_those_without_have_no_part(make_cohort):
    """Of murmur one yes and three no; of late one yes and one no, two missing."""
    cohort = make_cohort(train=("Absent",) * 4)
    told = [("yes", "yes"), ("no", "no"), ("no", ""), ("no", "")]
    people = [labels for one in subjects(*told) for labels in (one.labels, one.labels)]
    recordings = tuple(
        replace(one, labels=people[n] if n < 8 else {})
        for n, one in enumerate(cohort.cycles.recordings)
    )
    cycles = replace(cohort.cycles, recordings=recordings)

    examples = CycleExamples(cycles, np.arange(32), TASK, LossConfig(), cycles_per_recording=2)

    assert examples.labels[[0, 8, 16, 24, 40]].tolist() == [[0, 0], [1, 1], [1, -1], [1, -1],
                                                             [-1, -1]]  # fmt: skip
    assert examples.weights[0].tolist() == pytest.approx([8 / (2 * 2), 8 / (2 * 6)])
    assert examples.weights[1].tolist() == pytest.approx([1.0, 1.0])
    nothing = examples.loss(torch.zeros(2, 2), torch.full((2, 2), -1))
    assert nothing.item() == 0.0


def test_scores_of_each_label_are_of_those_who_have_it_and_means_are_over_labels():
    rng = np.random.default_rng(0)
    told = [(KNOWN[n % 2], ("yes", "no", "")[n % 3]) for n in range(24)]
    p = rng.random((24, 2))
    some = predictions(subjects(*told), p)

    found = score_predictions(some, TASK).values

    areas, f1s = [], []
    for column, name in enumerate(TASK.labels):
        has = np.array([bool(row[column]) for row in told])
        true = np.array([row[column] == "yes" for row in told])[has]
        said = p[has, column]
        areas.append(roc_auc_score(true, said))
        f1s.append(f1_score(true, said >= 0.5))
        assert found[f"auroc_{name}"] == pytest.approx(areas[-1])
        assert found[f"f1_{name}"] == pytest.approx(f1s[-1])
        surprise = -np.log(np.where(true, said, 1 - said)).mean()
        assert found[f"loss_{name}"] == pytest.approx(surprise)
    assert found["auroc"] == pytest.approx(np.mean(areas))
    assert found["f1"] == pytest.approx(np.mean(f1s))


def test_what_is_undefined_for_a_label_is_left_out_of_the_mean():
    some = predictions(
        subjects(("yes", ""), ("no", ""), ("no", "")), [[0.9, 0.1], [0.2, 0.1], [0.3, 0.1]]
    )

    found = score_predictions(some, TASK)

    assert found.values["auroc"] == found.values["auroc_murmur"] == 1.0
    assert found.undefined["auroc_late"] == "no unit has it"
    assert len(by_label(some, TASK)["late"].subjects) == 0


def test_a_patient_has_whatever_any_recording_has():
    people = subjects(("yes", "no"), ("no", "yes"))
    table = np.array([[0.1, 0.6], [0.7, 0.2], [0.3, 0.4]])
    ones = np.ones(3, dtype=np.int64)

    for pooling, expected in (
        ("any", [[0.7, 0.6], [0.3, 0.4]]),
        ("mean", [[0.4, 0.4], [0.3, 0.4]]),
    ):
        task = replace(TASK, pooling=pooling)
        said = of_patients(people, ["s0", "s0", "s1"], table, ones, ones == 0, task)
        assert said.probabilities == pytest.approx(np.array(expected))
        assert said.labels.tolist() == [[0, 1], [1, 0]]


def test_people_are_dealt_out_by_the_rarest_label_that_is_true_of_them():
    """Late is true of three; murmur of five, of whom two are late; nobody else has anything."""
    told = [("yes", "yes"), ("yes", "yes"), ("no", "yes"), ("yes", ""), ("yes", "no"), ("yes", ""),
            ("no", "no"), ("no", ""), ("", "no"), ("", "")]  # fmt: skip
    collection = Collection(
        name="folder",
        root=Path("nowhere"),
        provenance="synthetic",
        subjects=subjects(*told),
        recordings=(),
    )

    strata = [one.labels.get(TASK.dealt_by) for one in with_strata(collection, TASK).subjects]

    assert strata == ["late"] * 3 + ["murmur"] * 3 + ["none"] * 3 + [None]
    fewer = replace(collection, subjects=collection.subjects[1:])
    strata = [one.labels.get(TASK.dealt_by) for one in with_strata(fewer, TASK).subjects]
    assert strata == ["none"] * 2 + ["murmur"] * 3 + ["none"] * 3 + [None]  # late is true of two


@pytest.mark.parametrize(("folds", "fewest"), [(0, 3), (2, 4), (3, 3), (5, 5)])
def test_a_label_too_rare_for_the_folds_is_dealt_out_with_those_without(folds, fewest):
    """Murmur is true of as many as are needed, late of one fewer; all folds can be dealt."""
    told = [("yes", "no")] * fewest + [("no", "yes")] * (fewest - 1) + [("no", "no")] * 6
    collection = Collection(
        name="folder", root=Path("nowhere"), provenance="synthetic", subjects=subjects(*told),
        recordings=(),
    )  # fmt: skip

    people = with_strata(collection, TASK, folds=folds).subjects

    strata = [one.labels[TASK.dealt_by] for one in people]
    assert strata == ["murmur"] * fewest + ["none"] * (fewest + 5)
    tested = [
        one
        for number in range(1, folds + 1)
        for one in split_fold(
            people, labels=[TASK.dealt_by], fold=Fold(number=number, count=folds), seed=0,
            train_and_val=(0.8, 0.2),
        ).test
    ]  # fmt: skip
    assert sorted(tested) == (sorted(one.subject_id for one in people) if folds else [])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": "murmur"}, "give a label, or several labels, and not both"),
        ({"labels": ()}, "give a label, or several labels, and not both"),
        ({"classes": ("yes", "no", "perhaps")}, "each named once, have two classes"),
        ({"labels": ("late", "late")}, "each named once, have two classes"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(TASK, **changes)
