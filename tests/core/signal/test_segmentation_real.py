"""The heart states found in real recordings, of persons who took no part in the fit."""

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from pahcl_core.data.wav import read_wav
from pahcl_core.signal.segment_states import segment_states

pytestmark = pytest.mark.real_data

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
NUM_PER_SOURCE = 12
TOLERANCE_S = 0.1


def load_script(name):
    """A module of the scripts' folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def results():
    """Of some held-out recordings per source: annotation and segmentation."""
    if "PAHCL_REAL_DATA" not in os.environ:
        pytest.skip("PAHCL_REAL_DATA does not name a folder of real recordings")
    scripts = load_script("segmentation_recordings")
    found = {}
    for one in scripts.read_annotated(Path(os.environ["PAHCL_REAL_DATA"])):
        mine = found.setdefault(one.source, [])
        if one.held_out and len(one.states.state) and len(mine) < NUM_PER_SOURCE:
            samples, rate = read_wav(one.path)
            mine.append((one.states, segment_states(samples, sample_rate=rate)))
    return found


def hits_and_total(true, result, state):
    """Annotated onsets with a found one within the tolerance, and how many there are."""
    onsets = true.start_s[(true.state == state) & (true.start_s > TOLERANCE_S)]
    found = result.start_s[result.state == state]
    if len(onsets) == 0:
        return 0, 0
    return int((np.abs(onsets[:, None] - found).min(axis=1) <= TOLERANCE_S).sum()), len(onsets)


@pytest.mark.parametrize("state", [1, 3], ids=["S1", "S2"])
@pytest.mark.parametrize("source", ["circor", "2016-a", "2016-b", "2016-e"])
def test_nearly_all_annotated_onsets_are_found(results, source, state):
    """Nine in ten."""
    counts = [hits_and_total(true, result, state) for true, result in results[source]]
    hits, total = np.sum(counts, axis=0)

    assert total > 20
    assert hits / total > 0.9


def test_confidence_parts_the_right_from_the_wrong(results):
    """A right cycle is more trusted than a wrong one, more than four times in five."""
    right, wrong = [], []
    for true, result in [pair for pairs in results.values() for pair in pairs]:
        first = true.start_s[true.state == 1]
        for bounds, confidence in zip(result.cycles.bounds_s, result.confidence, strict=True):
            if true.start_s[0] < bounds[0] - TOLERANCE_S and bounds[4] < true.end_s[-1]:
                is_right = np.abs(first - bounds[0]).min() <= TOLERANCE_S
                (right if is_right else wrong).append(confidence)

    ordered = np.array(right)[:, None] > np.array(wrong)
    assert len(wrong) > 5
    assert ordered.mean() > 0.8
