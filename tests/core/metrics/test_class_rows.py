"""Confusion matrices and figures by class, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as by_sklearn
from sklearn.metrics import precision_recall_fscore_support

from pahcl_core.metrics.classification import by_class, confusion_matrix


def test_they_are_those_of_scikit_learn(rng):
    labels, said = rng.integers(0, 3, (2, 200))

    counts = confusion_matrix(labels, said, 3)

    assert counts.tolist() == by_sklearn(labels, said).tolist()
    precision, recall, f1, num = precision_recall_fscore_support(labels, said)
    for index, row in enumerate(by_class(counts)):
        assert row.precision == pytest.approx(precision[index], rel=1e-14)
        assert row.recall == pytest.approx(recall[index], rel=1e-14)
        assert row.f1 == pytest.approx(f1[index], rel=1e-14)
        assert (row.num, row.num_predicted) == (num[index], (said == index).sum())


def test_a_share_of_nothing_is_none():
    """Class 0 is true of one and said of nobody, class 2 neither."""
    first, second, third = by_class(confusion_matrix(np.array([0, 1]), np.array([1, 1]), 3))

    assert (first.recall, first.precision, first.f1) == (0.0, None, 0.0)
    assert (second.recall, second.precision) == (1.0, 0.5)
    assert second.f1 == pytest.approx(2 / 3)
    assert (third.recall, third.precision, third.f1) == (None, None, None)


def test_one_prediction_for_each_label():
    with pytest.raises(ValueError, match="2 predictions for 3 labels"):
        confusion_matrix(np.array([0, 1, 1]), np.array([0, 1]), 2)
