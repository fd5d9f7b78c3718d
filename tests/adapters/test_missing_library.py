"""An adapter without its library says what to install; runs with and without the libraries."""

import subprocess
import sys

import pytest

import pahcl_track


@pytest.mark.parametrize("library", ["lightning", "accelerate"])
def test_the_message_says_what_to_install(library):
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        f"import pahcl_track.adapters\n"
        f"try:\n    import pahcl_track.adapters.{library}\n"
        f"except ModuleNotFoundError as error:\n    print(error.name, error, sep='|')\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    name, message = result.stdout.strip().split("|")
    assert name.partition(".")[0] == library
    assert message.startswith(f"pahcl_track.adapters.{library} needs ")
    assert message.endswith(f": pip install {library}")


def test_they_are_imported_by_nobody_else():
    code = (
        "import sys, pahcl_track, pahcl_track.session, pahcl_track.discovery\n"
        "print(any(name.startswith('pahcl_track.adapters') for name in sys.modules))"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "False"
    assert "adapters" not in " ".join(pahcl_track.__all__)
