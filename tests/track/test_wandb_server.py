"""The Weights & Biases test server, against the real client.

Every client here is wandb itself in a process of its own; nothing of pahcl_track takes part, so
that tests of the wandb backend can rest on the server.
"""

import base64
import http.client
import json
from contextlib import closing
from urllib.parse import urlsplit

import pytest

pytest.importorskip("wandb", reason="needs the wandb client")

from support.wandb_clients import (
    FULL_CLIENT,
    NUM_ROWS,
    SHORT_CLIENT,
    TABLE,
    WEIGHTS,
    check_description,
    check_rows,
    run_client,
)
from support.wandb_server import WandbServer

FILE_STREAM = "/files/test-entity/hearts/run-1/file_stream"


def post(server, path, body):
    """Status, headers and content of the answer to a request made by hand."""
    token = base64.b64encode(f"api:{server.api_key}".encode()).decode()
    headers = {"Authorization": f"Basic {token}"}
    with closing(http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)) as connection:
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()


def ask_viewer(server):
    """Status of the answer to a GraphQL query."""
    return post(server, "/graphql", {"query": "query Viewer {}"})[0]


@pytest.fixture
def upserted():
    """A server to which one run was announced."""
    with WandbServer() as server:
        variables = {"name": "run-1", "project": "hearts"}
        post(server, "/graphql", {"query": "mutation UpsertBucket {}", "variables": variables})
        yield server


@pytest.fixture(scope="module")
def online(tmp_path_factory):
    """A server to which the full client has reported."""
    folder = tmp_path_factory.mktemp("online")
    with WandbServer() as server:
        environment = server.environment(folder) | {
            "WANDB__DISABLE_STATS": "false",
            "WANDB__STATS_SAMPLING_INTERVAL": "0.1",
        }
        client = run_client(FULL_CLIENT, environment, folder)
        assert client.returncode == 0, client.stderr
        yield server


def test_description_config_and_exit_code_arrive(online):
    check_description(online.runs["run-1"])
    assert online.runs["run-1"].complete


def test_rows_arrive_in_order(online):
    check_rows(online.runs["run-1"].logged)


def test_metric_definitions_arrive(online):
    """In the configuration, under numbers: 1 name, 2 pattern, 5 which is its axis, 7 summary."""
    sent = online.runs["run-1"].sent_config["_wandb"]["value"]["m"]
    by_name = {metric.get("1") or metric["2"]: metric for metric in sent}
    assert set(by_name) == {"step", "*", "val/auroc"}
    for name in ("*", "val/auroc"):
        assert sent[by_name[name]["5"] - 1] == by_name["step"]
    assert by_name["val/auroc"]["7"] == [2]  # the maximum


def test_summary_arrives(online):
    summary = online.runs["run-1"].summary
    assert summary["best/auroc"] == 0.75
    assert summary["val/auroc"] == {"max": 0.75}
    assert summary["train/loss"] == 1 / NUM_ROWS
    assert "gone" not in summary


def test_files_arrive_whole(online):
    run = online.runs["run-1"]
    table = json.loads(run.files[run.logged[NUM_ROWS + 2]["cases"]["path"]])
    assert (table["columns"], table["data"]) == (["n", "label"], TABLE)
    assert run.files["report.html"] == b"<p>report</p>"


def test_artifact_arrives_whole(online):
    (model,) = [artifact for artifact in online.artifacts if artifact.type == "checkpoint"]
    assert (model.name, model.aliases) == ("model", {"best", "latest"})
    assert model.metadata == {"epoch": 3}
    assert model.files == {"weights.bin": WEIGHTS}
    assert model.manifest["contents"]["weights.bin"]["size"] == len(WEIGHTS)
    assert model.committed
    assert model in online.runs["run-1"].artifacts


def test_console_and_system_metrics_arrive(online):
    run = online.runs["run-1"]
    (line,) = run.console
    assert line.endswith(" said aloud")
    assert any("system.memory_percent" in row for row in run.events)


def test_only_this_server_is_asked_and_knows_every_question(online):
    """The client takes the server for its proxy, so a request elsewhere would be `foreign`."""
    assert {request.kind for request in online.requests} == {"graphql", "file_stream", "upload"}
    assert {request.status for request in online.requests} == {200}


