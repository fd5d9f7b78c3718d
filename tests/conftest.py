"""What tests of every part may ask for."""

import numpy as np
import pytest

from plugin_fixture import installed_plugin

__all__ = ["installed_plugin"]

# A project of its own, which its own settings govern; test_conformance_plugin runs its tests.
collect_ignore = ["plugin"]


@pytest.fixture
def rng() -> np.random.Generator:
    """The same draws in every run."""
    return np.random.default_rng(20161017)
