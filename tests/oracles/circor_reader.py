"""CirCor read another way: from the patients' text files and the WFDB headers, not the table.

It shares no code with `pahcl_core.data.circor` and looks at neither `training_data.csv` nor a WAV
file, which say the same.
"""

import re
from pathlib import Path


def read_patients(folder: Path) -> dict[str, dict[str, str]]:
    """The `#Name: value` lines of every patient's text file, by patient number."""
    patients = {}
    for path in folder.glob("*.txt"):
        lines = path.read_text().replace("\r", "").split("\n")
        pairs = [line[1:].split(": ", 1) for line in lines if line.startswith("#")]
        patients[lines[0].split(" ")[0]] = {name: value for name, value in pairs}
    return patients


def read_listed_recordings(folder: Path) -> dict[str, tuple[str, str]]:
    """Patient and location of every recording that a patient's text file lists."""
    recordings = {}
    for path in folder.glob("*.txt"):
        for location, name in re.findall(r"(?m)^(\w+) (\w+)\.hea ", path.read_text()):
            recordings[name] = (path.stem, location)
    return recordings


def read_lengths(folder: Path) -> dict[str, tuple[int, int]]:
    """Sample rate and number of samples of every recording, from its WFDB header."""
    lengths = {}
    for path in folder.glob("*.hea"):
        name, _, sample_rate, num_samples = path.read_text().splitlines()[0].split()
        lengths[name] = (int(sample_rate), int(num_samples))
    return lengths


def person_of(patients: dict[str, dict[str, str]]) -> dict[str, int]:
    """Lowest number that can be reached over `Additional ID`, by passing it on until it settles."""
    lowest = {number: int(number) for number in patients}
    changed = True
    while changed:
        changed = False
        for number, patient in patients.items():
            partner = patient["Additional ID"].split(".")[0]
            if partner == "nan":
                continue
            together = min(lowest[number], lowest.get(partner, int(partner)), int(partner))
            for one in (number, partner):
                if lowest.get(one) != together:
                    lowest[one] = together
                    changed = True
    return {number: lowest[number] for number in patients}


def murmur_at(patient: dict[str, str], location: str) -> str:
    """Label of a recording."""
    if patient["Murmur"] == "Present" and patient["Murmur locations"] != "nan":
        heard = location in patient["Murmur locations"].split("+")
        return "Present" if heard else "Absent"
    return patient["Murmur"]
