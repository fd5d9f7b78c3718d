"""What the Weights & Biases test server remembers: runs and artifacts, as a client sent them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HISTORY = "wandb-history.jsonl"
EVENTS = "wandb-events.jsonl"
SUMMARY = "wandb-summary.json"
CONSOLE = "output.log"


@dataclass(kw_only=True)
class RecordedArtifact:
    """One version of an artifact."""

    id: str
    name: str
    """Of the collection, without a version."""

    type: str
    digest: str
    """Of the manifest, as the client computed it."""

    metadata: dict[str, Any]
    description: str | None = None
    aliases: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    """Content by path inside the artifact."""

    manifest: dict[str, Any] | None = None
    """As uploaded; None until it is."""

    committed: bool = False


@dataclass(kw_only=True)
class RecordedRun:
    """One run. A field that the client never sent is None or empty."""

    id: str
    entity: str
    project: str | None = None
    display_name: str | None = None
    group: str | None = None
    job_type: str | None = None
    notes: str | None = None
    sweep: str | None = None
    """Id of the sweep that it is a trial of."""

    tags: list[str] = field(default_factory=list)
    sent_config: dict[str, Any] = field(default_factory=dict)
    """The configuration in the form in which it travels: `{key: {"value": value}}`, with the
    client's own `_wandb` among the keys."""

    files: dict[str, bytes] = field(default_factory=dict)
    """Content of uploaded files by path inside the run."""

    artifacts: list[RecordedArtifact] = field(default_factory=list)
    complete: bool = False
    exit_code: int | None = None
    streams: dict[str, dict[int, str]] = field(default_factory=dict)
    """Lines by number, for each file that travels line by line; a line sent again replaces
    itself, as on the real server."""

    @property
    def config(self) -> dict[str, Any]:
        """The configuration without the client's own part."""
        return {key: entry["value"] for key, entry in self.sent_config.items() if key != "_wandb"}

    @property
    def history(self) -> list[dict[str, Any]]:
        """Rows of the history in order."""
        return [json.loads(line) for line in self.lines(HISTORY)]

    @property
    def logged(self) -> list[dict[str, Any]]:
        """Rows of the history without the client's own columns, such as `_step` and `_runtime`."""
        return [
            {name: value for name, value in row.items() if not name.startswith("_")}
            for row in self.history
        ]

    @property
    def events(self) -> list[dict[str, Any]]:
        """System metrics in order."""
        return [json.loads(line) for line in self.lines(EVENTS)]

    @property
    def summary(self) -> dict[str, Any]:
        """Last state of the summary."""
        lines = self.lines(SUMMARY)
        return json.loads(lines[-1]) if lines else {}

    @property
    def console(self) -> list[str]:
        """What the program printed, line by line, each behind the client's time stamp."""
        return self.lines(CONSOLE)

    def lines(self, file: str) -> list[str]:
        """Lines of a streamed file in order."""
        return [line for _, line in sorted(self.streams.get(file, {}).items())]

    def update(self, variables: Mapping[str, Any]) -> None:
        """Take over what an `UpsertBucket` says; a null leaves a field as it was."""
        fields = {
            "project": "project",
            "displayName": "display_name",
            "groupName": "group",
            "jobType": "job_type",
            "notes": "notes",
            "sweep": "sweep",
            "tags": "tags",
        }
        for sent, name in fields.items():
            if variables.get(sent) is not None:
                setattr(self, name, variables[sent])
        if variables.get("config") is not None:
            self.sent_config = json.loads(variables["config"])

    def stream(self, chunk: Mapping[str, Any]) -> None:
        """Take over the body of one `file_stream` request."""
        for file, part in chunk.get("files", {}).items():
            numbered = enumerate(part["content"], start=part["offset"])
            self.streams.setdefault(file, {}).update(numbered)
        if chunk.get("complete"):
            self.complete = True
            self.exit_code = chunk["exitcode"]
