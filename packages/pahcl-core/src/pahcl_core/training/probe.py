"""Linear probe: what a frozen encoder's embeddings tell of a task, to a logistic regression.

Every recording is one vector: the mean of its cycles' embeddings, and beside it their standard
deviation, since some hearts are told by how a beat differs from the next one. Person by person, in
folds, a regression is fitted on the recordings of most people and says what the others have; a
patient follows from their recordings as the task has it (`data.tasks`). So everyone is scored once,
by a regression that has not seen them. How many principal components of the embeddings it looks at,
and how strongly it is regularised, is chosen without them, too: a task of which few people tell
little is told better from a few large components than from hundreds of numbers.

Source:
    Alain and Bengio, "Understanding intermediate layers using linear classifier probes", 2016,
    arXiv:1610.01644.
    Chen et al., 2020, arXiv:2002.05709, section 4: the linear evaluation of contrastive learning.
    Hastie et al., "The Elements of Statistical Learning", 2009, section 3.5.1: regression on
    principal components.
"""

import numpy as np
from jaxtyping import Float64, Int64, Shaped
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from pahcl_core.data.tasks import Task
from pahcl_core.metrics.aggregation import mean_by
from pahcl_core.models.encoder import Encoder
from pahcl_core.training.embedding import embed_cycles
from pahcl_core.training.evaluation import Predictions
from pahcl_core.training.people import Cohort
from pahcl_core.training.rows import foretold_patients
from pahcl_core.training.windows import WindowSource, spread_over

CYCLES_PER_RECORDING = 16
"""At most, as far from one another as can be: more change a mean little, and cost time."""

_INNER_FOLDS = 3
_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)  # scikit-learn's C; embeddings have a spread of 1
_COMPONENTS = (4, 16, 64, None)  # None: all


def recording_embeddings(
    encoder: Encoder, source: WindowSource, cohort: Cohort
) -> tuple[Int64[np.ndarray, "recordings"], Float64[np.ndarray, "recordings figures"]]:
    """Mean and standard deviation of the embeddings of each recording of a cohort that has cycles.

    Args:
        encoder: Left in evaluation mode.
        source: The cohort's sound.
        cohort: Whose recordings.

    Returns:
        Which recordings, as indices into those of the cohort's cycles, and one row for each: the
        mean of every number of an embedding, then its deviation, 0 for a recording of one cycle.
    """
    cycles = cohort.cycles
    index = spread_over(cycles, np.arange(len(cycles)), CYCLES_PER_RECORDING)
    rows = embed_cycles(encoder, source, index).astype(np.float64)
    recordings, mean = mean_by(cycles.recording[index], rows)
    apart = rows - mean[np.searchsorted(recordings, cycles.recording[index])]
    _, variance = mean_by(cycles.recording[index], apart**2)
    return recordings, np.hstack([mean, np.sqrt(variance)])


def linear_probe(
    recordings: Int64[np.ndarray, "recordings"],
    embeddings: Float64[np.ndarray, "recordings width"],
    cohort: Cohort,
    task: Task,
    *,
    seed: int,
) -> Predictions:
    """What logistic regressions say of everyone who can be scored, each of people new to it.

    Args:
        recordings: Indices into the recordings of the cohort's cycles.
        embeddings: One row for each of them.
        cohort: Whose they are; its split is not looked at.
        task: What to tell.
        seed: Of the folds, which are the same for any embeddings.

    Raises:
        DataError: If a class has fewer persons than there are folds.
    """

    def foretell(
        known: Float64[np.ndarray, "train width"],
        labels: Int64[np.ndarray, "train"],
        persons: Shaped[np.ndarray, "train"],
        asked: Float64[np.ndarray, "test width"],
    ) -> Float64[np.ndarray, "test classes"]:
        with np.errstate(invalid="ignore"):  # of shares of a variance that is none
            model = _regression(seed).fit(known, labels, gridsearchcv__groups=persons)
        said = np.zeros((len(asked), len(task.classes)))  # of a class that no one here has
        said[:, model.classes_] = model.predict_proba(asked)
        return said

    return foretold_patients(recordings, embeddings, cohort, task, seed=seed, foretell=foretell)


def _regression(seed: int) -> Pipeline:
    """Classes weigh alike; it is the one that best foretells people left out.

    Components are those of all that it learns from: they know no label, and one search does for all
    their numbers.
    """
    leading = FunctionTransformer(_leading)
    regression = LogisticRegression(class_weight="balanced", max_iter=500)
    search = GridSearchCV(
        make_pipeline(leading, regression),
        {
            "functiontransformer__kw_args": [{"number": number} for number in _COMPONENTS],
            "logisticregression__C": list(_STRENGTHS),
        },
        scoring="neg_log_loss",
        cv=StratifiedGroupKFold(_INNER_FOLDS, shuffle=True, random_state=seed),
        error_score="raise",
    )
    return make_pipeline(StandardScaler(), PCA(svd_solver="full"), search)


def _leading(
    components: Float64[np.ndarray, "rows width"], number: int | None
) -> Float64[np.ndarray, "rows number"]:
    """The largest, or all there are."""
    return components[:, :number]
