"""The licence of everything that an installation brings, and whether it may be passed on with.

    python scripts/licences.py

Lists what the three distributions require with all their extras, and what that requires in turn,
as it is installed here, with the licences that packages state of themselves. Ends with 1 where a
package states none, or one that asks more of those who pass it on than to name it: copyleft of
whole programs (GPL, AGPL), or anything that is not known here. The Mozilla Public License is of
single files: who changes a file of such a package passes that file on, and nothing else.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageMetadata, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from requirements import PROJECTS, requirements

FREE = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD", "BSD-2-Clause", "BSD-3-Clause",
    "BSL-1.0", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Zlib",
}  # fmt: skip
"""As https://spdx.org/licenses names them; `BSD` where a package does not say which."""

_NAMES = {
    "apache software license": "Apache-2.0",
    "bsd license": "BSD",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
}
_OF_THE_MACHINE = ("nvidia", "cuda", "triton")  # what torch brings where there is such a card


def main() -> int:
    """List them; returns the exit code."""
    found = {name: licence_of(name) for name in sorted(closure())}
    width = max(map(len, found))
    lines = [f"{name:<{width}}  {licence or 'not stated'}\n" for name, licence in found.items()]
    sys.stdout.writelines(lines)
    refused = [name for name, licence in found.items() if not parts(licence) <= FREE]
    if refused:
        sys.stderr.write(f"not known to be free of conditions: {', '.join(refused)}\n")
    return 1 if refused else 0


def closure() -> set[str]:
    """Names of all that the distributions require, with all extras, and of what that requires."""
    waiting = [one for project in PROJECTS for _, one, _ in requirements(project)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key not in seen and not key[0].startswith(_OF_THE_MACHINE):
            seen.add(key)
            waiting += _required_by(requirement)
    return {name for name, _ in seen}


def _required_by(requirement: Requirement) -> Iterator[Requirement]:
    try:
        lines = distribution(requirement.name).requires or []
    except PackageNotFoundError:  # for another system or another Python
        return
    for line in lines:
        one = Requirement(line)
        marker = one.marker
        if marker is None or any(
            marker.evaluate({"extra": extra}) for extra in requirement.extras or {""}
        ):
            yield one


def licence_of(name: str) -> str:
    """What a package states of itself, by the names of SPDX where it is one; empty if nothing."""
    try:
        about = distribution(name).metadata
    except PackageNotFoundError:
        return ""
    stated = about.get("License-Expression") or _classified(about) or about.get("License") or ""
    line = stated.strip().splitlines()[0] if stated.strip() else ""
    return " OR ".join(_NAMES.get(part.lower(), part) for part in line.split(" OR "))


def _classified(about: PackageMetadata) -> str:
    """What the classifiers say; a field of free text that names the kind of BSD says more."""
    names = [line.split(" :: ")[-1] for line in about.get_all("Classifier") or []
             if line.startswith("License :: ")]  # fmt: skip
    text = (about.get("License") or "").strip()
    if names == ["BSD License"] and re.match(r"BSD.[23].Clause", text):
        return text.splitlines()[0].removesuffix(" License").replace(" ", "-")
    return " OR ".join(names)


def parts(licence: str) -> set[str]:
    """The licences in an expression; of alternatives, those that are free, if any is."""
    found: set[str] = set()
    for all_of in licence.split(" AND "):
        choices = set(all_of.strip("() ").split(" OR "))
        found |= choices & FREE or choices
    return found


if __name__ == "__main__":
    sys.exit(main())
