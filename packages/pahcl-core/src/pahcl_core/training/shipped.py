"""Where a model is: a file, a run, or one of those that come with the package.

The files lie in `pahcl_core/shipped`, each with a card that says what it was made from and what it
is worth. `scripts/train_shipped_models.py` makes them; none is edited by hand.
"""

from collections.abc import Sequence
from pathlib import Path

from pahcl_core.errors import DataError, SettingError
from pahcl_core.training.run_directory import BEST

FOLDER = Path(__file__).resolve().parents[1] / "shipped"

ENCODER = "tiny"
"""The name of the pretrained encoder."""

DEFAULT_MODEL = "circor_murmur"
"""The name of the model that answers where none is given."""

NAMES = (ENCODER, DEFAULT_MODEL)
_ENDINGS = (".pt", ".safetensors")
_MAKE = "scripts/train_shipped_models.py"


def shipped_file(name: str, folder: Path = FOLDER) -> Path:
    """Where the model of one of `NAMES` is, or would be."""
    return folder / f"{name}.safetensors"


def card_file(name: str, folder: Path = FOLDER) -> Path:
    """Where what is to be known of it is."""
    return folder / f"{name}.md"


def model_and_files(paths: Sequence[Path]) -> tuple[Path, list[Path]]:
    """The model that comes first, or else the one that comes with the package, and the rest.

    A model is known by its name or its ending, a run by its best epoch.

    Raises:
        SettingError: If nothing follows the model.
    """
    first, *rest = paths
    if not (str(first) in NAMES or first.suffix in _ENDINGS or (first / BEST).is_file()):
        return Path(DEFAULT_MODEL), [first, *rest]
    if not rest:
        raise SettingError(f"{first} is a model; which recordings is it asked about?")
    return first, rest


def model_file(path: Path) -> Path:
    """The file that someone means who names a model.

    Args:
        path: A file; the directory of a run, which stands for its best epoch; or one of `NAMES`.
            What is there in the working directory comes before a name.

    Returns:
        A path as it was given where nothing is there, for whoever reads it to refuse.

    Raises:
        DataError: If it is a name, and that model is not in this installation.
    """
    if path.is_file():
        return path
    if (path / BEST).is_file():
        return path / BEST
    if str(path) not in NAMES:
        return path
    file = shipped_file(str(path))
    if not file.is_file():
        raise DataError(
            f"the model {str(path)!r} is not in this installation; name a file instead, such as "
            f"the {BEST} of a run, or make those that come with pahcl from the recordings: {_MAKE}"
        )
    return file
