"""The envelope method against CirCor's own annotations."""

import numpy as np
import pytest
from pahcl_core.data.circor import read_circor
from pahcl_core.data.states import read_states
from pahcl_core.data.wav import read_wav
from pahcl_core.signal.filtering import resample
from pahcl_core.signal.segmentation import cycles_from_envelope

pytestmark = pytest.mark.real_data

NUM_RECORDINGS = 60
TOLERANCE_S = 0.1


def test_most_annotated_first_sounds_are_found(real_data):
    """Every S1 of every tenth recording: at least three quarters lie within 100 ms of one found."""
    collection = read_circor(real_data / "circor")
    hits, total = 0, 0
    for recording in collection.recordings[::10][:NUM_RECORDINGS]:
        if recording.states_path is None:
            continue
        states, _ = read_states(recording.states_path, file=recording.states_path.name)
        true = (states.start_s + states.end_s)[states.state == 1] / 2
        samples, rate = read_wav(recording.path)
        found = cycles_from_envelope(
            resample(samples, from_rate=rate, to_rate=2000), sample_rate=2000
        ).bounds_s[:, 0:2]
        total += len(true)
        if len(found) and len(true):
            nearest = np.abs(true[:, None] - found.mean(axis=1)).min(axis=1)
            hits += int((nearest < TOLERANCE_S).sum())

    assert hits / total > 0.75
