"""What is right and wrong with this machine and this installation, and what to do about it.

Every check has a bound to its time and may fail in any way: it then says that it did not answer, or
how it failed, and the others go on.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pahcl_track.redaction import redacted_text

State = Literal["ok", "note", "warning", "broken"]

_PATIENCE_S = 120.0  # twice what the slowest of them is meant to take on a busy machine


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    state: State
    """`note`: something optional is not there; `broken`: a command that needs it will fail."""

    said: str
    remedy: str = ""
    """What to do; nothing where all is well."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "state": self.state,
            "said": self.said,
            "remedy": self.remedy or None,
        }


Check = Callable[[], Sequence[Finding]]


def examined(
    checks: Sequence[tuple[str, Check]], *, patience_s: float = _PATIENCE_S
) -> list[Finding]:
    """What all checks find, in their order.

    Args:
        checks: By name.
        patience_s: How long each may take.
    """
    found: list[Finding] = []
    for name, check in checks:
        found += [_without_secrets(one) for one in _bounded(name, check, patience_s)]
    return found


def _bounded(name: str, check: Check, patience_s: float) -> Sequence[Finding]:
    results: list[Sequence[Finding]] = []

    def attempt() -> None:
        try:
            results.append(check())
        except Exception as error:  # noqa: BLE001  whatever it is, the others go on
            said = " ".join(f"{type(error).__name__}: {error}".split())
            remedy = "please report this, with what stands here"
            results.append([Finding(name=name, state="broken", said=said, remedy=remedy)])

    thread = threading.Thread(target=attempt, name=f"doctor-{name}", daemon=True)
    thread.start()
    thread.join(patience_s)
    if results:
        return results[0]
    return [
        Finding(
            name=name,
            state="broken",
            said=f"did not answer within {patience_s:g} s",
            remedy="something hangs: a driver, a network folder or a proxy",
        )
    ]


def _without_secrets(finding: Finding) -> Finding:
    return replace(finding, said=redacted_text(finding.said), remedy=redacted_text(finding.remedy))


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """For people: a line for each, and below it what to do."""
    width = max(len(one.name) for one in findings)
    lines = []
    for one in findings:
        lines.append(f"{one.state:<7}  {one.name:<{width}}  {one.said}")
        if one.remedy:
            lines.append(f"{'':<7}  {'':<{width}}  → {one.remedy}")
    counts = {state: sum(one.state == state for one in findings) for state in ("broken", "warning")}
    told = [f"{number} {state}" for state, number in counts.items() if number]
    return [*lines, "", ", ".join(told) if told else "all is well"]
