"""How much of `circor_outcome` is there to be heard, by the probe that pretraining is judged by?

    PAHCL_REAL_DATA=DATA python benchmarks/outcome.py [--seeds N] [--divisions N]
        [--pretrained DIR] [--json]

The probe of `benchmarks/probe.py` is asked for the outcome from what is known of each recording
without an encoder: the murmur's label, that and the heart rate, the energies of bands in each
phase. Then from what encoders say, with random weights and, with `--pretrained`, those that
`probe.py --output DIR` left there: from the embedding; from the bands as a ridge regression tells
them of the embedding, persons apart; and from what it leaves of the bands, which the embedding does
not say. R² is how much of the bands is told. An encoder that says more, and is no better a judge of
the outcome for it, says more of what the outcome does not turn on.

Every figure is an AUROC over patients, the mean over so many divisions of the persons into five
folds. There is no budget: it is a property of the labels.
"""

import argparse
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _checks import Check, format_table, real_data, report
from _probing import auroc, embedded, pretrained_encoder, random_encoder
from jaxtyping import Float64, Int64
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pahcl_core.baselines.features import recording_features
from pahcl_core.baselines.spectral import SpectrumConfig
from pahcl_core.data.tasks import TASKS
from pahcl_core.metrics.aggregation import mean_by
from pahcl_core.models.encoder import Encoder
from pahcl_core.training.cohorts import read_cohorts
from pahcl_core.training.people import Cohort
from pahcl_core.training.probe import linear_probe
from pahcl_core.training.rows import FOLDS, labelled_rows
from pahcl_core.training.settings import PretrainConfig

TASK = TASKS["circor_outcome"]
MURMUR = {"Absent": 0.0, "Unknown": 0.5, "Present": 1.0}
PULL = 30.0  # of the ridge regression: a few hundred figures of a few hundred recordings

Rows = Float64[np.ndarray, "recordings figures"]
Ask = Callable[[Int64[np.ndarray, "recordings"], Rows], float]


def main() -> int:
    """Ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--divisions", type=int, default=5)
    parser.add_argument("--pretrained", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data = real_data(as_json=options.json)
    if data is None:
        return 0
    config = PretrainConfig(data={"circor": data / "circor"}, train_on="all")
    cohort = read_cohorts(config, lambda items, total: items).by_name["circor"]
    ask = functools.partial(_auroc, cohort, options.divisions)
    heard, bands = recording_features(cohort.cycles, "phase_bands", SpectrumConfig(), config.signal)
    murmur = np.array([[MURMUR[cohort.cycles.recordings[one].labels["murmur"]]] for one in heard])
    plain = {
        "the murmur's label": murmur,
        "and the heart rate": np.hstack([murmur, _heart_rates(cohort)]),
        "energies of bands in phases": bands,
    }
    checks = [Check(name=name, value=ask(heard, rows)) for name, rows in plain.items()]
    seeds = range(options.seeds)
    encoders = {"random": [random_encoder(config, seed) for seed in seeds]}
    if options.pretrained is not None:
        encoders["pretrained"] = [
            pretrained_encoder(config, seed, options.pretrained) for seed in seeds
        ]
    found = {
        kind: [_told_by(encoder, config, cohort, bands, ask) for encoder in made]
        for kind, made in encoders.items()
    }
    rows = [
        [kind, *(f"{np.mean(one):.3f} ± {np.std(one):.3f}" for one in zip(*told, strict=True))]
        for kind, told in found.items()
    ]
    return report(
        checks,
        as_json=options.json,
        table=format_table(["weights", *Told._fields], rows),
        details={kind: [one._asdict() for one in told] for kind, told in found.items()},
    )


class Told(NamedTuple):
    """What comes of an encoder: AUROCs of the outcome, but for the second."""

    embedding: float
    r2_of_bands: float
    bands_as_told: float
    rest_of_bands: float


def _told_by(
    encoder: Encoder, config: PretrainConfig, cohort: Cohort, bands: Rows, ask: Ask
) -> Told:
    """Ask for the outcome from what this encoder says."""
    heard, rows = embedded(encoder, cohort, config)
    told: Rows = cross_val_predict(
        make_pipeline(StandardScaler(), Ridge(PULL)),
        rows,
        bands,
        groups=labelled_rows(heard, cohort, TASK).persons,
        cv=GroupKFold(FOLDS),
    )
    return Told(
        embedding=ask(heard, rows),
        r2_of_bands=r2_score(bands, told),
        bands_as_told=ask(heard, told),
        rest_of_bands=ask(heard, bands - told),
    )


def _auroc(
    cohort: Cohort, divisions: int, recordings: Int64[np.ndarray, "recordings"], rows: Rows
) -> float:
    """Of the probe, the mean over so many divisions of the cohort."""
    said = (linear_probe(recordings, rows, cohort, TASK, seed=seed) for seed in range(divisions))
    return float(np.mean([auroc(one, TASK) for one in said]))


def _heart_rates(cohort: Cohort) -> Rows:
    """Beats a minute, the mean of each recording's cycles."""
    cycles = cohort.cycles
    rates = 60 * cycles.sample_rate / (cycles.bounds[:, -1] - cycles.bounds[:, 0])
    return mean_by(cycles.recording, rates[:, None])[1]


if __name__ == "__main__":
    sys.exit(main())
