"""The sweeps of the Weights & Biases test server: made by `wandb sweep`, driven by `wandb agent`.

Which operations the client sends, with which variables, was taken from wandb 0.31.0 (`sweeps.py` in
`wandb/apis/public`). The real server chooses each trial's parameters; this one is told them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Variables = Mapping[str, Any]


@dataclass(kw_only=True)
class RecordedSweep:
    """One sweep."""

    id: str
    project: str
    config: str
    """In YAML, as the client sent it."""

    trials: list[Mapping[str, Any]]
    """Parameters that no agent was given yet."""

    given: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Parameters by the id of the run that an agent was told to start with them."""


class Sweeps:
    """All sweeps of a server."""

    def __init__(self, entity: str) -> None:
        self.recorded: dict[str, RecordedSweep] = {}
        """By id."""

        self.trials: Sequence[Mapping[str, Any]] = ()
        """What the trials of the next sweep are given, by parameter."""

        self.agents: dict[str, str] = {}
        """Which sweep each agent works for."""

        self._entity = entity

    def answers(self) -> dict[str, Callable[[Variables], dict[str, Any]]]:
        """What answers each operation."""
        return {
            "UpsertSweep": self._upsert,
            "SweepWithRuns": self._sweep,
            "CreateAgent": self._create_agent,
            "Heartbeat": self._heartbeat,
        }

    def _upsert(self, variables: Variables) -> dict[str, Any]:
        sweep = RecordedSweep(
            id=f"sweep{len(self.recorded)}",
            project=variables["projectName"],
            config=variables["config"],
            trials=list(self.trials),
        )
        self.recorded[sweep.id] = sweep
        project = {
            "id": f"project-{sweep.project}",
            "name": sweep.project,
            "entity": {"id": f"entity-{self._entity}", "name": self._entity},
        }
        made = {"name": sweep.id, "project": project}
        return {"upsertSweep": {"sweep": made, "configValidationWarnings": []}}

    def _sweep(self, variables: Variables) -> dict[str, Any]:
        sweep = self.recorded.get(variables["sweep"])
        if sweep is None or variables["project"] != sweep.project:
            return {"project": {"sweep": None}}
        content = {"id": sweep.id, "config": sweep.config, "runs": {"edges": []}}
        return {"project": {"sweep": content}}

    def _create_agent(self, variables: Variables) -> dict[str, Any]:
        agent = f"agent-{len(self.agents)}"
        self.agents[agent] = variables["sweep"]
        return {"createAgent": {"agent": {"id": agent}}}

    def _heartbeat(self, variables: Variables) -> dict[str, Any]:
        """One trial after the other; when none is left and none runs, the agent is to end."""
        sweep = self.recorded[self.agents[variables["id"]]]
        command: dict[str, Any] | None = None
        if not json.loads(variables["runState"]):
            command = {"type": "exit"}
            if sweep.trials:
                run_id = f"{sweep.id}-trial{len(sweep.given)}"
                sweep.given[run_id] = sweep.trials.pop(0)
                arguments = {name: {"value": v} for name, v in sweep.given[run_id].items()}
                command = {"type": "run", "run_id": run_id, "program": "", "args": arguments}
        commands = json.dumps([command] if command else [])
        return {"agentHeartbeat": {"agent": {"id": variables["id"]}, "commands": commands}}
