"""Preparing a collection with a store of its own, for tests that are not about the store."""

from pathlib import Path
from tempfile import TemporaryDirectory

from pahcl_core.data import store


def prepare(collection, config, **options):
    """Cycles and problems, from a store that is removed; what is mapped from it stays readable."""
    with TemporaryDirectory() as folder:
        prepared = store.prepare(collection, config, store=Path(folder) / "store", **options)
        return prepared.cycles, prepared.problems
