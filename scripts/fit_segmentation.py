"""Fit the parameters of the segmentation to annotated recordings and put them into the package.

    OMP_NUM_THREADS=1 python scripts/fit_segmentation.py DATA

`DATA` holds `circor/` and `physionet2016/` as they are downloaded. It takes about five minutes on
one core; the same data on the same machine give the same files. Persons that
`segmentation_recordings.SPLIT_RULE` holds out are not looked at.

The persons of the fit are parted in two halves, and a network is trained on each. What it makes of
the other half, which it has not seen, is what the confidence is fitted to, together with what both
make of synthetic noise. The network that is shipped is then trained on both; `--keep-network`
leaves out this last step, for a change of what comes after the network.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from fit_provenance import made_from
from jaxtyping import Bool, Float32, Float64, Int64
from segmentation_network import StateNetwork, TrainConfig, train_network
from segmentation_recordings import (
    SPLIT_RULE,
    AnnotatedRecording,
    States,
    fraction,
    read_annotated,
)
from segmentation_scoring import S1, S2, OnsetCounts, count_onsets, judge_cycles
from sklearn.linear_model import LogisticRegression

from pahcl_core.data.wav import read_wav
from pahcl_core.signal import segmentation_parameters as shipped
from pahcl_core.signal.cycles import cycles_from_states
from pahcl_core.signal.emissions import FRAME_RATE, band_levels, log_posteriors
from pahcl_core.signal.hsmm import StatePath, whole_cycles
from pahcl_core.signal.segment_confidence import MEASURES, cycle_measures
from pahcl_core.signal.segment_path import state_path
from pahcl_core.signal.segment_states import emission_scores

_NUM_HALVES = 2
_NUM_NOISES, _NOISE_S, _NOISE_RATE = 60, 20.0, 1000
_SOURCES = (
    "CirCor DigiScope v1.0.3 (Oliveira et al. 2022, ODC-By 1.0)",
    "PhysioNet/CinC Challenge 2016, training-a to training-f with hand-corrected states "
    "(Liu et al. 2016, ODC-By 1.0)",
)


class Example:
    """A recording of the fit: what the network sees, and what it should say."""

    def __init__(self, recording: AnnotatedRecording) -> None:
        samples, rate = read_wav(recording.path)
        self.recording = recording
        self.levels = band_levels(samples, sample_rate=rate)
        self.states = states_of_frames(recording.states, len(self.levels))
        self.half = int(_NUM_HALVES * fraction(f"half/{recording.source}/{recording.person}"))


def states_of_frames(states: States, num_frames: int) -> Int64[np.ndarray, "frames"]:
    """The state at the centre of each frame, 0 where none is annotated."""
    centre_s = (np.arange(num_frames) + 0.5) / FRAME_RATE
    row = np.searchsorted(states.start_s, centre_s, side="right") - 1
    told = (row >= 0) & (centre_s < states.end_s[row])
    return np.where(told, states.state[row], 0)


def fit_durations(examples: list[Example]) -> dict[str, object]:
    """The fields of `CycleDurations`: lines by least squares, spreads robustly around them."""
    tables = []
    for example in examples:
        states = example.recording.states
        tables.append(cycles_from_states(states.start_s, states.end_s, states.state).bounds_s)
    bounds = np.concatenate(tables)
    period = bounds[:, 4] - bounds[:, 0]
    design = np.column_stack([np.ones(len(period)), period])
    fitted: dict[str, object] = {}
    for name, first, last in (("s1", 0, 1), ("s2", 2, 3), ("s2_onset", 0, 2)):
        value = bounds[:, last] - bounds[:, first]
        line = np.linalg.lstsq(design, value, rcond=None)[0]
        fitted[f"{name}_s"] = [round(float(one), 4) for one in line]
        rest = value - design @ line
        fitted[f"{name}_spread_s"] = round(float(np.std(rest)), 4)
    # The last of them is what is known about the systole.
    pieces = np.split(rest, np.cumsum([len(table) for table in tables])[:-1])
    within = np.concatenate([piece - piece.mean() for piece in pieces if len(piece) > 1])
    fitted["s2_onset_spread_within_s"] = round(float(np.std(within)), 4)
    changes = np.concatenate([_log_changes(table) for table in tables])
    spread = 1.4826 * float(np.median(np.abs(changes)))
    fitted["period_spread"] = round(spread, 4)
    return fitted


def _log_changes(bounds_s: Float64[np.ndarray, "cycles 5"]) -> Float64[np.ndarray, "changes"]:
    """Log ratio of each cycle's length to that of the one right before it."""
    change = np.diff(np.log(bounds_s[:, 4] - bounds_s[:, 0]))
    return change[np.abs(bounds_s[1:, 0] - bounds_s[:-1, 4]) < 1 / FRAME_RATE]


