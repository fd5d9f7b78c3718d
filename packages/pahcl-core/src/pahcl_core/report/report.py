"""A run's report: its sections, put together and written."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pahcl_core.errors import DataError
from pahcl_core.evaluation.answers import NOTICE
from pahcl_core.evaluation.wording import moment_text
from pahcl_core.report.blocks import Section, with_absent_ones_last
from pahcl_core.report.confusion import calibration_section, confusion_section
from pahcl_core.report.curves import curves_section
from pahcl_core.report.learning import learning_section
from pahcl_core.report.material import Material, read_material
from pahcl_core.report.page import GENERATOR, Page, rendered
from pahcl_core.report.provenance import provenance_section, settings_section
from pahcl_core.report.recordings import recording_sections
from pahcl_core.report.scores import scores_section, subgroups_section
from pahcl_core.report.summary import KINDS, data_section, summary_section, warnings_section
from pahcl_core.training.run_directory import REPORT, write_text

_SECTIONS: Sequence[Callable[[Material], Section]] = (
    summary_section,
    warnings_section,
    data_section,
    learning_section,
    scores_section,
    curves_section,
    confusion_section,
    calibration_section,
    subgroups_section,
)
_HEAD = 2000  # bytes: a page says early on what has made it
SYNTHETIC = (
    "Synthetic recordings: these figures show that the software works, and nothing about hearts."
)


def write_report(
    directory: Path,
    *,
    to: Path | None = None,
    sounds: bool | None = None,
    data_dir: Path | None = None,
    ending: bool = False,
) -> Path:
    """Write the report of a run.

    Args:
        directory: Of the run.
        to: The file; None for `report.html` in the run's own folder.
        sounds: Whether recordings can be listened to; None for those of a public or a synthetic
            collection alone.
        data_dir: Where the recordings are, if not where the run found them.
        ending: The run has written everything, and is about to end.

    Returns:
        The file.

    Raises:
        DataError: If there is no such run, nothing of it can be read, or the file cannot be
            written.
    """
    material = read_material(directory, ending=ending)
    page = _page(material, sounds=sounds, data_dir=data_dir)
    return written(page, to or directory / REPORT)


def report_at_end(directory: Path) -> Path:
    """The report of a run that is about to end, in its folder."""
    return write_report(directory, ending=True)


def written(page: Page, path: Path) -> Path:
    """Write a page; one that was there is replaced.

    Raises:
        DataError: If it cannot be written, or something else is there.
    """
    if path.exists() and not _is_ours(path):
        raise DataError(f"{path}: is there already, and is no report; name another file with --to")
    try:
        write_text(path, rendered(page))
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return f'content="{GENERATOR}'.encode() in stream.read(_HEAD)
    except OSError:
        return False


def _page(material: Material, *, sounds: bool | None, data_dir: Path | None) -> Page:
    run = material.run
    kind = KINDS.get(run.kind or "", "Run")
    task = material.task
    about = task.description if task is not None and task.description else ""
    of = f" of {run.task}" if run.task and run.task != run.kind else ""
    return Page(
        kicker=f"{kind}{of}",
        title=run.name,
        lead=about or f"The run is {run.state}.",
        banner=SYNTHETIC if material.metrics.get("provenance") == "synthetic" else "",
        sections=with_absent_ones_last(
            [
                *(make(material) for make in _SECTIONS),
                *recording_sections(material, sounds=sounds, data_dir=data_dir),
                settings_section(material),
                provenance_section(material),
            ]
        ),
        footer=footer(),
    )


def footer() -> str:
    """What stands at the end of every page."""
    now = moment_text(time.time(), "minutes")
    return f"Made {now} UTC by pahcl report. {NOTICE[0].upper()}{NOTICE[1:]}."
