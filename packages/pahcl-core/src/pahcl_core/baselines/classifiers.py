"""What learns from rows of figures: a regression or boosted trees, all classes weighing alike."""

from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, Shaped
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pahcl_core.baselines.settings import Model

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Of a regression, as scikit-learn's C; of features with a spread of 1."""

_UNCHOSEN = 1e-2
_INNER_FOLDS = 3
_FEWEST_IN_LEAF = 20  # rows: scikit-learn's default


class Alike:
    """What is said where all that could be learnt from is alike: the same of every row.

    Of a class that n rows have, and no other, (n + 1) / (n + number of classes): Laplace's rule of
    succession, under which nothing is impossible for not having been seen.
    """

    strength: float | None = None

    def __init__(self, labels: Int64[np.ndarray, "rows"], num_classes: int) -> None:
        count = np.bincount(labels, minlength=num_classes) + 1.0
        self._shares = count / count.sum()

    def probabilities(
        self, rows: Float64[np.ndarray, "rows features"]
    ) -> Float64[np.ndarray, "rows classes"]:
        """The same for each."""
        return np.tile(self._shares, (len(rows), 1))


class Fitted:
    """A classifier that has learnt, and says something of every class that there is."""

    def __init__(self, model: Any, num_classes: int, strength: float | None) -> None:  # noqa: ANN401  scikit-learn has no types
        self._model = model
        self._num_classes = num_classes
        self.strength = strength
        """Of a regression."""

    def probabilities(
        self, rows: Float64[np.ndarray, "rows features"]
    ) -> Float64[np.ndarray, "rows classes"]:
        """Of each class; zero for one that none of the training rows had."""
        result = np.zeros((len(rows), self._num_classes))
        result[:, self._model.classes_] = self._model.predict_proba(rows)
        return result


Learnt = Fitted | Alike


def fit(
    model: Model,
    rows: Float64[np.ndarray, "rows features"],
    labels: Int64[np.ndarray, "rows"],
    persons: Shaped[np.ndarray, "rows"],
    *,
    num_classes: int,
    seed: int,
) -> Fitted:
    """Teach a classifier what rows are of which class.

    Args:
        model: Which one. A regression's strength is the one of `STRENGTHS` that best foretells
            people left out, three parts of them in turn, every class counting alike; where a class
            has one person alone, nobody can be left out, and it is 0.01. A leaf of boosted trees
            has 20 rows at least, or a quarter of all where those are fewer.
        rows: Features.
        labels: Classes.
        persons: Whose each row is.
        num_classes: How many there are, also of those without a row.
        seed: Of the parts.
    """
    if model == "boosting":
        # By early stopping it would leave rows out, and those of one person would be on both sides.
        trees = HistGradientBoostingClassifier(
            class_weight="balanced",
            early_stopping=False,
            # Fewer than 40 rows make no two leaves of 20, and the same would be said of all.
            min_samples_leaf=max(1, min(_FEWEST_IN_LEAF, len(rows) // 4)),
            random_state=seed,
        )
        return Fitted(trees.fit(rows, labels), num_classes, None)
    fewest = min(len(set(persons[labels == one])) for one in np.unique(labels))
    if fewest < 2:
        return Fitted(_regression(_UNCHOSEN).fit(rows, labels), num_classes, _UNCHOSEN)
    search = GridSearchCV(
        _regression(_UNCHOSEN),
        {"logisticregression__C": list(STRENGTHS)},
        scoring=_log_likelihood,
        cv=StratifiedGroupKFold(min(_INNER_FOLDS, fewest), shuffle=True, random_state=seed),
        error_score="raise",
    )
    search.fit(rows, labels, groups=persons)
    return Fitted(search, num_classes, float(search.best_params_["logisticregression__C"]))


def _regression(strength: float) -> Any:  # noqa: ANN401  scikit-learn has no types
    regression = LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)
    return make_pipeline(StandardScaler(), regression)


def _log_likelihood(
    model: Any,  # noqa: ANN401  scikit-learn has no types
    rows: Float64[np.ndarray, "rows features"],
    labels: Int64[np.ndarray, "rows"],
) -> float:
    """Mean over classes of the mean log-probability of the true class."""
    said = model.predict_proba(rows)
    place = np.searchsorted(model.classes_, labels).clip(max=len(model.classes_) - 1)
    true = said[np.arange(len(rows)), place] * (model.classes_[place] == labels)
    logs = np.log(np.maximum(true, np.finfo(float).tiny))
    return float(np.mean([logs[labels == one].mean() for one in np.unique(labels)]))
