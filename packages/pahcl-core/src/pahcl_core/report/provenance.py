"""The sections at the end: settings, the machine's software, and the files that all rests on."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pahcl_core.report.blocks import Block, Facts, Folded, Note, Section, Table, absent
from pahcl_core.report.material import Material
from pahcl_core.report.summary import settings_table
from pahcl_core.training.run_directory import (
    BEST,
    CONFIG,
    INSTANCES,
    METRICS,
    PREDICTIONS,
    SPLIT,
)
from pahcl_track.journal import JOURNAL
from pahcl_track.redaction import redacted

_FILES = (CONFIG, SPLIT, JOURNAL, PREDICTIONS, INSTANCES, METRICS, BEST)


def settings_section(material: Material) -> Section:
    """Everything that changes the result."""
    config = redacted(material.run.config)
    if not config:
        return absent("settings", "Settings", "the run does not tell its settings")
    table = settings_table(config)
    told = f"{CONFIG} is a run file again: with it the same command makes the same run."
    folded = Folded(summary=f"All {len(table.rows)} settings", blocks=[table])
    return Section(name="settings", title="Settings", blocks=[Note(text=told), folded])


def provenance_section(material: Material) -> Section:
    """Which software, and which files: whoever has them can compute the figures again."""
    blocks: list[Block] = []
    versions = material.section("versions")
    if versions:
        blocks.append(Facts(facts={name: str(version) for name, version in versions.items()}))
    else:
        blocks.append(Note(text="The run does not tell its software.", weight="absent"))
    files = list(_files(material.run.directory))
    if files:
        heads = ["file", "bytes", "SHA-256, its beginning"]
        caption = f"The files that this rests on, in {material.run.directory}"
        blocks.append(Table(heads=heads, rows=files, caption=caption, num_words=1))
    if material.results:
        again = f"pahcl runs show {material.run.directory} --check"
        blocks.append(Note(text=f"{again} computes every metric from {PREDICTIONS} again."))
    return Section(name="provenance", title="Environment and provenance", blocks=blocks)


def _files(directory: Path) -> Iterator[list[str]]:
    for name in _FILES:
        try:
            with (directory / name).open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = (directory / name).stat().st_size
        except OSError:  # of another kind of run, or not to be read
            continue
        yield [name, f"{size:,}", digest[:16]]