def test_same_artifact_again_is_the_same_version(tmp_path):
    """As on the real server: equal content is stored once, and an alias moves between versions."""
    code = """
import sys
import wandb
for content in ("one", "two", "one"):
    with wandb.init(project="hearts") as run:
        artifact = wandb.Artifact("model", "checkpoint")
        with artifact.new_file("weights.txt") as file:
            file.write(content)
        run.log_artifact(artifact)
"""
    with WandbServer() as server:
        client = run_client(code, server.environment(tmp_path))
    assert client.returncode == 0, client.stderr
    first, second = server.artifacts
    assert (first.files, second.files) == ({"weights.txt": b"one"}, {"weights.txt": b"two"})
    assert (first.aliases, second.aliases) == ({"latest"}, set())
    logged = [[artifact.files for artifact in run.artifacts] for run in server.runs.values()]
    assert logged == [[first.files], [second.files], [first.files]]


def test_resumed_run_goes_on_where_it_stopped(tmp_path):
    with WandbServer() as server:
        environment = server.environment(tmp_path)
        first = run_client(SHORT_CLIENT, environment, 0, 3)
        second = run_client(SHORT_CLIENT, environment | {"WANDB_RESUME": "must"}, 3, 5)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    history = server.runs["run-1"].history
    assert [row["loss"] for row in history] == [0, 0.25, 0.5, 0.75, 1]
    assert [row["_step"] for row in history] == [0, 1, 2, 3, 4]


def test_resuming_client_is_told_where_the_run_stopped(upserted):
    """Asked by hand, since the client itself would forgive a wrong count or a wrong row."""
    query = {"query": "query RunResumeStatus {}", "variables": {"name": "run-1", "project": "p"}}
    lines = ['{"a": 1, "_step": 0}', '{"a": 2, "_step": 1}']
    files = {
        "wandb-history.jsonl": {"offset": 0, "content": lines},
        "wandb-events.jsonl": {"offset": 0, "content": ["{}"]},
        "wandb-summary.json": {"offset": 0, "content": ['{"a": 2}', '{"a": 3}']},
        "output.log": {"offset": 0, "content": ["one", "two", "three"]},
    }
    post(upserted, FILE_STREAM, {"files": files})
    bucket = json.loads(post(upserted, "/graphql", query)[2])["data"]["model"]["bucket"]
    counts = {"historyLineCount": 2, "eventsLineCount": 1, "logLineCount": 3}
    assert {name: bucket[name] for name in counts} == counts
    assert json.loads(bucket["historyTail"]) == lines[1:]
    assert json.loads(bucket["summaryMetrics"]) == {"a": 3}


def test_resuming_what_is_not_there_is_refused(tmp_path):
    with WandbServer() as server:
        environment = server.environment(tmp_path) | {"WANDB_RESUME": "must"}
        client = run_client(SHORT_CLIENT, environment, 0, 3)
    assert client.returncode != 0
    assert "run-1" in client.stderr
    assert "does not exist" in client.stderr


def test_chunk_sent_again_does_not_double(upserted):
    chunk = {"files": {"wandb-history.jsonl": {"offset": 0, "content": ['{"a": 1}', "{}"]}}}
    later = {"files": {"wandb-history.jsonl": {"offset": 2, "content": ['{"a": 3}']}}}
    for body in (chunk, later, chunk):
        post(upserted, FILE_STREAM, body)
    assert upserted.runs["run-1"].history == [{"a": 1}, {}, {"a": 3}]


def test_wrong_key_is_refused(tmp_path):
    with WandbServer() as server:
        environment = server.environment(tmp_path) | {"WANDB_API_KEY": "0" * 40}
        client = run_client(SHORT_CLIENT, environment, 0, 3)
    assert client.returncode != 0
    assert "CommError: wrong API key" in client.stderr
    assert server.runs == {}
    assert {request.status for request in server.requests} == {401}


