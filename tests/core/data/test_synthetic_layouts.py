"""What the writers of synthetic collections have in common."""

import pytest

from pahcl_core.data.synthetic_folder import write_synthetic_folder
from pahcl_core.data.synthetic_pascal import write_synthetic_pascal
from pahcl_core.data.synthetic_physionet2016 import write_synthetic_physionet2016
from pahcl_core.errors import SettingError
from support.digests import digest

SHORT = (3.0, 5.0)
WRITERS = {
    "physionet2016": (write_synthetic_physionet2016, "num_recordings", 12),
    "pascal": (write_synthetic_pascal, "num_recordings", 26),
    "folder": (write_synthetic_folder, "num_subjects", 6),
}


@pytest.fixture(params=WRITERS)
def writer(request):
    """A writer, the name of its size, and the smallest that it takes."""
    return WRITERS[request.param]


def test_the_same_seed_gives_the_same_bytes(tmp_path, writer):
    write, size, fewest = writer
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        write(tmp_path / name, **{size: fewest}, seed=seed, duration_s=SHORT)

    assert digest(tmp_path / "first") == digest(tmp_path / "again")
    assert digest(tmp_path / "first") != digest(tmp_path / "other")
    sounds = [
        {path.read_bytes() for path in (tmp_path / name).rglob("*.wav")}
        for name in ("first", "other")
    ]
    assert not sounds[0] & sounds[1]


def test_refuses_to_write_over_anything(tmp_path, writer):
    write, size, fewest = writer
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(SettingError, match="is not an empty folder"):
        write(tmp_path, **{size: fewest}, seed=0)

    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_refuses_too_few(tmp_path, writer):
    write, size, fewest = writer

    with pytest.raises(SettingError, match=f"{size} must be at least {fewest}, got {fewest - 1}"):
        write(tmp_path / "new", **{size: fewest - 1}, seed=0)

    assert not (tmp_path / "new").exists()
