"""The GraphQL half of the Weights & Biases test server: one function per operation.

Which operations the client sends, with which variables, and which fields it reads in the answer was
taken from wandb 0.31.0: the queries lie in clear in its `wandb-core` program.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from support.wandb_records import CONSOLE, EVENTS, HISTORY, RecordedArtifact, RecordedRun
from support.wandb_sweeps import Sweeps

ENTITY = "test-entity"
Variables: TypeAlias = Mapping[str, Any]


class Store:
    """Everything that was sent, and the answers to what is asked."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.runs: dict[str, RecordedRun] = {}
        self.artifacts: dict[str, RecordedArtifact] = {}
        self.sweeps = Sweeps(ENTITY)
        self.uploads: dict[str, Callable[[bytes], None]] = {}
        """What to do with the content that arrives at an upload address, by path."""

    def answer(self, operation: str, variables: Variables) -> dict[str, Any] | None:
        """The `data` of a GraphQL answer, or None for an operation that is not known here."""
        answers: dict[str, Callable[[Variables], dict[str, Any]]] = {
            "Viewer": self._viewer,
            "ServerFeaturesQuery": lambda _: {"serverInfo": {"features": []}},
            "OrganizationCoreWeaveOrganizationID": self._organization,
            "UpsertBucket": self._upsert_bucket,
            "RunResumeStatus": self._run_resume_status,
            "CreateRunFiles": self._create_run_files,
            "ArtifactType": self._artifact_type,
            "CreateArtifact": self._create_artifact,
            "CreateArtifactManifest": self._create_artifact_manifest,
            "CreateArtifactFiles": self._create_artifact_files,
            "UpdateArtifactManifest": self._update_artifact_manifest,
            "CommitArtifact": self._commit_artifact,
            **self.sweeps.answers(),
        }
        return answers[operation](variables) if operation in answers else None

    def _upload_url(self, path: str, receive: Callable[[bytes], None]) -> str:
        """An address on this server for a `PUT`."""
        self.uploads[path] = receive
        return self.base_url + path

    def _viewer(self, _: Variables) -> dict[str, Any]:
        return {
            "viewer": {
                "id": "viewer",
                "entity": ENTITY,
                "username": "tester",
                "email": "tester@example.org",
                "flags": "{}",
                "teams": {"edges": []},
            }
        }

    def _organization(self, _: Variables) -> dict[str, Any]:
        # None, or the client would ask that cloud's metadata service on its link-local address.
        return {"entity": {"organization": {"coreWeaveOrganizationId": None}}}

    def _upsert_bucket(self, variables: Variables) -> dict[str, Any]:
        name = variables["name"]
        inserted = name not in self.runs
        if inserted:
            self.runs[name] = RecordedRun(id=name, entity=variables.get("entity") or ENTITY)
        run = self.runs[name]
        run.update(variables)
        bucket = {
            "id": f"storage-{run.id}",
            "name": run.id,
            "displayName": run.display_name or run.id,
            "description": None,
            "config": json.dumps(run.sent_config),
            "sweepName": run.sweep,
            "project": {
                "id": f"project-{run.project}",
                "name": run.project,
                "entity": {"id": f"entity-{run.entity}", "name": run.entity},
            },
            "historyLineCount": len(run.lines(HISTORY)),
        }
        return {"upsertBucket": {"bucket": bucket, "inserted": inserted}}

    def _run_resume_status(self, variables: Variables) -> dict[str, Any]:
        run = self.runs.get(variables["name"])
        entity = variables.get("entity") or ENTITY
        model = {
            "id": f"project-{variables['project']}",
            "name": variables["project"],
            "entity": {"id": f"entity-{entity}", "name": entity},
            "bucket": None,
        }
        if run is not None:
            model["bucket"] = {
                "id": f"storage-{run.id}",
                "name": run.id,
                "summaryMetrics": json.dumps(run.summary),
                "displayName": run.display_name,
                "logLineCount": len(run.lines(CONSOLE)),
                "historyLineCount": len(run.lines(HISTORY)),
                "eventsLineCount": len(run.lines(EVENTS)),
                "historyTail": json.dumps(run.lines(HISTORY)[-1:]),
                "eventsTail": json.dumps(run.lines(EVENTS)[-1:]),
                "config": json.dumps(run.sent_config),
                "tags": run.tags,
                "notes": run.notes,
                "wandbConfig": json.dumps(run.sent_config.get("_wandb", {}).get("value", {})),
            }
        return {"model": model}

    def _create_run_files(self, variables: Variables) -> dict[str, Any]:
        run = self.runs[variables["run"]]
        files = []
        for name in variables["files"]:
            url = self._upload_url(
                f"/storage/{run.id}/{name}",
                lambda content, name=name: run.files.update({name: content}),
            )
            files.append({"name": name, "uploadUrl": url})
        created = {"runID": f"storage-{run.id}", "uploadHeaders": [], "files": files}
        return {"createRunFiles": created}

    def _artifact_type(self, variables: Variables) -> dict[str, Any]:
        name, _, alias = variables["name"].partition(":")
        types = [
            artifact.type
            for artifact in self.artifacts.values()
            if artifact.name == name and alias in artifact.aliases
        ]
        found = {"artifactType": {"name": types[0]}} if types else None
        return {"project": {"artifact": found}}

    def _create_artifact(self, variables: Variables) -> dict[str, Any]:
        sent = variables["input"]
        name, digest = sent["artifactCollectionName"], sent["digest"]
        others = [artifact for artifact in self.artifacts.values() if artifact.name == name]
        same = [artifact for artifact in others if artifact.digest == digest and artifact.committed]
        if same:
            artifact = same[0]  # the same content again is the same version
        else:
            artifact = RecordedArtifact(
                id=f"artifact-{len(self.artifacts)}",
                name=name,
                type=sent["artifactTypeName"],
                digest=digest,
                metadata=json.loads(sent.get("metadata") or "{}"),
                description=sent.get("description"),
            )
            self.artifacts[artifact.id] = artifact
        for alias in [entry["alias"] for entry in sent.get("aliases") or []]:
            for other in others:  # an alias points at one version
                other.aliases.discard(alias)
            artifact.aliases.add(alias)
        run = self.runs[sent["runName"]]
        if artifact not in run.artifacts:
            run.artifacts.append(artifact)
        sequence = {"id": f"sequence-{name}", "latestArtifact": None}
        state = "COMMITTED" if artifact.committed else "PENDING"
        created = {"id": artifact.id, "state": state, "artifactSequence": sequence}
        return {"createArtifact": {"artifact": created}}

    def _create_artifact_manifest(self, variables: Variables) -> dict[str, Any]:
        manifest = self._manifest(variables["artifactID"], variables["includeUpload"])
        return {"createArtifactManifest": {"artifactManifest": manifest}}

    def _update_artifact_manifest(self, variables: Variables) -> dict[str, Any]:
        artifact_id = variables["artifactManifestID"].removeprefix("manifest-")
        manifest = self._manifest(artifact_id, variables["includeUpload"])
        return {"updateArtifactManifest": {"artifactManifest": manifest}}

    def _manifest(self, artifact_id: str, include_upload: bool) -> dict[str, Any]:
        """A manifest's record, with an address for its content if one is asked for."""
        artifact = self.artifacts[artifact_id]

        def receive(content: bytes) -> None:
            artifact.manifest = json.loads(content)

        file: dict[str, Any] = {"id": f"file-{artifact_id}"}
        if include_upload:
            file["uploadUrl"] = self._upload_url(f"/storage/manifest/{artifact_id}", receive)
            file["uploadHeaders"] = []
        return {"id": f"manifest-{artifact_id}", "file": file}

    def _create_artifact_files(self, variables: Variables) -> dict[str, Any]:
        edges = []
        for sent in variables["input"]["artifactFiles"]:
            artifact = self.artifacts[sent["artifactID"]]
            name = sent["name"]
            url = self._upload_url(
                f"/storage/{artifact.id}/{name}",
                lambda content, artifact=artifact, name=name: artifact.files.update(
                    {name: content}
                ),
            )
            node = {
                "storagePath": name,
                "uploadUrl": url,
                "uploadHeaders": [],
                "uploadMultipartUrls": None,
                "artifact": {"id": artifact.id},
            }
            edges.append({"node": node})
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _commit_artifact(self, variables: Variables) -> dict[str, Any]:
        artifact = self.artifacts[variables["artifactID"]]
        artifact.committed = True
        return {"commitArtifact": {"artifact": {"id": artifact.id, "digest": "committed"}}}
