"""Fit the parameters of the quality index to PhysioNet 2016's labels and put them in the package.

    OMP_NUM_THREADS=1 python scripts/fit_quality.py DATA

`DATA` holds `physionet2016/` as it is downloaded. It takes some seconds per hundred recordings;
the same data give the same file. Cycles come from our own segmentation, for where the experts were
unsure there is often no annotation.

What is shipped is fitted to all persons. How well that works on others is told by fits to nine
tenths of the persons, each judged on the last tenth; `benchmarks/quality.py` repeats them.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fit_provenance import made_from
from jaxtyping import Bool, Float64, Int64
from segmentation_recordings import fraction
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from pahcl_core.data.collection import Recording
from pahcl_core.data.physionet2016 import read_physionet2016
from pahcl_core.data.wav import read_wav
from pahcl_core.signal import quality_parameters as shipped
from pahcl_core.signal import segmentation_parameters as segmentation
from pahcl_core.signal.quality_measures import MEASURES, band_power, measure
from pahcl_core.signal.quality_parameters import QualityWeights
from pahcl_core.signal.segment_states import Segmentation, segment_states

NUM_FOLDS = 10
FOLD_RULE = (
    "a person is in the fold that the first four bytes of sha256('quality/<person>'), as a "
    "big-endian fraction of 2^32, fall into; each fold is judged by a fit to the other nine"
)
WITH_CYCLES = (0, 1, 3)  # which of MEASURES each regression looks at
WITHOUT_CYCLES = (1, 2, 3)  # the rhythm stands in for the agreement
_INVERSE_PENALTY = 1.0  # on standardised measures; the default, not tuned
_SOURCE = (
    "PhysioNet/CinC Challenge 2016, training-a to training-f, REFERENCE-SQI.csv "
    "(Liu et al. 2016, ODC-By 1.0)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RatedRecording:
    """A recording that experts have rated, and what is measured of it."""

    recording: Recording
    database: str
    person: str
    good: bool
    segmentation: Segmentation
    measures: Float64[np.ndarray, "measures"]
    per_cycle: Float64[np.ndarray, "cycles measures"]


def read_rated(root: Path) -> list[RatedRecording]:
    """Every recording of the Challenge 2016 that has a quality."""
    collection = read_physionet2016(root)
    subjects = {subject.subject_id: subject for subject in collection.subjects}
    rated = []
    for recording in collection.recordings:
        if "quality" not in recording.labels:
            continue
        samples, rate = read_wav(recording.path)
        segmentation = segment_states(samples, sample_rate=rate)
        measures, per_cycle = measure(band_power(samples, sample_rate=rate), segmentation.cycles)
        subject = subjects[recording.subject_id]
        rated.append(
            RatedRecording(
                recording=recording,
                database=subject.attributes["database"],
                person=subject.person_id,
                good=recording.labels["quality"] == "good",
                segmentation=segmentation,
                measures=measures,
                per_cycle=per_cycle,
            )
        )
    return rated


def fit(
    measures: Float64[np.ndarray, "recordings measures"],
    good: Bool[np.ndarray, "recordings"],
    *,
    chosen: tuple[int, ...],
) -> QualityWeights:
    """A logistic regression on some of the standardised measures, told in the measures' units."""
    columns = measures[:, chosen]
    mean, spread = columns.mean(axis=0), columns.std(axis=0)
    regression = LogisticRegression(C=_INVERSE_PENALTY).fit((columns - mean) / spread, good)
    weights = np.zeros(len(MEASURES))
    weights[list(chosen)] = regression.coef_[0] / spread
    bias = float(regression.intercept_[0] - weights[list(chosen)] @ mean)
    return QualityWeights(weights=np.round(weights, 4), bias=round(bias, 4))


def fold_of(person: str) -> int:
    """In which fold a person is."""
    return int(NUM_FOLDS * fraction(f"quality/{person}"))


