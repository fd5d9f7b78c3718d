"""What a fit says it was made from is what it was made from, in hashes anyone can compute."""

import hashlib
import importlib.util
import json
import re
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from pahcl_core.signal import filtering, quality_parameters, segmentation_parameters

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


@pytest.fixture
def made_from(monkeypatch):
    spec = importlib.util.spec_from_file_location("fit_provenance", SCRIPTS / "fit_provenance.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fit_provenance", module)
    spec.loader.exec_module(module)
    return module.made_from


def digits(content):
    return hashlib.sha256(content).hexdigest()[:16]


def test_code_is_told_by_its_bytes(made_from):
    """Each module that is loaded, the scripts' own by their files, and nothing of others."""
    code = made_from([])["code"]

    assert code["pahcl_core.signal.filtering"] == digits(Path(filtering.__file__).read_bytes())
    own = digits((SCRIPTS / "fit_provenance.py").read_bytes())
    assert code["scripts/fit_provenance.py"] == own
    assert all(re.match(r"(pahcl_core(\.|$)|scripts/)", name) for name in code)


def test_data_is_told_by_all_its_pieces_in_their_order(made_from):
    def told(*pieces):
        return made_from(pieces)["data"]

    by_hand = hashlib.sha256(hashlib.sha256(b"ab").digest() + hashlib.sha256(b"c").digest())
    assert told(b"ab", b"c") == by_hand.hexdigest()[:16]
    assert len({told(b"ab", b"c"), told(b"c", b"ab"), told(b"a", b"bc"), told(b"ab")}) == 4


def test_libraries_are_told_by_their_versions(made_from):
    assert made_from([])["libraries"]["numpy"] == version("numpy") == np.__version__


@pytest.mark.parametrize("shipped", [quality_parameters, segmentation_parameters])
def test_shipped_parameters_say_what_they_were_made_from(shipped):
    file = Path(shipped.__file__).parent / f"{shipped.NAME}.json"
    about = json.loads(file.read_text(encoding="utf-8"))["provenance"]

    blocks = [value for name, value in about.items() if name.endswith("made_from")]
    assert len(blocks) == (2 if "network" in about else 1)
    for made in blocks:
        assert "pahcl_core.signal.filtering" in made["code"]
        assert re.fullmatch("[0-9a-f]{16}", made["data"])
    if "network" in about:
        earlier = about["network_made_from"] != about["made_from"]
        assert about["network"].startswith("from an earlier run") == earlier
