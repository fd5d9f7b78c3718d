"""Samples that memory cannot hold: the file is named, and the others are gone on with."""

import numpy as np
import pytest
import soundfile

from pahcl_core.data.check import check_collection
from pahcl_core.data.folder import read_unlabelled_folder
from pahcl_core.data.preparation import SignalConfig, prepare_recordings
from pahcl_core.data.samples import read_samples
from pahcl_core.data.segmented_file import segment_files
from pahcl_core.errors import DataError
from support.recordings import write_lines

REASON = "is (damaged, or too long: memory cannot hold|truncated: 8000 of 34359738368 samples)"


@pytest.fixture
def folder(tmp_path):
    """Two recordings, of which `1.flac` says that it has 2^35 samples, 256 GiB of numbers.

    They are the lower 36 of the 64 bits from byte 18 on; a system that promises more memory than
    it has finds out only that they are not there.
    """
    generator = np.random.default_rng(0)
    for name in ("0.flac", "1.flac"):
        soundfile.write(tmp_path / name, 0.1 * generator.normal(size=8000), 2000, subtype="PCM_16")
    content = bytearray((tmp_path / "1.flac").read_bytes())
    declared = int.from_bytes(content[18:26], "big")
    assert declared % 2**36 == 8000
    content[18:26] = (declared - 8000 + 2**35).to_bytes(8, "big")
    (tmp_path / "1.flac").write_bytes(content)
    write_lines(tmp_path / "table.csv", ["path,subject", "0.flac,ann", "1.flac,bob"])
    return tmp_path


def test_a_file_that_promises_too_much_is_refused(folder):
    samples, rate = read_samples(folder / "0.flac")
    assert (len(samples), rate) == (8000, 2000)

    with pytest.raises(DataError, match=rf"1\.flac: {REASON}"):
        read_samples(folder / "1.flac")


def test_memory_that_is_short_is_said(folder, monkeypatch):
    """Whatever the system promises."""

    def read(*_, **__):
        raise MemoryError

    monkeypatch.setattr(soundfile, "read", read)
    with pytest.raises(
        DataError, match=r"0\.flac: is damaged, or too long: memory cannot hold the"
    ):
        read_samples(folder / "0.flac")


def test_the_others_are_checked_prepared_and_segmented(folder, tmp_path):
    collection = read_unlabelled_folder(folder)

    (problem,) = check_collection(collection).problems
    assert problem.file == "1.flac"
    assert problem.reason.startswith(("is damaged, or too long", "is truncated"))
    first, second = prepare_recordings(collection.recordings, SignalConfig())
    assert (first.is_usable, second.is_usable) == (True, False)
    assert [remark.of for remark in second.remarks] == ["recording"]
    paths = [one.path for one in collection.recordings]
    done = list(segment_files(paths, output_dir=tmp_path / "states"))
    assert [hasattr(one, "segmentation") for one in done] == [True, False]
