"""Small trees of each collection to break, and the real ones where there are any."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from support.recordings import write_lines, write_states, write_wav

HEADER = (
    "Patient ID,Recording locations:,Age,Sex,Height,Weight,Pregnancy status,Murmur,"
    "Murmur locations,Most audible location,Systolic murmur timing,Systolic murmur shape,"
    "Systolic murmur grading,Systolic murmur pitch,Systolic murmur quality,"
    "Diastolic murmur timing,Diastolic murmur shape,Diastolic murmur grading,"
    "Diastolic murmur pitch,Diastolic murmur quality,Outcome,Campaign,Additional ID"
)


@pytest.fixture
def make_circor(tmp_path: Path) -> Callable[..., Path]:
    """Write a CirCor tree: one dictionary of columns per patient; `wavs` overrides the files."""

    def make(*patients: dict[str, str], root: Path | None = None, wavs=None) -> Path:
        root = root or tmp_path / "circor"
        (root / "training_data").mkdir(parents=True)
        columns = HEADER.split(",")
        lines = [HEADER]
        names = []
        for patient in patients:
            row = dict.fromkeys(columns, "nan") | {
                "Recording locations:": "AV",
                "Murmur": "Absent",
                "Outcome": "Normal",
                **patient,
            }
            lines.append(",".join(row[column] for column in columns))
            places = row["Recording locations:"].split("+")
            names += [f"{row['Patient ID']}_{place}" for place in places]
        (root / "training_data.csv").write_text("\n".join(lines) + "\n")
        for name in names if wavs is None else wavs:
            samples = np.arange(-500, 500, dtype=np.int16)
            wavfile.write(root / "training_data" / f"{name}.wav", 4000, samples)
            (root / "training_data" / f"{name}.tsv").write_text("0\t0.1\t1\n0.1\t0.25\t0\n")
        return root

    return make


APPENDIX = (
    "Challenge record name",
    "Database",
    "Original record name",
    "Diagnosis",
    "Class (-1=normal 1=abnormal)",
    "Gender",
    "Age (year)",
    "Subject ID",
    "# Raw record",
    "Transducer site on body",
    "Recording state",
)


@pytest.fixture
def make_physionet2016(tmp_path: Path) -> Callable[..., Path]:
    """Write a tree of the Challenge 2016: per recording, columns of the tables by name.

    `label` and `quality` are as in the tables, other keys columns of the appendix; a recording
    with `listed=False` has no row in it.
    """

    def make(*recordings: dict, root: Path | None = None) -> Path:
        root = root or tmp_path / "physionet2016"
        appendix = [",".join(APPENDIX)]
        tables: dict[str, list[str]] = {}
        for one in recordings:
            name = one["name"]
            folder = f"training-{name[0]}"
            write_wav(root / folder / f"{name}.wav", rate=2000)
            label, quality = one.get("label", "-1"), one.get("quality", "1")
            tables.setdefault(f"{folder}/REFERENCE.csv", []).append(f"{name},{label}")
            tables.setdefault(f"{folder}/REFERENCE-SQI.csv", []).append(f"{name},{label},{quality}")
            row = {"Challenge record name": name, "Database": folder, **one}
            if one.get("listed", True):
                appendix.append(",".join(str(row.get(column, "")) for column in APPENDIX))
            write_states(
                root / f"annotations/hand_corrected/{folder}_StateAns/{name}_StateAns.mat",
                [(1, "S1"), (201, "systole"), (401, "S2"), (601, "diastole"), (901, "S1")],
            )
        for file, lines in tables.items():
            write_lines(root / file, lines)
        write_lines(root / "annotations/Online_Appendix_training_set.csv", appendix)
        return root

    return make


@pytest.fixture
def make_pascal(tmp_path: Path) -> Callable[..., Path]:
    """Write a tree of the PASCAL challenge: files as on disk; tables with rows for them.

    The rows of set_b spell names as the real table does; `rows` are more of them, as written.
    """

    def make(*files: str, root: Path | None = None, rows: dict[str, list[str]] | None = None):
        root = root or tmp_path / "pascal"
        tables: dict[str, list[str]] = {}
        for file in files:
            folder, name = file.split("/")
            write_wav(root / f"{file}.wav", rate=44100 if folder == "set_a" else 4000)
            label, remark, rest = name.split("_", 2)
            fname = name
            if folder == "set_b":
                again = f"Btraining_{remark}_" if remark else ""
                fname = f"Btraining_{label}_{again}{rest}"
            line = f"{folder[-1]},{folder}/{fname}.wav,{label},{remark}"
            tables.setdefault(folder, []).append(line)
        for folder, more in (rows or {}).items():
            tables.setdefault(folder, []).extend(more)
        for folder, lines in tables.items():
            header = "dataset,fname,label,sublabel"
            write_lines(root / f"{folder}.csv", [header, *lines], end="\r\n")
        return root

    return make


def real_folder(name: str) -> Path:
    if "PAHCL_REAL_DATA" not in os.environ:
        pytest.skip("PAHCL_REAL_DATA does not name a folder of real recordings")
    folder = Path(os.environ["PAHCL_REAL_DATA"]) / name
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist")
    return folder


@pytest.fixture(scope="session")
def real_circor() -> Path:
    """The real CirCor recordings."""
    return real_folder("circor")


@pytest.fixture(scope="session")
def real_physionet2016() -> Path:
    """The real recordings of the Challenge 2016."""
    return real_folder("physionet2016")


@pytest.fixture(scope="session")
def real_pascal() -> Path:
    """The real recordings of the PASCAL challenge."""
    return real_folder("pascal")