def train(examples: list[Example], config: TrainConfig) -> StateNetwork:
    """A network fitted to the examples."""
    return train_network(
        [example.levels for example in examples], [example.states for example in examples], config
    )


class Judge:
    """What the network of one half makes of the other, collected over recordings."""

    def __init__(self, networks: list[StateNetwork], content: dict[str, object]) -> None:
        self._parameters = [
            shipped.parameters_from(network.arrays(), content) for network in networks
        ]
        self._counts: dict[str, dict[str, OnsetCounts]] = {}
        self._measures: list[Float64[np.ndarray, "cycles measures"]] = []
        self._right: list[Bool[np.ndarray, "cycles"]] = []

    def add_recording(self, example: Example) -> None:
        """Segment a recording by the network that has not seen it, and compare."""
        path, first, measures = self._segment(example.levels, network=1 - example.half)
        onsets_s = path.first_frame / FRAME_RATE
        true = example.recording.states
        judged, right = judge_cycles(true, onsets_s[first[:, None] + np.arange(5)])
        self._measures.append(measures[judged])
        self._right.append(right)
        counts = self._counts.setdefault(example.recording.source, {})
        for name, state in (("S1", S1), ("S2", S2)):
            found_s = onsets_s[1:][path.state[1:] == state - 1]
            now = count_onsets(true, found_s, state=state)
            counts[name] = counts.get(name, OnsetCounts()) + now

    def add_noise(self, rng: np.random.Generator) -> None:
        """Segment noise, in which every cycle is wrong."""
        samples = synthetic_noise(rng)
        levels = band_levels(samples, sample_rate=_NOISE_RATE)
        _, first, measures = self._segment(levels, network=int(rng.integers(_NUM_HALVES)))
        self._measures.append(measures)
        self._right.append(np.zeros(len(first), dtype=bool))

    def confidence(self) -> dict[str, object]:
        """The fields of `ConfidenceWeights`."""
        regression = LogisticRegression(C=10.0, max_iter=1000)
        regression.fit(np.concatenate(self._measures), np.concatenate(self._right))
        weights = [round(float(one), 4) for one in regression.coef_[0]]
        return {"weights": weights, "bias": round(float(regression.intercept_[0]), 4)}

    def scores(self) -> dict[str, dict[str, float]]:
        """F1 of the onsets of S1 and S2, by source."""
        return {
            source: {name: round(one.f1, 4) for name, one in sounds.items()}
            for source, sounds in sorted(self._counts.items())
        }

    def _segment(
        self, levels: Float32[np.ndarray, "frames bands"], *, network: int
    ) -> tuple[StatePath, Int64[np.ndarray, "cycles"], Float64[np.ndarray, "cycles measures"]]:
        parameters = self._parameters[network]
        log_posterior = log_posteriors(levels, parameters.network)
        path = state_path(emission_scores(log_posterior, parameters), parameters.durations)
        first = whole_cycles(path)
        return path, first, cycle_measures(log_posterior, path.first_frame, path.state, first)


def synthetic_noise(rng: np.random.Generator) -> Float32[np.ndarray, "samples"]:
    """Noise from white to brown that swells and fades, as of a room, of clothes or of breath."""
    num_samples = round(_NOISE_S * _NOISE_RATE)
    spectrum = np.fft.rfft(rng.normal(size=num_samples))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** rng.uniform(0.0, 1.0)
    swell_hz = rng.uniform(0.1, 1.0)
    time_s = np.arange(num_samples) / _NOISE_RATE
    swell = 1.0 + rng.uniform(0.0, 0.9) * np.sin(2 * np.pi * swell_hz * time_s)
    return (swell * np.fft.irfft(spectrum, num_samples)).astype(np.float32)


