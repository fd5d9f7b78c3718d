"""What all synthetic collections are written with: files, limits, shares."""

import csv

import numpy as np
import pytest
import soundfile
from scipy.io import loadmat

from pahcl_core.data.states import StateAnnotation
from pahcl_core.data.synthetic_files import check_request, make_directories, write_rows, write_wav
from pahcl_core.data.synthetic_mat_states import write_mat_states
from pahcl_core.data.synthetic_shares import choose, shared_out, sizes
from pahcl_core.errors import SettingError


@pytest.mark.parametrize(("bits", "subtype"), [(8, "PCM_U8"), (16, "PCM_16"), (24, "PCM_24")])
@pytest.mark.parametrize("num_channels", [1, 2])
def test_a_wav_file_holds_the_samples(tmp_path, rng, bits, subtype, num_channels):
    """As another library reads them, to the last bit; also the loudest there can be."""
    samples = rng.uniform(-1, 1, (300, num_channels)).astype(np.float32)
    samples[:2] = [[-1.0], [1.0]]
    written = samples[:, 0] if num_channels == 1 else samples

    write_wav(tmp_path / "a.wav", written, 2000, bits=bits)

    found = soundfile.info(tmp_path / "a.wav")
    assert (found.samplerate, found.frames, found.channels) == (2000, 300, num_channels)
    assert found.subtype == subtype
    read, _ = soundfile.read(tmp_path / "a.wav", dtype="float64", always_2d=True)
    np.testing.assert_allclose(read, samples, atol=1.51 / 2 ** (bits - 1))


def test_rows_are_cells_between_commas(tmp_path):
    write_rows(tmp_path / "t.csv", [("a", 1), ("b,c", "")], line_end="\r\n")

    assert (tmp_path / "t.csv").read_bytes() == b'a,1\r\n"b,c",\r\n'
    with (tmp_path / "t.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["a", "1"], ["b,c", ""]]


def annotation(*rows):
    start_s, end_s, state = zip(*rows, strict=True)
    return StateAnnotation(
        start_s=np.array(start_s), end_s=np.array(end_s), state=np.array(state, dtype=np.int64)
    )


def test_states_are_cells_of_samples_counted_from_1(tmp_path):
    """Noise is bracketed; its names lie in the cell itself, those of states in one of their own."""
    states = annotation(
        (0.0, 0.5, 0), (0.5, 0.6, 1), (0.6, 0.9, 2), (0.9, 1.0, 3), (1.0, 1.4, 4), (1.4, 2.0, 0)
    )

    write_mat_states(tmp_path / "a.mat", states, num_samples=4000)

    cells = loadmat(tmp_path / "a.mat")["state_ans"]
    assert [int(one.item()) for one in cells[:, 0]] == [1, 1000, 1001, 1201, 1801, 2001, 2801, 4000]
    assert [str(one.item()) for one in cells[[0, 1, 6, 7], 1]] == ["(N", "N)", "(N", "N)"]
    assert [one.shape for one in cells[2:6, 1]] == [(1, 1)] * 4
    assert [one.item().item() for one in cells[2:6, 1]] == ["S1", "systole", "S2", "diastole"]


def test_a_state_shorter_than_a_sample_has_no_row(tmp_path):
    """At the start, and after the last sample; the one after it starts where it did."""
    states = annotation((0.0, 0.0001, 1), (0.0001, 0.9999, 2), (0.9999, 1.0, 3))

    write_mat_states(tmp_path / "a.mat", states, num_samples=2000)

    cells = loadmat(tmp_path / "a.mat")["state_ans"]
    assert [(int(start.item()), name.item().item()) for start, name in cells] == [(1, "systole")]


def test_a_file_of_states_does_not_tell_when_it_was_written(tmp_path):
    write_mat_states(tmp_path / "a.mat", annotation((0.0, 1.0, 1)), num_samples=2000)

    header = (tmp_path / "a.mat").read_bytes()[:116]
    assert header.decode().rstrip() == "MATLAB 5.0 MAT-file, synthetic"


def test_what_is_left_is_shared_out_by_largest_remainder():
    """By hand: 3 + 7 by 5 : 3 : 2 is 3.5, 2.1, 1.4, so the first takes the one left over."""
    fewest = {"a": 1, "b": 2, "c": 0}

    assert shared_out(10, {"a": 5, "b": 3, "c": 2}, fewest=fewest) == {"a": 5, "b": 4, "c": 1}
    assert shared_out(3, {"a": 5, "b": 3, "c": 2}, fewest=fewest) == fewest


@pytest.mark.parametrize("total", [0, 1, 7, 100])
def test_sizes_add_up_and_none_is_too_large(total, rng):
    found = list(sizes(total, 4, rng))

    assert sum(found) == total
    assert all(1 <= one <= 4 for one in found)
    assert total < 100 or set(found) == {1, 2, 3, 4}


def test_choices_come_as_often_as_their_shares(rng):
    drawn = [choose({"rare": 1, "often": 3, "never": 0}, rng) for _ in range(2000)]

    assert drawn.count("often") / 2000 == pytest.approx(0.75, abs=0.04)
    assert "never" not in drawn


def test_makes_folders_where_nothing_is(tmp_path):
    make_directories(tmp_path / "a" / "b", ["c", "d/e"])

    assert (tmp_path / "a/b/c").is_dir()
    assert (tmp_path / "a/b/d/e").is_dir()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"number": 4}, "num_things must be at least 5, got 4"),
        ({"seed": -1}, "seed must not be negative, got -1"),
        ({"duration_s": (2.9, 5.0)}, "from 3 s on, got 2.9 and 5"),
        ({"duration_s": (6.0, 5.0)}, "a shortest and a longest duration"),
    ],
)
def test_refuses_what_makes_no_collection(changes, reason):
    good = {"number": 5, "fewest": 5, "seed": 0, "duration_s": (3.0, 3.0)}
    check_request("num_things", **good)

    with pytest.raises(SettingError, match=reason):
        check_request("num_things", **(good | changes))
