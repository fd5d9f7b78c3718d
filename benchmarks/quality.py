"""How well the quality index agrees with experts on persons it was not fitted to, and how fast.

    PAHCL_REAL_DATA=DATA python benchmarks/quality.py [--json]

Experts rated the recordings of PhysioNet 2016 as good or unsure. The figure is the area under the
ROC curve, each recording scored by a fit to other persons, with a 95 % interval from a bootstrap of
persons; beside it stands the index as `prepare` stores it, by its own path and fitted to other
persons too, with cycles from the annotation or always from the sound, and single numbers that need
no fit. Recordings that are unsure are few: read
the interval, and in a database with one of them read nothing. Measures were chosen while looking at
the same recordings, so the figures are a little too good.

The other collections took no part in the fit. What they call artifact, noisy or Unknown is not
what PhysioNet calls unsure, but a good index should rank it low. A cycle's index is set against
the noise that annotators marked by hand. Speed is processor time of one thread.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from unittest import mock

import numpy as np
from _checks import Check, format_table, real_data, report
from jaxtyping import Bool, Float64, Int64
from scipy.stats import kurtosis
from threadpoolctl import threadpool_limits

from pahcl_core.data.circor import read_circor
from pahcl_core.data.collection import Collection
from pahcl_core.data.pascal import read_pascal
from pahcl_core.data.physionet2016_states import read_mat_states
from pahcl_core.data.preparation import SignalConfig, prepare_recording
from pahcl_core.data.wav import read_wav
from pahcl_core.signal import quality
from pahcl_core.signal.despike import despike
from pahcl_core.signal.quality import mix_scores, rate_quality
from pahcl_core.signal.quality_parameters import QualityParameters
from pahcl_core.signal.segment_states import segment_states

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from fit_quality import (
    WITH_CYCLES,
    WITHOUT_CYCLES,
    RatedRecording,
    auroc,
    auroc_within,
    fold_of,
    held_out_scores,
    held_out_weights,
    read_rated,
)
from segmentation_recordings import read_annotated

INDEX, WITHOUT = "index", "without cycles"
STORED: dict[str, Literal["annotation", "segmentation"]] = {
    "stored": "annotation",
    "stored, segmented": "segmentation",
}
FITTED = (INDEX, WITHOUT, *STORED)
MAX_RATING_MS = 5.0
MAX_DESPIKE_MS = 2.0
_TYPICAL_S, _RATE = 25.0, 2000
_DRAWS, _INTERVAL = 1000, (2.5, 97.5)
_FEWEST = 5  # of the rarer class, for an interval to mean anything


def scores_of(rated: list[RatedRecording]) -> dict[str, Float64[np.ndarray, "recordings"]]:
    """The index on held-out persons, and what is compared with it."""
    measures = np.array([one.measures for one in rated])
    peaked = [kurtosis(read_wav(one.recording.path)[0]) for one in rated]
    trusted = [
        np.mean(one.segmentation.confidence) if len(one.segmentation.confidence) else 0.0
        for one in rated
    ]
    return {
        INDEX: held_out_scores(rated, chosen=WITH_CYCLES),
        WITHOUT: held_out_scores(rated, chosen=WITHOUT_CYCLES),
        **{name: stored_index(rated, SignalConfig(cycles=one)) for name, one in STORED.items()},
        "agreement": measures[:, 0],
        "purity": measures[:, 1],
        "rhythm": measures[:, 2],
        "contrast": measures[:, 3],
        "kurtosis": np.array(peaked),
        "confidence": np.array(trusted),
    }


def stored_index(
    rated: list[RatedRecording], config: SignalConfig
) -> Float64[np.ndarray, "recordings"]:
    """What `prepare` stores of each, but with weights that were fitted to other persons."""
    with_cycles = held_out_weights(rated, chosen=WITH_CYCLES)
    without_cycles = held_out_weights(rated, chosen=WITHOUT_CYCLES)
    index = np.empty(len(rated))
    for row, one in enumerate(rated):
        fold = fold_of(one.person)
        held_out = QualityParameters(
            with_cycles=with_cycles[fold], without_cycles=without_cycles[fold]
        )
        with mock.patch.object(quality, "quality_parameters", return_value=held_out):
            index[row] = prepare_recording(one.recording, config).quality
    return index


class Table:
    """AUROC per group of recordings, collected row by row."""

    def __init__(self, rated: list[RatedRecording]) -> None:
        self._scores = scores_of(rated)
        self._good = np.array([one.good for one in rated])
        self._person = np.array([one.person for one in rated])
        self._database = np.array([ord(one.database) for one in rated])
        self._rng = np.random.default_rng(2016)
        self.rows: list[list[str]] = []

    def add(
        self, name: str, mask: Bool[np.ndarray, "recordings"], *, within: bool = False
    ) -> dict[str, float]:
        """A row for these recordings; `within` for pairs of one database only."""
        rows = np.flatnonzero(mask)
        areas = {one: self._area(one, rows, within=within) for one in self._scores}
        bounds = self._interval(rows, within=within)
        num_good = int(self._good[rows].sum())
        first, *others = ("-" if np.isnan(one) else f"{one:.3f}" for one in areas.values())
        between = "-" if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}"
        self.rows.append([name, str(num_good), str(len(rows) - num_good), first, between, *others])
        return areas

    def _area(self, score: str, rows: Int64[np.ndarray, "rows"], *, within: bool) -> float:
        good, values = self._good[rows], self._scores[score][rows]
        return auroc_within(self._database[rows], good, values) if within else auroc(good, values)

    def _interval(
        self, rows: Int64[np.ndarray, "rows"], *, within: bool
    ) -> tuple[float, float] | None:
        """Over draws of persons with replacement; None where one class is too small."""
        num_good = self._good[rows].sum()
        if min(num_good, len(rows) - num_good) < _FEWEST:
            return None
        person = self._person[rows]
        of_person = [rows[person == one] for one in np.unique(person)]
        areas = []
        for _ in range(_DRAWS):
            drawn = self._rng.integers(len(of_person), size=len(of_person))
            chosen = np.concatenate([of_person[one] for one in drawn])
            areas.append(self._area(INDEX, chosen, within=within))
        low, high = np.nanpercentile(areas, _INTERVAL)
        return float(low), float(high)

    def __str__(self) -> str:
        """With its heads."""
        first, *others = self._scores
        return format_table(["AUROC", "good", "unsure", first, "95 %", *others], self.rows)


def measure_cycle_index(rated: list[RatedRecording]) -> tuple[float, int, int]:
    """AUROC of held-out cycle scores for annotated against noisy by hand, and both numbers."""
    weights = held_out_weights(rated, chosen=WITH_CYCLES)
    scores, states = [], []
    for one in rated:
        path = one.recording.states_path
        bounds_s = one.segmentation.cycles.bounds_s
        if path is None or "hand_corrected" not in path.parts or len(bounds_s) == 0:
            continue
        told, _ = read_mat_states(path, file=path.name, duration_s=one.recording.duration_s)
        overlap = np.minimum(bounds_s[:, 4:], told.end_s) - np.maximum(
            bounds_s[:, :1], told.start_s
        )
        covered = (np.maximum(overlap, 0) * (told.state > 0)).sum(axis=1)
        share = covered / (bounds_s[:, 4] - bounds_s[:, 0])
        clear = (bounds_s[:, 0] >= told.start_s.min(initial=np.inf)) & (
            (share < 0.05) | (share > 0.95)
        )
        model = weights[fold_of(one.person)]
        score = mix_scores(model.score(one.per_cycle), model.score(one.measures[None]))
        scores.append(score[clear])
        states.append(share[clear] > 0.5)
    good = np.concatenate(states)
    return auroc(good, np.concatenate(scores)), int(good.sum()), int((~good).sum())


def measure_elsewhere(
    collection: Collection, is_bad: Callable[[str, str], bool], *, folder: str = ""
) -> tuple[float, int, int]:
    """AUROC of the shipped index on a collection, and how many are good and bad."""
    index, good = [], []
    for one in collection.recordings:
        if folder in one.path.parts or not folder:
            samples, rate = read_wav(one.path)
            cycles = segment_states(samples, sample_rate=rate).cycles
            index.append(rate_quality(samples, sample_rate=rate, cycles=cycles).index)
            good.append(not is_bad(one.path.stem, one.labels.get("murmur", "")))
    return auroc(np.array(good), np.array(index)), sum(good), len(good) - sum(good)


def measure_speed(rated: list[RatedRecording]) -> tuple[float, float]:
    """Milliseconds for 25 s at 2000 Hz: to rate, over all recordings, and to find no spike."""
    audio_s = processor_s = 0.0
    for one in rated:
        samples, rate = read_wav(one.recording.path)
        before = time.process_time()
        rate_quality(samples, sample_rate=rate, cycles=one.segmentation.cycles)
        processor_s += time.process_time() - before
        audio_s += len(samples) / rate
    noise = np.random.default_rng(0).normal(size=round(_TYPICAL_S * _RATE)).astype(np.float32)
    repeats = 200
    before = time.process_time()
    for _ in range(repeats):
        despike(noise, sample_rate=_RATE)
    despike_ms = 1000 * (time.process_time() - before) / repeats
    return 1000 * processor_s / audio_s * _TYPICAL_S, despike_ms


def measure(root: Path) -> tuple[list[Check], str]:
    """Every figure, and the table above them."""
    rated = read_rated(root / "physionet2016")
    table = Table(rated)
    database = np.array([one.database for one in rated])
    for one in sorted(set(database)):
        table.add(f"2016-{one}", database == one)
    pooled = table.add("pooled", np.full(len(rated), True))
    within = table.add("within databases", np.full(len(rated), True), within=True)
    seen = {one.path.stem for one in read_annotated(root) if not one.held_out}
    unseen = np.array([one.recording.recording_id not in seen for one in rated])
    table.add("new to the segmentation", unseen)
    checks = []
    for name, areas in (("pooled", pooled), ("within databases", within)):
        single = max(value for one, value in areas.items() if one not in FITTED)
        for one in (INDEX, *STORED):
            title = f"AUROC of the {one}, {name}, against the best single number"
            checks.append(Check(name=title, value=areas[one], least=single))
    area, good, bad = measure_cycle_index(rated)
    checks.append(Check(name=f"AUROC of a cycle's index, {good} clear, {bad} in noise", value=area))
    pascal = read_pascal(root / "pascal")
    for title, found in (
        ("PASCAL A, artifact", measure_elsewhere(pascal, _is_artifact, folder="set_a")),
        ("PASCAL B, noisy", measure_elsewhere(pascal, _is_noisy, folder="set_b")),
        ("CirCor, Unknown", measure_elsewhere(read_circor(root / "circor"), _is_unknown)),
    ):
        area, good, bad = found
        checks.append(Check(name=f"AUROC, {title} ({bad}) against others ({good})", value=area))
    rating_ms, despike_ms = measure_speed(rated)
    return [
        *checks,
        Check(name="to rate 25 s at 2000 Hz", value=rating_ms, unit="ms", most=MAX_RATING_MS),
        Check(name="to find no spike in it", value=despike_ms, unit="ms", most=MAX_DESPIKE_MS),
    ], str(table)


def _is_artifact(stem: str, _murmur: str) -> bool:
    return stem.startswith("artifact")


def _is_noisy(stem: str, _murmur: str) -> bool:
    return "_noisy" in stem


def _is_unknown(_stem: str, murmur: str) -> bool:
    return murmur == "Unknown"


def main() -> int:
    """Measure; 1 when a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the checks as JSON")
    arguments = parser.parse_args()
    root = real_data(as_json=arguments.json)
    if root is None:
        return 0
    with threadpool_limits(1):
        checks, table = measure(root)
    return report(checks, as_json=arguments.json, table=table)


if __name__ == "__main__":
    sys.exit(main())