def provenance(
    examples: list[Example],
    config: TrainConfig,
    halves: dict[str, object],
    made: dict[str, object],
    *,
    keep_network: bool,
) -> dict[str, object]:
    """Where the parameters come from, for whoever reads the JSON file."""
    used = {}
    for source in sorted({example.recording.source for example in examples}):
        mine = [one for one in examples if one.recording.source == source]
        used[source] = {
            "recordings": len(mine),
            "persons": len({one.recording.person for one in mine}),
            "annotated_s": round(sum(np.count_nonzero(one.states) for one in mine) / FRAME_RATE),
        }
    command = "OMP_NUM_THREADS=1 python scripts/fit_segmentation.py DATA"
    return {
        "command": f"{command} --keep-network" if keep_network else command,
        "network": f"from an earlier run of: {command}" if keep_network else "from this run",
        "made_from": made,
        "network_made_from": network_made_from(made, keep_network=keep_network),
        "collections": list(_SOURCES),
        "split": SPLIT_RULE,
        "fitted_to": used,
        "training": {name: getattr(config, name) for name in TrainConfig.__dataclass_fields__},
        "f1_of_onsets_between_halves": halves,
        "synthetic_noise_in_confidence": f"{_NUM_NOISES} recordings of {_NOISE_S:g} s",
        "measures_of_confidence": list(MEASURES),
    }


def content_of(example: Example) -> bytes:
    """What the fit read of a recording: its file, and its states."""
    states = example.recording.states
    columns = (states.start_s, states.end_s, states.state)
    return example.recording.path.read_bytes() + b"".join(one.tobytes() for one in columns)


def network_made_from(used: dict[str, object], *, keep_network: bool) -> object:
    """What this run has used; of a network that is kept, what the run that made it had."""
    if not keep_network:
        return used
    file = Path(shipped.__file__).parent / f"{shipped.NAME}.json"
    return json.loads(file.read_text(encoding="utf-8"))["provenance"]["network_made_from"]


def prior_of(examples: list[Example]) -> list[float]:
    """Part of the annotated time in each state."""
    counts = sum(np.bincount(example.states, minlength=5)[1:] for example in examples)
    return [round(float(one), 4) for one in counts / counts.sum()]


def main() -> int:
    """Fit and write both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with circor/ and physionet2016/")
    parser.add_argument("--out", type=Path, default=Path(shipped.__file__).parent, help="folder")
    parser.add_argument("--keep-network", action="store_true", help="fit all but the network")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the order of additions, and so the result, depends on it
    config = TrainConfig()
    examples = [
        Example(recording)
        for recording in read_annotated(arguments.data)
        if not recording.held_out and len(recording.states.state)
    ]
    sys.stdout.write(f"{len(examples)} recordings to fit to\n")
    made = made_from(content_of(example) for example in examples)  # before any of it may change
    content: dict[str, object] = {
        "prior": prior_of(examples),
        "durations": fit_durations(examples),
        "confidence": {"weights": [0.0] * len(MEASURES), "bias": 0.0},
    }
    halves = [
        train([example for example in examples if example.half == half], config)
        for half in range(_NUM_HALVES)
    ]
    judge = Judge(halves, content)
    for example in examples:
        judge.add_recording(example)
    rng = np.random.default_rng(config.seed)
    for _ in range(_NUM_NOISES):
        judge.add_noise(rng)
    content["confidence"], scores = judge.confidence(), judge.scores()
    sys.stdout.write(f"F1 of each half on the other: {json.dumps(scores)}\n")
    if not arguments.keep_network:
        network = train(examples, config)
        np.savez(arguments.out / f"{shipped.NAME}.npz", **network.arrays())
    about = provenance(examples, config, scores, made, keep_network=arguments.keep_network)
    content = {"provenance": about, **content}
    text = json.dumps(content, indent=2) + "\n"
    (arguments.out / f"{shipped.NAME}.json").write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
