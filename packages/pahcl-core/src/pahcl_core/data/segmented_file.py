"""Segmenting recordings on disk: their states beside them, in the format that CirCor has them in.

CirCor's own annotations have the very same names as what is written here, so nothing that is there
is overwritten unless asked for.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from pahcl_core.data.collection import Problem
from pahcl_core.data.output_folder import make_folder
from pahcl_core.data.samples import read_samples
from pahcl_core.data.states import StateAnnotation, write_states
from pahcl_core.errors import DataError, SettingError
from pahcl_core.signal.segment_states import Segmentation, segment_states


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentedFile:
    """What was found in one recording."""

    path: Path
    """Of the recording."""

    duration_s: float
    sample_rate: int
    """In hertz."""

    segmentation: Segmentation
    written: tuple[Path, ...]
    """The annotation, and the picture if there is one."""

    @property
    def mean_confidence(self) -> float | None:
        """Over the cycles, 0 to 1; None where there is no cycle."""
        confidence = self.segmentation.confidence
        return float(confidence.mean()) if len(confidence) else None

    def line(self) -> str:
        """For a person to read."""
        number = len(self.segmentation.cycles)
        rate, confidence = self.segmentation.cycles.heart_rate_bpm, self.mean_confidence
        found = f"{number} cycle{'' if number == 1 else 's'}"
        if rate is not None and confidence is not None:
            found += f", {rate:.0f} beats/min, mean confidence {confidence:.2f}"
        places = ", ".join(map(str, self.written))
        return f"{self.path}: {self.duration_s:.1f} s, {found} -> {places}"

    def as_dict(self) -> dict[str, Any]:
        """The same for a program, with every row of the annotation and every cycle."""
        found = self.segmentation
        rows = zip(found.start_s.tolist(), found.end_s.tolist(), found.state.tolist(), strict=True)
        cycles = zip(found.cycles.bounds_s.tolist(), found.confidence.tolist(), strict=True)
        return {
            "file": str(self.path),
            "duration_s": self.duration_s,
            "sample_rate": self.sample_rate,
            "heart_rate_bpm": found.cycles.heart_rate_bpm,
            "mean_confidence": self.mean_confidence,
            "rows": [
                {"start_s": start_s, "end_s": end_s, "state": state}
                for start_s, end_s, state in rows
            ],
            "cycles": [
                {"bounds_s": bounds_s, "confidence": confidence} for bounds_s, confidence in cycles
            ],
            "written": [str(path) for path in self.written],
        }


Draw = Callable[[Path, Float32[np.ndarray, "samples"], int, Segmentation, Path], None]
"""Writes a picture, the last path, of a recording: path, samples, rate in hertz, its states."""


def segment_files(
    files: Sequence[Path],
    *,
    output_dir: Path | None = None,
    overwrite: bool = False,
    draw: Draw | None = None,
) -> Iterator[SegmentedFile | Problem]:
    """Segment recordings one by one and write `<stem>.tsv` for each.

    Args:
        files: WAV or FLAC, at any rate from 800 Hz on.
        output_dir: Where to write, made if it is not there; beside each recording if None.
        overwrite: Whether files that are there may be replaced, be they a collection's own.
        draw: Also called for each, to write `<stem>.png`.

    Yields:
        For each file in turn what was found, or why there is nothing to be found.

    Raises:
        SettingError: Before anything is written: if a file to write is there, or two recordings
            would have the same, or the folder cannot be made.
        DataError: If a file cannot be written.
    """
    suffixes = (".tsv",) if draw is None else (".tsv", ".png")
    targets = [
        tuple((output_dir or file.parent) / (file.stem + suffix) for suffix in suffixes)
        for file in files
    ]
    _refuse_clashes(files, [one[0] for one in targets])
    if not overwrite:
        _refuse_existing([path for paths in targets for path in paths])
    if output_dir is not None:
        make_folder(output_dir)
    for file, paths in zip(files, targets, strict=True):
        try:
            samples, sample_rate, found = segment_file(file)
        except DataError as error:
            yield Problem(file=str(file), reason=str(error).removeprefix(f"{file}: "))
            continue
        _write(paths[0], found)
        if draw is not None:
            draw(file, samples, sample_rate, found, paths[1])
        yield SegmentedFile(
            path=file,
            duration_s=len(samples) / sample_rate,
            sample_rate=sample_rate,
            segmentation=found,
            written=paths,
        )


def segment_file(path: Path) -> tuple[Float32[np.ndarray, "samples"], int, Segmentation]:
    """The samples of a recording, their rate in hertz, and the states.

    Raises:
        DataError: If the file cannot be decoded, is empty or silent, or its rate is too low.
    """
    if path.is_file() and path.stat().st_size == 0:
        raise DataError(f"{path}: is empty, not even a header is there")
    samples, sample_rate = read_samples(path)
    if samples.min() == samples.max():
        raise DataError(f"{path}: is silent, all its samples are equal: there are no states in it")
    try:
        return samples, sample_rate, segment_states(samples, sample_rate=sample_rate)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _refuse_clashes(files: Sequence[Path], targets: Sequence[Path]) -> None:
    """Two folders may hold recordings of one name, and a folder a WAV and a FLAC of one name."""
    target, number = Counter(path.absolute() for path in targets).most_common(1)[0]
    if number > 1:
        pair = [
            str(file) for file, one in zip(files, targets, strict=True) if one.absolute() == target
        ]
        raise SettingError(
            f"{pair[0]} and {pair[1]} would both be written to {target.name}: segment them one "
            "after the other, each with a folder of its own (--output-dir)"
        )


def _refuse_existing(targets: Sequence[Path]) -> None:
    there = [path for path in targets if path.exists()]
    if there:
        which = f"{there[0]} is" if len(there) == 1 else f"{len(there)} files are"
        first = "" if len(there) == 1 else f", the first {there[0]}"
        raise SettingError(
            f"{which} there already{first}; it may be an annotation that came with the recording: "
            "name another folder with --output-dir, or replace it with --overwrite"
        )


def _write(path: Path, found: Segmentation) -> None:
    states = StateAnnotation(start_s=found.start_s, end_s=found.end_s, state=found.state)
    try:
        write_states(path, states)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written: {error.strerror}; name a folder with --output-dir"
        ) from error
