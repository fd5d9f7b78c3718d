"""Recordings to rate: clean synthetic ones with their true cycles, and what spoils them."""

import numpy as np

from pahcl_core.data.synthesis import RecordingProfile, synthesise_recording
from pahcl_core.signal.cycles import Cycles, cycles_from_states

NO_CYCLES = Cycles(bounds_s=np.zeros((0, 5)))


def clean_recording(*, seed=5, duration_s=20.0, heart_rate_bpm=75.0, **profile):
    """Samples at 4000 Hz and the true cycles."""
    chosen = RecordingProfile(duration_s=duration_s, heart_rate_bpm=heart_rate_bpm, **profile)
    samples, _, states = synthesise_recording(chosen, np.random.default_rng(seed))
    return samples, cycles_from_states(states.start_s, states.end_s, states.state)


def with_noise(samples, *, snr_db, seed=1):
    """White noise on top, so many decibels fainter than the recording."""
    noise = np.random.default_rng(seed).normal(size=len(samples))
    level = np.sqrt(np.mean(samples**2)) * 10 ** (-snr_db / 20)
    return (samples + level * noise).astype(np.float32)


def white_noise(seconds=20.0, *, rate=4000, seed=3):
    noise = np.random.default_rng(seed).normal(size=int(seconds * rate))
    return (0.1 * noise).astype(np.float32)