def held_out_weights(
    rated: list[RatedRecording], *, chosen: tuple[int, ...]
) -> list[QualityWeights]:
    """For each fold the weights fitted to the persons of the others."""
    measures = np.array([one.measures for one in rated])
    good = np.array([one.good for one in rated])
    folds = np.array([fold_of(one.person) for one in rated])
    return [
        fit(measures[folds != fold], good[folds != fold], chosen=chosen)
        for fold in range(NUM_FOLDS)
    ]


def held_out_scores(
    rated: list[RatedRecording], *, chosen: tuple[int, ...]
) -> Float64[np.ndarray, "recordings"]:
    """Each recording's score by the weights fitted to other persons."""
    weights = held_out_weights(rated, chosen=chosen)
    return np.array([weights[fold_of(one.person)].score(one.measures[None])[0] for one in rated])


def auroc(good: Bool[np.ndarray, "rows"], score: Float64[np.ndarray, "rows"]) -> float:
    """How often a good one has the higher score; NaN where one of the classes is empty."""
    return float(roc_auc_score(good, score)) if 0 < good.sum() < len(good) else float("nan")


def auroc_within(
    group: Int64[np.ndarray, "rows"],
    good: Bool[np.ndarray, "rows"],
    score: Float64[np.ndarray, "rows"],
) -> float:
    """The same over pairs of one group, which a difference between groups cannot flatter."""
    pairs = hits = 0.0
    for one in np.unique(group):
        mine = group == one
        num_pairs = float(good[mine].sum() * (~good[mine]).sum())
        if num_pairs:
            pairs += num_pairs
            hits += num_pairs * auroc(good[mine], score[mine])
    return hits / pairs if pairs else float("nan")


def provenance(rated: list[RatedRecording]) -> dict[str, object]:
    """Where the parameters come from, for whoever reads the JSON file."""
    used = {}
    for database in sorted({one.database for one in rated}):
        mine = [one for one in rated if one.database == database]
        used[f"2016-{database}"] = {
            "recordings": len(mine),
            "unsure": sum(not one.good for one in mine),
            "persons": len({one.person for one in mine}),
        }
    good = np.array([one.good for one in rated])
    group = np.array([ord(one.database) for one in rated])
    held_out = {}
    for name, chosen in (("with_cycles", WITH_CYCLES), ("without_cycles", WITHOUT_CYCLES)):
        score = held_out_scores(rated, chosen=chosen)
        held_out[name] = {
            "pooled": round(auroc(good, score), 4),
            "within_databases": round(auroc_within(group, good, score), 4),
        }
    return {
        "command": "OMP_NUM_THREADS=1 python scripts/fit_quality.py DATA",
        "made_from": made_from([*_segmentation_files(), *map(_content, rated)]),
        "collections": [_SOURCE],
        "cycles": "from pahcl_core.signal.segment_states",
        "fitted_to": used,
        "folds": FOLD_RULE,
        "auroc_on_held_out_persons": held_out,
        "measures": list(MEASURES),
    }


def _segmentation_files() -> list[bytes]:
    """Its parameters, which the cycles depend on."""
    file = Path(segmentation.__file__).with_suffix("")
    return [file.with_suffix(suffix).read_bytes() for suffix in (".npz", ".json")]


def _content(rated: RatedRecording) -> bytes:
    return rated.recording.path.read_bytes() + str(rated.good).encode()


def main() -> int:
    """Fit and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with physionet2016/")
    parser.add_argument("--out", type=Path, default=Path(shipped.__file__).parent, help="folder")
    arguments = parser.parse_args()
    rated = read_rated(arguments.data / "physionet2016")
    measures = np.array([one.measures for one in rated])
    good = np.array([one.good for one in rated])
    content: dict[str, object] = {"provenance": provenance(rated)}
    for name, chosen in (("with_cycles", WITH_CYCLES), ("without_cycles", WITHOUT_CYCLES)):
        weights = fit(measures, good, chosen=chosen)
        content[name] = {"weights": weights.weights.tolist(), "bias": weights.bias}
    text = json.dumps(content, indent=2) + "\n"
    path = arguments.out / f"{shipped.NAME}.json"
    path.write_text(text, encoding="utf-8", newline="\n")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
