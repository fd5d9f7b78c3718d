"""Writes a synthetic folder of recordings with a table of one's own, as `folder` reads it.

What such folders hold in practice is mixed, and so are these: sample rates, bits per sample, one
channel and two. The label is whether there is a systolic murmur. The provenance file at the root
says that it is synthetic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pahcl_core.data.preparation import Progress
from pahcl_core.data.provenance import Origin, write_provenance
from pahcl_core.data.synthesis import synthesise_recording
from pahcl_core.data.synthetic_files import (
    check_request,
    make_directories,
    write_rows,
    write_wav,
)
from pahcl_core.data.synthetic_hearts import draw_heart, draw_profile

GENERATOR_VERSION = 1
"""Goes up whenever the same seed gives other files."""

TABLE = "recordings.csv"
LABEL = "murmur"

_RECORDINGS = "recordings"
_COLUMNS = ("path", "subject", "location", LABEL)
_LOCATIONS = ("AV", "MV")
_PRESENT = 0.4
_FEWEST = 6  # three of each label, so that any folder can be split in three


@dataclass(frozen=True, kw_only=True, slots=True)
class _Format:
    sample_rate: int
    bits: int
    num_channels: int


_FORMATS = (
    _Format(sample_rate=4000, bits=16, num_channels=1),
    _Format(sample_rate=44100, bits=16, num_channels=2),
    _Format(sample_rate=8000, bits=24, num_channels=1),
    _Format(sample_rate=2000, bits=8, num_channels=1),
    _Format(sample_rate=4000, bits=24, num_channels=2),
    _Format(sample_rate=22050, bits=16, num_channels=1),
)
"""Given out in turn, so that six recordings have them all."""


def write_synthetic_folder(
    directory: Path,
    *,
    num_subjects: int,
    seed: int,
    duration_s: tuple[float, float] = (5.0, 15.0),
    progress: Progress = lambda items, total: items,
) -> None:
    """Write a folder of synthetic recordings, two of each subject, and `recordings.csv`.

    Args:
        directory: Made if it does not exist; must be empty.
        num_subjects: At least 6.
        seed: The same seed and arguments give the same bytes.
        duration_s: Shortest and longest recording, in seconds.
        progress: Shown the subjects as they are written.

    Raises:
        SettingError: If the directory is not empty, or an argument makes no sense.
    """
    check_request("num_subjects", num_subjects, fewest=_FEWEST, seed=seed, duration_s=duration_s)
    make_directories(directory, [_RECORDINGS])
    # First of all, so that even an interrupted attempt cannot pass for recordings of patients.
    write_provenance(
        directory,
        Origin(
            generator="pahcl_core.data.synthetic_folder",
            generator_version=GENERATOR_VERSION,
            seed=seed,
            request={"num_subjects": num_subjects, "duration_s": duration_s},
        ),
    )
    num_present = max(_FEWEST // 2, round(_PRESENT * num_subjects))
    has_murmur = np.random.default_rng(seed).permutation(num_subjects) < num_present
    rows: list[Sequence[object]] = [_COLUMNS]
    for index in progress(range(num_subjects), num_subjects):
        rng = np.random.default_rng([seed, index])
        rows += _write_subject(directory, index, bool(has_murmur[index]), duration_s, rng)
    write_rows(directory / TABLE, rows)


def _write_subject(
    root: Path,
    index: int,
    has_murmur: bool,
    duration_s: tuple[float, float],
    rng: np.random.Generator,
) -> list[Sequence[object]]:
    """The recordings of one subject, and their rows of the table."""
    heart = draw_heart(rng, murmur=has_murmur)
    subject = f"s{index + 1:03}"
    label = "present" if has_murmur else "absent"
    rows: list[Sequence[object]] = []
    for place, location in enumerate(_LOCATIONS):
        written = _FORMATS[(len(_LOCATIONS) * index + place) % len(_FORMATS)]
        profile = draw_profile(heart, rng, duration_s=rng.uniform(*duration_s))
        samples, rate, _ = synthesise_recording(profile, rng, sample_rate=written.sample_rate)
        if written.num_channels == 2:
            # The second microphone is further away, and hears a noise of its own.
            noise = rng.normal(0.0, 0.002, len(samples)).astype(np.float32)
            further = np.clip(np.float32(0.7) * samples + noise, -1.0, 1.0)
            samples = np.column_stack([samples, further])
        file = f"{_RECORDINGS}/{subject}_{location}.wav"
        write_wav(root / file, samples, rate, bits=written.bits)
        rows.append((file, subject, location, label))
    return rows
