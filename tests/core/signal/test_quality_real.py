"""The quality index on real recordings; those of PASCAL took no part in the fit."""

import os
from pathlib import Path

import numpy as np
import pytest

from pahcl_core.data.pascal import read_pascal
from pahcl_core.data.physionet2016 import read_physionet2016
from pahcl_core.data.wav import read_wav
from pahcl_core.signal.quality import rate_quality
from pahcl_core.signal.segment_states import segment_states

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def root():
    if "PAHCL_REAL_DATA" not in os.environ:
        pytest.skip("PAHCL_REAL_DATA does not name a folder of real recordings")
    return Path(os.environ["PAHCL_REAL_DATA"])


def rate(path):
    samples, sample_rate = read_wav(path)
    cycles = segment_states(samples, sample_rate=sample_rate).cycles
    return rate_quality(samples, sample_rate=sample_rate, cycles=cycles)


def in_order(good, bad):
    """Part of the pairs in which the good one has the higher index."""
    return float((np.array(good)[:, None] > np.array(bad)).mean())


def test_artifacts_are_worse_than_hearts(root):
    """Recordings of anything but a heart, in a collection that the index was not fitted to."""
    index = {True: [], False: []}
    for one in read_pascal(root / "pascal").recordings:
        if "set_a" in one.path.parts:
            index[one.path.stem.startswith("artifact")].append(rate(one.path).index)

    assert min(map(len, index.values())) >= 10
    assert in_order(index[False], index[True]) > 0.95
    assert np.median(index[False]) > 0.9
    assert np.median(index[True]) < 0.3


def test_experts_would_agree(root):
    """All that they were unsure of in training-e, and as many that they called good."""
    index = {"good": [], "unsure": []}
    flags = {"good": 0, "unsure": 0}
    for one in read_physionet2016(root / "physionet2016").recordings:
        quality = one.labels.get("quality", "good")
        if one.recording_id.startswith("e") and len(index[quality]) < 30:
            found = rate(one.path)
            index[quality].append(found.index)
            flags[quality] += "no_heartbeat" in found.flags

    assert min(map(len, index.values())) >= 10
    assert in_order(index["good"], index["unsure"]) > 0.9
    assert flags["good"] <= 1
    assert flags["unsure"] >= 3
