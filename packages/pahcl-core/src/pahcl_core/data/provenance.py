"""The file that tells a synthetic collection from recordings of patients, for good."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from pahcl_core.data.collection import Provenance
from pahcl_core.errors import DataError

PROVENANCE_FILE = "PROVENANCE.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What is written about a generated collection, at its root."""

    generator: str
    generator_version: int
    seed: int
    request: Mapping[str, int | tuple[float, float]]
    """What was asked for, by the names of the generator's arguments."""

    provenance: Provenance = "synthetic"
    notice: str = (
        "Every recording, patient and label here is computer-generated. "
        "No result obtained on it says anything about patients."
    )


def write_provenance(root: Path, origin: Origin) -> None:
    """Write the file that `read_provenance` looks for."""
    content = {
        "generator": origin.generator,
        "generator_version": origin.generator_version,
        "seed": origin.seed,
        **origin.request,
        "provenance": origin.provenance,
        "notice": origin.notice,
    }
    (root / PROVENANCE_FILE).write_text(tomli_w.dumps(content), encoding="utf-8", newline="\n")


def read_provenance(root: Path) -> Provenance:
    """Whether a collection is synthetic; without a provenance file it is real.

    Raises:
        DataError: If there is such a file and it does not say.
    """
    path = root / PROVENANCE_FILE
    if not path.is_file():
        return "real"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is not a TOML file: {error}") from error
    match content.get("provenance"):
        case "synthetic":
            return "synthetic"
        case "real":
            return "real"
        case other:
            raise DataError(f"{path}: provenance is {other!r}, neither 'real' nor 'synthetic'")
