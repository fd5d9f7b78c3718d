"""Small CirCor trees to break, and the real one where there is one."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

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


@pytest.fixture(scope="session")
def real_circor() -> Path:
    """The real CirCor recordings."""
    if "PAHCL_REAL_DATA" not in os.environ:
        pytest.skip("PAHCL_REAL_DATA does not name a folder of real recordings")
    return Path(os.environ["PAHCL_REAL_DATA"]) / "circor"
