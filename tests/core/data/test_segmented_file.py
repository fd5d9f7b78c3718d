"""Segmenting files: what is written, what is refused, and nothing of anybody's overwritten."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.io import wavfile

from pahcl_core.data.collection import Problem
from pahcl_core.data.segmented_file import segment_files
from pahcl_core.data.states import read_states
from pahcl_core.data.synthesis import RecordingProfile, synthesise_recording
from pahcl_core.errors import DataError, DiskError, SettingError
from pahcl_core.signal.segment_states import segment_states

RATE = 4000


def heart_sound(*, duration_s=6.0, heart_rate_bpm=75.0):
    profile = RecordingProfile(duration_s=duration_s, heart_rate_bpm=heart_rate_bpm)
    samples, _, _ = synthesise_recording(profile, np.random.default_rng(5))
    return samples.astype(np.float32)


@pytest.fixture(scope="module")
def sound():
    return heart_sound()


@pytest.fixture
def recording(sound, tmp_path):
    """One that can be segmented."""
    wavfile.write(tmp_path / "a.wav", RATE, sound)
    return tmp_path / "a.wav"


def states_of(path):
    states, problems = read_states(path, file=path.name)
    assert problems == []
    return states


def test_the_states_are_written_beside_the_recording(recording, sound):
    """To the last bit those that the library finds in the samples of the file."""
    (found,) = segment_files([recording])

    expected = segment_states(sound, sample_rate=RATE)
    read = states_of(recording.with_suffix(".tsv"))
    for name in ("start_s", "end_s", "state"):
        np.testing.assert_array_equal(getattr(read, name), getattr(expected, name))
    np.testing.assert_array_equal(found.segmentation.confidence, expected.confidence)
    assert found.written == (recording.with_suffix(".tsv"),)
    assert (found.duration_s, found.sample_rate) == (6.0, RATE)


def test_the_line_gives_length_cycles_rate_confidence_and_place(recording):
    (found,) = segment_files([recording])

    cycles, confidence = found.segmentation.cycles, found.segmentation.confidence
    rate = 60 / np.median(cycles.bounds_s[:, 4] - cycles.bounds_s[:, 0])
    assert rate == pytest.approx(75, abs=3)
    assert found.line() == (
        f"{recording}: 6.0 s, {len(cycles)} cycles, {rate:.0f} beats/min, "
        f"mean confidence {confidence.mean():.2f} -> {recording.with_suffix('.tsv')}"
    )


def test_a_dictionary_holds_every_row_and_cycle(recording):
    (found,) = segment_files([recording])

    content = json.loads(json.dumps(found.as_dict()))

    states = states_of(recording.with_suffix(".tsv"))
    assert [row["start_s"] for row in content["rows"]] == states.start_s.tolist()
    assert [row["end_s"] for row in content["rows"]] == states.end_s.tolist()
    assert [row["state"] for row in content["rows"]] == states.state.tolist()
    cycles = found.segmentation.cycles.bounds_s.tolist()
    assert [cycle["bounds_s"] for cycle in content["cycles"]] == cycles
    confidence = found.segmentation.confidence
    assert [cycle["confidence"] for cycle in content["cycles"]] == confidence.tolist()
    assert content["mean_confidence"] == pytest.approx(sum(confidence) / len(confidence))
    assert content["heart_rate_bpm"] == pytest.approx(75, abs=3)
    assert content["file"] == str(recording)
    assert content["written"] == [str(recording.with_suffix(".tsv"))]


def test_too_short_for_a_cycle(tmp_path):
    """States, but no rate and no confidence: none is made up."""
    wavfile.write(tmp_path / "a.wav", RATE, heart_sound(duration_s=2.0)[:1200])

    (found,) = segment_files([tmp_path / "a.wav"])

    content = found.as_dict()
    assert "0.3 s, 0 cycles ->" in found.line()
    assert content["heart_rate_bpm"] is content["mean_confidence"] is None
    assert content["cycles"] == []
    assert content["rows"][-1]["end_s"] == 0.3


def test_flac_and_wav_give_the_same(sound, tmp_path):
    samples = np.rint(20000 * sound / np.abs(sound).max()).astype(np.int16)
    wavfile.write(tmp_path / "b.wav", RATE, samples)
    soundfile.write(tmp_path / "c.flac", samples, RATE, subtype="PCM_16")

    list(segment_files([tmp_path / "b.wav", tmp_path / "c.flac"]))

    assert (tmp_path / "b.tsv").read_bytes() == (tmp_path / "c.tsv").read_bytes()


def test_a_folder_is_made_for_the_results(recording, tmp_path):
    (found,) = segment_files([recording], output_dir=tmp_path / "new" / "states")

    assert found.written == (tmp_path / "new" / "states" / "a.tsv",)
    assert len(states_of(found.written[0])) > 10
    assert not recording.with_suffix(".tsv").exists()


@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_annotation_that_is_there_is_kept(recording, tmp_path, elsewhere):
    """Before any other is written, and wherever it is."""
    folder = tmp_path / "out" if elsewhere else tmp_path
    folder.mkdir(exist_ok=True)
    other = recording.with_name("0.wav")
    other.write_bytes(recording.read_bytes())
    (folder / "a.tsv").write_text("0\t0.5\t1\n")

    with pytest.raises(SettingError, match=r"a\.tsv is there already; .* --output-dir, .*--over"):
        list(segment_files([other, recording], output_dir=folder if elsewhere else None))

    assert (folder / "a.tsv").read_text() == "0\t0.5\t1\n"
    assert not (folder / "0.tsv").exists()


def test_several_that_are_there_are_counted(recording, tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.tsv").touch()
    files = [tmp_path / f"{name}.wav" for name in ("a", "b", "c")]

    with pytest.raises(SettingError, match=r"^3 files are there already, the first .*/a\.tsv; "):
        list(segment_files(files))


def test_it_is_replaced_if_asked_for(recording):
    recording.with_suffix(".tsv").write_text("0\t0.5\t1\n")

    list(segment_files([recording], overwrite=True))

    assert len(states_of(recording.with_suffix(".tsv"))) > 10


def test_two_recordings_of_one_name_are_not_written_to_one_file(recording, tmp_path):
    """Not even where overwriting is allowed."""
    (tmp_path / "b").mkdir()
    twin = tmp_path / "b" / "a.wav"
    twin.write_bytes(recording.read_bytes())

    with pytest.raises(SettingError, match=r"a\.wav and .*b/a\.wav would both be written to a\.ts"):
        list(segment_files([recording, twin], output_dir=tmp_path / "out", overwrite=True))
    with pytest.raises(SettingError, match="would both be written"):
        list(segment_files([recording, recording.with_suffix(".flac")]))

    assert len(list(segment_files([recording, twin]))) == 2


def write_silence(path):
    wavfile.write(path, RATE, np.full(4000, 3, dtype=np.int16))


def write_no_sample(path):
    wavfile.write(path, RATE, np.zeros(0, dtype=np.int16))


def write_low_rate(path):
    wavfile.write(path, 500, np.arange(2000, dtype=np.int16))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (write_silence, "is silent, all its samples are equal: there are no states in it"),
        (write_no_sample, "holds no samples"),
        (lambda path: path.write_bytes(b""), "is empty, not even a header is there"),
        (lambda path: path.write_bytes(b"ID3 music"), "is not a WAV file (no RIFF/WAVE header)"),
        (
            write_low_rate,
            "a recording must have a sample rate of at least 800 Hz to be segmented, got 500 Hz",
        ),
        (lambda path: None, "cannot be read: No such file or directory"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
    ],
)
def test_what_cannot_be_segmented_is_named_and_the_others_are_done(
    recording, tmp_path, spoil, reason
):
    bad = tmp_path / "0.wav"
    spoil(bad)

    first, second = segment_files([bad, recording])

    assert first == Problem(file=str(bad), reason=reason)
    assert second.path == recording
    assert recording.with_suffix(".tsv").exists()
    assert not bad.with_suffix(".tsv").exists()


def test_a_folder_that_cannot_be_made_is_named(recording, tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(SettingError, match=r"file/out: cannot write here: Not a directory"):
        list(segment_files([recording], output_dir=tmp_path / "file" / "out"))


def test_where_there_is_no_room_for_a_folder_that_is_said(recording, tmp_path, mocker):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    mocker.patch.object(Path, "mkdir", side_effect=full)

    with pytest.raises(DiskError, match=r"out: No space left on device: make room, and run"):
        list(segment_files([recording], output_dir=tmp_path / "out"))


def test_a_file_that_cannot_be_written_is_named(recording):
    recording.with_suffix(".tsv").mkdir()

    with pytest.raises(DataError, match=r"a\.tsv: cannot be written: Is a directory; name a fold"):
        list(segment_files([recording], overwrite=True))


def test_pictures_are_drawn_of_what_was_found(recording, sound, tmp_path):
    """The drawer gets the recording, its samples and states, and where to draw."""
    drawn = []

    (found,) = segment_files(
        [recording], output_dir=tmp_path / "out", draw=lambda *given: drawn.append(given)
    )

    ((file, samples, rate, states, picture),) = drawn
    assert (file, rate, picture) == (recording, RATE, tmp_path / "out" / "a.png")
    np.testing.assert_array_equal(samples, sound)
    assert states is found.segmentation
    assert found.written == (tmp_path / "out" / "a.tsv", picture)


def test_a_picture_that_is_there_is_kept(recording):
    recording.with_suffix(".png").write_bytes(b"mine")

    with pytest.raises(SettingError, match=r"a\.png is there already"):
        list(segment_files([recording], draw=lambda *given: None))

    assert not recording.with_suffix(".tsv").exists()
    assert len(list(segment_files([recording]))) == 1
