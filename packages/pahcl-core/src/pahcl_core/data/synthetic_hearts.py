"""Invented hearts of grown-up people: how they beat, what else they give off, how they are heard.

Shares of the kinds of murmur follow the published tables of the CirCor DigiScope dataset (Oliveira
et al., IEEE JBHI 26(6), 2022).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pahcl_core.data.synthesis import (
    MurmurPitch,
    MurmurShape,
    MurmurTiming,
    RecordingProfile,
    SystolicMurmur,
)
from pahcl_core.data.synthetic_shares import choose

QUIET, NOISY, DROWNED = (0.015, 0.05), (0.1, 0.2), (0.6, 1.2)
"""Ranges of `RecordingProfile.noise`; in the last one, neither sound nor murmur can be told."""

TIMINGS: dict[MurmurTiming, float] = {
    "Holosystolic": 0.55,
    "Early-systolic": 0.33,
    "Mid-systolic": 0.1,
    "Late-systolic": 0.02,
}
SHAPES: dict[MurmurShape, float] = {
    "Plateau": 0.6,
    "Decrescendo": 0.2,
    "Diamond": 0.17,
    "Crescendo": 0.03,
}
PITCHES: dict[MurmurPitch, float] = {"Low": 0.5, "Medium": 0.28, "High": 0.22}

_MURMUR_LEVEL = (0.12, 0.4)
_S3_LEVEL = (0.35, 0.5)
_EARLY_EVERY = (2, 3)  # bigeminy and trigeminy
_LONG_S = 5.0  # below, trigeminy might not show


@dataclass(frozen=True, kw_only=True, slots=True)
class Heart:
    """What all recordings of a person have in common."""

    heart_rate_bpm: float
    respiration_hz: float
    s2_split_s: float
    murmur: SystolicMurmur | None
    s3_level: float
    early_every: int
    """As in `RecordingProfile`, like the two before."""


def draw_heart(
    rng: np.random.Generator, *, murmur: bool = False, s3: bool = False, early: bool = False
) -> Heart:
    """A heart at rest.

    Args:
        rng: Of everything left to chance.
        murmur: Whether it has a systolic murmur.
        s3: Whether it has a third heart sound.
        early: Whether it has extrasystoles.
    """
    return Heart(
        # Slow enough to leave room for a third sound.
        heart_rate_bpm=float(np.clip(rng.normal(74.0, 9.0), 56.0, 96.0)),
        respiration_hz=rng.uniform(0.2, 0.32),
        s2_split_s=rng.uniform(0.02, 0.045),
        murmur=_draw_murmur(rng) if murmur else None,
        s3_level=rng.uniform(*_S3_LEVEL) if s3 else 0.0,
        early_every=int(rng.choice(_EARLY_EVERY)) if early else 0,
    )


def draw_profile(
    heart: Heart,
    rng: np.random.Generator,
    *,
    duration_s: float,
    noise: tuple[float, float] = QUIET,
    **fields: Any,  # noqa: ANN401  any of the profile's
) -> RecordingProfile:
    """A recording of a heart; its murmur is no softer than the noise, unless that is `DROWNED`.

    Args:
        heart: What is recorded.
        rng: Of everything left to chance.
        duration_s: Length in seconds.
        noise: Softest and loudest background, both above 0.
        fields: Further fields of the profile.
    """
    level = float(np.exp(rng.uniform(*np.log(noise))))
    if heart.murmur is not None and noise != DROWNED:
        level = min(level, heart.murmur.level)
    settled: dict[str, Any] = {
        "duration_s": duration_s,
        "heart_rate_bpm": heart.heart_rate_bpm * rng.uniform(0.95, 1.05),
        "respiration_hz": heart.respiration_hz,
        "s2_level": rng.uniform(0.5, 0.95),
        "s2_split_s": heart.s2_split_s,
        "s3_level": heart.s3_level,
        "early_every": heart.early_every if duration_s >= _LONG_S else min(heart.early_every, 2),
        "murmur": heart.murmur,
        "noise": level,
        "breath": rng.uniform(0.0, 0.05),
        "num_artefacts": int(rng.poisson(0.4 if noise == QUIET else 2.0)),
    }
    return RecordingProfile(**{**settled, **fields})


def _draw_murmur(rng: np.random.Generator) -> SystolicMurmur:
    return SystolicMurmur(
        timing=choose(TIMINGS, rng),
        shape=choose(SHAPES, rng),
        pitch=choose(PITCHES, rng),
        level=rng.uniform(*_MURMUR_LEVEL),
    )
