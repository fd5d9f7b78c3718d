"""A tracker from somebody else's distribution: built, installed, discovered, conforming, used."""

import shutil
import subprocess
import sys
import zipfile

from pahcl_track.discovery import GROUP
from plugin_fixture import PLUGIN


def run_python(plugin, *arguments):
    """Output of a fresh interpreter that finds the plugin."""
    result = subprocess.run(
        [sys.executable, *arguments],
        env=plugin.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_wheel_holds_the_module_and_its_entry_point(installed_plugin):
    with zipfile.ZipFile(installed_plugin.wheel) as archive:
        names = set(archive.namelist())
        info = f"pahcl_tracker_csv-{installed_plugin.version}.dist-info"
        entries = archive.read(f"{info}/entry_points.txt").decode()

    assert {name for name in names if not name.startswith(info)} == {"pahcl_tracker_csv.py"}
    assert entries.split() == [f"[{GROUP}]", "csv", "=", "pahcl_tracker_csv:CsvTracker"]


def test_the_tracker_is_short():
    """An afternoon's work is what a plugin may cost."""
    lines = (PLUGIN / "pahcl_tracker_csv.py").read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 40


def test_it_passes_the_conformance_kit(installed_plugin, tmp_path):
    """With its own test file, three lines and a reader; nothing is skipped but `position`."""
    test_file = shutil.copy(PLUGIN / "test_csv_tracker.py", tmp_path)  # away from the sources
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")

    output = run_python(installed_plugin, "-m", "pytest", "-rs", str(test_file))

    skipped = [line for line in output.splitlines() if line.startswith("SKIPPED")]
    assert " passed, 1 skipped" in output
    assert len(skipped) == 1
    assert "position" in skipped[0]


def test_it_is_listed_without_being_imported(installed_plugin):
    code = (
        "import sys, pahcl_track\n"
        "found = {one.name: one for one in pahcl_track.installed_trackers()}\n"
        "print(found['csv'].distribution, found['csv'].version, found['csv'].entry)\n"
        "print('pahcl_tracker_csv' in sys.modules)\n"
    )

    listed, imported = run_python(installed_plugin, "-c", code).splitlines()

    assert listed == "pahcl-tracker-csv 0.3.0 pahcl_tracker_csv:CsvTracker"
    assert imported == "False"


def test_the_command_line_lists_it(installed_plugin):
    code = "import sys; from pahcl_cli.main import main; sys.argv = ['pahcl', 'track', 'list']"

    output = run_python(installed_plugin, "-c", f"{code}; main()")

    rows = [line.split()[:3] for line in output.splitlines()]
    assert ["csv", "pahcl-tracker-csv", "0.3.0"] in rows


def test_a_session_reports_to_it_with_its_option(installed_plugin, tmp_path):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pahcl_track import Run, Session, load_tracker\n"
        "tracker = load_tracker('csv', {'file': 'numbers.csv'})\n"
        "run = Run(name='tried', directory=Path(sys.argv[1]))\n"
        "with Session({'csv': tracker}).running(run) as session:\n"
        "    session.log({'loss': 0.5, 'val/auroc': float('nan')}, step=3)\n"
    )

    run_python(installed_plugin, "-c", code, str(tmp_path))

    written = (tmp_path / "numbers.csv").read_text(encoding="utf-8").split()
    assert written == ["3,loss,0.5", "3,val/auroc,nan", ",outcome,completed"]
