"""Which process speaks: of several that torchrun has started, the first."""

import os


def speaks() -> bool:
    """Whether this one shows warnings, progress and results."""
    return os.environ.get("RANK", "0") in ("", "0")
