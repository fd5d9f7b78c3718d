"""Which software made a result."""

import platform
from importlib.metadata import version

_DISTRIBUTIONS = ("pahcl-core", "pahcl-track", "torch", "numpy", "scipy", "scikit-learn")


def versions() -> dict[str, str]:
    """The version of Python and of every distribution that a result depends on."""
    return {"python": platform.python_version(), **{d: version(d) for d in _DISTRIBUTIONS}}
