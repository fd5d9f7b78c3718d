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
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from _checks import Check, format_table, real_data, report
from jaxtyping import Float64, Int64, Shaped
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pahcl_core.baselines.features import recording_features
from pahcl_core.baselines.spectral import SpectrumConfig
from pahcl_core.data.tasks import TASKS
from pahcl_core.models.encoder import Encoder
from pahcl_core.training.checkpoint import encoder_from, load_checkpoint
from pahcl_core.training.cohorts import read_cohorts
from pahcl_core.training.conclusion import score_predictions
from pahcl_core.training.people import Cohort
from pahcl_core.training.probe import linear_probe, recording_embeddings
from pahcl_core.training.rows import FOLDS
from pahcl_core.training.settings import PretrainConfig
from pahcl_core.training.windows import WindowSource

TASK = TASKS["circor_outcome"]
MURMUR = {"Absent": 0.0, "Unknown": 0.5, "Present": 1.0}
PULL = 30.0  # of the ridge regression: a few hundred figures of a few hundred recordings

Rows = Float64[np.ndarray, "recordings figures"]


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
    asked = Asked(cohort, options.divisions)
    heard, bands = recording_features(cohort.cycles, "phase_bands", SpectrumConfig(), config.signal)
    murmur = np.array([[MURMUR[cohort.cycles.recordings[one].labels["murmur"]]] for one in heard])
    plain = {
        "the murmur's label": murmur,
        "and the heart rate": np.hstack([murmur, _heart_rates(cohort, heard)]),
        "energies of bands in phases": bands,
    }
    checks = [Check(name=name, value=asked(heard, rows)) for name, rows in plain.items()]
    found = {
        kind: [
            _told_by(_encoder(config, seed, pretrained), config, asked, bands)
            for seed in range(options.seeds)
        ]
        for kind, pretrained in (("random", None), ("pretrained", options.pretrained))
        if kind == "random" or pretrained is not None
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


def _told_by(encoder: Encoder, config: PretrainConfig, asked: "Asked", bands: Rows) -> Told:
    """Ask for the outcome from what this encoder says."""
    cohort = asked.cohort
    source = WindowSource.seen_by(encoder.config, cohort.cycles, config.signal, torch.device("cpu"))
    heard, embedded = recording_embeddings(encoder, source, cohort)
    told: Rows = cross_val_predict(
        make_pipeline(StandardScaler(), Ridge(PULL)),
        embedded,
        bands,
        groups=asked.persons(heard),
        cv=GroupKFold(FOLDS),
    )
    return Told(
        embedding=asked(heard, embedded),
        r2_of_bands=r2_score(bands, told),
        bands_as_told=asked(heard, told),
        rest_of_bands=asked(heard, bands - told),
    )


class Asked:
    """The probe, over several divisions of a cohort."""

    def __init__(self, cohort: Cohort, divisions: int) -> None:
        self.cohort = cohort
        self._divisions = divisions
        self._person_of = {one.subject_id: one.person_id for one in cohort.collection.subjects}

    def __call__(self, recordings: Int64[np.ndarray, "recordings"], rows: Rows) -> float:
        """The mean AUROC."""
        scores = []
        for seed in range(self._divisions):
            said = linear_probe(recordings, rows, self.cohort, TASK, seed=seed)
            scores.append(float(score_predictions(said, TASK).values["auroc"]))
        return float(np.mean(scores))

    def persons(
        self, recordings: Int64[np.ndarray, "recordings"]
    ) -> Shaped[np.ndarray, "recordings"]:
        """Whose they are."""
        of = self.cohort.cycles.recordings
        return np.array([self._person_of[of[one].subject_id] for one in recordings])


def _heart_rates(cohort: Cohort, recordings: Int64[np.ndarray, "recordings"]) -> Rows:
    """Beats a minute, the mean of each recording's cycles."""
    cycles = cohort.cycles
    rates = 60 * cycles.sample_rate / (cycles.bounds[:, -1] - cycles.bounds[:, 0])
    return np.array([[rates[cycles.recording == one].mean()] for one in recordings])


def _encoder(config: PretrainConfig, seed: int, pretrained: Path | None) -> Encoder:
    """With random weights, or those that a probe left."""
    if pretrained is not None:
        path = pretrained / f"seed_{seed}" / "best_model.pt"
        return encoder_from(path, load_checkpoint(path), config.encoder)
    torch.manual_seed(seed)
    return Encoder(config.encoder, sample_rate=config.signal.sample_rate)


if __name__ == "__main__":
    sys.exit(main())
