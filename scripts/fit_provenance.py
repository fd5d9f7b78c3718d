"""What a fit was made from, so that anyone can tell whether it would come out the same today.

Hashes rather than a commit: they hold for a copy of the code, too, and name the file that differs.
"""

import hashlib
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

_SCRIPTS = Path(__file__).resolve().parent
_PACKAGE = "pahcl_core"
_LIBRARIES = {"numpy": "numpy", "scipy": "scipy", "scikit-learn": "sklearn", "torch": "torch"}


def made_from(data: Iterable[bytes]) -> dict[str, object]:
    """The code and the libraries that have been loaded, and the data.

    Args:
        data: All that the fit read, in its order: samples, annotations, labels.

    Returns:
        For the JSON file: of each module 16 hexadecimal digits of its SHA-256, as many of all data
        together, each piece by its own hash, and the versions of the libraries.
    """
    return {
        "code": {name: _digits(path.read_bytes()) for name, path in sorted(_loaded().items())},
        "data": _digits(b"".join(hashlib.sha256(piece).digest() for piece in data)),
        "libraries": {
            name: version(name) for name, module in _LIBRARIES.items() if module in sys.modules
        },
    }


def _loaded() -> dict[str, Path]:
    """Modules of the package and of this folder, by name; the script itself under its own."""
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is None:
            continue
        path = Path(file).resolve()
        if name.partition(".")[0] == _PACKAGE:
            found[name] = path
        elif path.parent == _SCRIPTS:
            found[f"scripts/{path.name}"] = path
    return found


def _digits(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
