"""From the command line's tracking options to one tracker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pahcl_core.config import from_dict
from pahcl_core.errors import SettingError
from pahcl_track import Session, Tracker, load_tracker, parse_options
from pahcl_track.redaction import HIDDEN


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackingConfig:
    """Where a run is reported; changes nothing of its result. `[tracking]` in a run file."""

    trackers: tuple[str, ...] = ("console",)
    """Names of installed trackers: `pahcl track list`."""

    options: tuple[str, ...] = ()
    """Their options, each as `<tracker>.<option>=<value>`."""

    project: str = "PA-HCL"
    group: str | None = None
    tags: tuple[str, ...] = ()
    notes: str | None = None

    strict: bool = False
    """End the run where a tracker cannot start, instead of going on without it."""

    finish_timeout_s: float = 60.0
    """How long to wait at the end for what is still to be delivered."""

    def __post_init__(self) -> None:
        if not self.finish_timeout_s >= 0:  # nor is NaN, which a run file may hold
            raise ValueError(f"finish_timeout_s must be at least 0, got {self.finish_timeout_s}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracking:
    """What the command line says of tracking; what it leaves open is the run file's."""

    trackers: Sequence[str] = ()
    options: Sequence[str] = ()
    project: str | None = None
    entity: str | None = None
    group: str | None = None
    tags: Sequence[str] = ()
    notes: str | None = None
    wandb: bool = False
    """W&B, beside the others."""

    strict: bool | None = None

    def over(self, before: Mapping[str, Any], *, source: str = "tracking") -> dict[str, Any]:
        """`[tracking]` of a run file, with what the command line says instead.

        Its options are added to those of the file; of trackers that others take the place of, the
        file's options go, too.

        Args:
            before: What the file says.
            source: Which file, for messages.

        Raises:
            SettingError: If the file makes no sense, an entity is given and no wandb tracker, or an
                option is needed again that was kept secret.
        """
        file = from_dict(TrackingConfig, before, source=source)
        after = dict(before)
        names = list(self.trackers or file.trackers)
        if self.wandb and "wandb" not in names:
            names.append("wandb")
        after["trackers"] = list(dict.fromkeys(names))
        options = [one for one in file.options if not self.trackers or tracker_of(one) in names]
        options += self.options
        if self.entity is not None:
            if "wandb" not in names:
                raise SettingError("--entity is an option of W&B; add --tracker wandb")
            options.append(f"wandb.entity={self.entity}")
        if options or file.options:
            after["options"] = last_of_each(options)
        given = {
            "project": self.project,
            "group": self.group,
            "tags": list(self.tags) or None,
            "notes": self.notes,
            "strict": self.strict,
        }
        after.update({key: value for key, value in given.items() if value is not None})
        return after


def last_of_each(options: Sequence[str]) -> list[str]:
    """Options of trackers, without those that a later one takes the place of.

    Raises:
        SettingError: If one is left that was kept secret.
    """
    by_name = {one.partition("=")[0].strip(): one for one in options}
    for name, option in by_name.items():
        if HIDDEN in option:
            raise SettingError(
                f"tracker option {name}: no file of a run has it, since it is a secret; give it "
                f"again, as --tracker-option {name}=VALUE"
            )
    return list(by_name.values())


def options_of(name: str, config: Mapping[str, Any]) -> list[str]:
    """What a run gave one of its trackers, as its configuration has it; any program may write it.

    Args:
        name: Of the tracker.
        config: Of the run.
    """
    section = config.get("tracking")
    options = section.get("options") if isinstance(section, Mapping) else None
    found = options if isinstance(options, list) else []
    return [one for one in found if isinstance(one, str) and tracker_of(one) == name]


def tracker_of(option: str) -> str:
    """The name of the tracker that `<tracker>.<option>=<value>` is for."""
    return option.partition(".")[0].strip()


def build_tracker(config: TrackingConfig) -> Session:
    """All trackers asked for, as one, none of which can harm the others.

    Raises:
        TrackerError: If one is not installed, or an option makes no sense.
    """
    options = parse_options(config.options, config.trackers)
    trackers = {name: load_tracker(name, options.get(name)) for name in config.trackers}
    return Session(trackers, strict=config.strict, finish_timeout_s=config.finish_timeout_s)


def load_one(name: str, options: Sequence[str]) -> Tracker:
    """One tracker, with options as on the command line.

    Raises:
        TrackerError: If it is not installed, or an option makes no sense.
    """
    return load_tracker(name, parse_options(options, [name]).get(name))