def test_request_for_another_server_is_recorded_and_goes_nowhere(tmp_path):
    with WandbServer() as server:
        assert server.environment(tmp_path)["http_proxy"] == server.url
        status, _, _ = post(server, "http://elsewhere.invalid/report", {})
    assert status == 404
    (request,) = server.requests
    assert (request.kind, request.name) == ("foreign", "POST http://elsewhere.invalid/report")


FAULTS = {
    "error": ("fail_with", {"status": 500, "retry_after_s": 0.1, "times": 3}, [500] * 3),
    "busy": ("fail_with", {"status": 429, "retry_after_s": 0.1, "times": 3}, [429] * 3),
    "dropped": ("drop", {"times": 1}, [None]),
    "hanging": ("hang", {"times": 1}, [None]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_client_gets_everything_through_once_the_server_recovers(tmp_path, fault):
    method, arguments, statuses = FAULTS[fault]
    with WandbServer() as server:
        for kind in ("graphql", "file_stream", "upload"):
            getattr(server, method)(on=kind, **arguments)
        environment = server.environment(tmp_path) | {
            "WANDB__GRAPHQL_TIMEOUT_SECONDS": "1",
            "WANDB__FILE_STREAM_TIMEOUT_SECONDS": "1",
            "WANDB__FILE_TRANSFER_TIMEOUT_SECONDS": "1",
        }
        client = run_client(SHORT_CLIENT, environment, 0, 3)
    assert client.returncode == 0, client.stderr
    for kind in ("graphql", "file_stream", "upload"):
        answers = [request.status for request in server.requests if request.kind == kind]
        assert [status for status in answers if status != 200] == statuses
    run = server.runs["run-1"]
    assert [row["loss"] for row in run.history] == [0, 0.25, 0.5]
    assert run.files.keys() >= {"config.yaml", "requirements.txt", "wandb-summary.json"}
    assert (run.complete, run.exit_code) == (True, 0)


def test_server_fails_as_long_as_told(upserted):
    upserted.fail_with(503, body=b"<html>", on="file_stream")
    for _ in range(2):
        status, _, content = post(upserted, FILE_STREAM, {})
        assert (status, content) == (503, b"<html>")
    assert ask_viewer(upserted) == 200
    upserted.recover()
    assert post(upserted, FILE_STREAM, {})[0] == 200


def test_faults_of_two_kinds_of_request_stand_side_by_side(upserted):
    upserted.fail_with(503, on="file_stream", times=1)
    upserted.fail_with(429, retry_after_s=2.5, on="graphql", times=1)
    assert post(upserted, FILE_STREAM, {})[0] == 503
    status, headers, _ = post(upserted, "/graphql", {"query": "query Viewer {}"})
    assert (status, headers["Retry-After"]) == (429, "2.5")
    assert (post(upserted, FILE_STREAM, {})[0], ask_viewer(upserted)) == (200, 200)


def test_hanging_request_is_not_even_answered_after_recovery(upserted):
    upserted.hang(times=1)
    with closing(http.client.HTTPConnection(urlsplit(upserted.url).netloc, timeout=0.5)) as client:
        client.request("POST", FILE_STREAM, "{}")
        with pytest.raises(TimeoutError):
            client.getresponse()
        upserted.recover()
        with pytest.raises(TimeoutError):
            client.sock.recv(1)


def test_bug_of_the_server_itself_is_not_hidden():
    with (
        pytest.raises(RuntimeError, match="the test server failed"),
        WandbServer() as server,
        pytest.raises(http.client.RemoteDisconnected),
    ):
        post(server, "/files/test-entity/hearts/never-announced/file_stream", {})


def test_silent_server_ends_the_clients_patience(tmp_path):
    with WandbServer() as server:
        server.hang()
        environment = server.environment(tmp_path) | {"WANDB_INIT_TIMEOUT": "1"}
        client = run_client(SHORT_CLIENT, environment, 0, 3)
    assert client.returncode != 0
    assert "Consider increasing the init_timeout setting" in client.stderr
    assert server.runs == {}


def test_garbage_ends_the_start(tmp_path):
    with WandbServer() as server:
        server.fail_with(200, body=b"<html>not JSON</html>", on="graphql")
        client = run_client(SHORT_CLIENT, server.environment(tmp_path), 0, 3)
    assert client.returncode != 0
    assert server.runs == {}
