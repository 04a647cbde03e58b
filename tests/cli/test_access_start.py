"""What starts without a key, what does not, and how the first key is made."""

import asyncio
import subprocess
from functools import partial
from pathlib import Path

from cli.conftest import started
from jobs import job
from live import Reelmill, channel
from services.databases import Databases
from waiting import until

from reelmill.auth.tokens import new_token
from reelmill.client import Client, Unauthenticated
from reelmill.v1.jobs_pb2 import CreateJobRequest
from reelmill.v1.jobs_pb2_grpc import JobServiceStub


def run(api: Reelmill, *command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = api.environment | {f"REELMILL_{name.upper()}": value for name, value in variables.items()}
    process = started(*command, folder=api.folder, environment=environment)
    out, err = process.communicate(timeout=90)
    return subprocess.CompletedProcess(command, process.wait(), out, err)


def refuses(client: Client) -> bool:
    try:
        list(client.list_jobs())
    except Unauthenticated:
        return True
    return False


def test_an_api_that_others_reach_goes_from_empty_to_in_use_to_keys(databases: Databases, tmp_path: Path) -> None:
    url = asyncio.run(databases.create())
    open_to_all = Reelmill("api", database_url=url, grpc_host="0.0.0.0", health_host="127.0.0.1")
    try:
        refused = run(open_to_all, "api")
        assert refused.returncode == 1, refused.stderr
        assert "REELMILL_AUTHENTICATION: others can reach 0.0.0.0" in refused.stderr
        assert "reelmill keys create NAME --role admin --database" in refused.stderr
        with Reelmill("api", database_url=url) as local, channel(local.grpc) as connection:
            JobServiceStub(connection).CreateJob(CreateJobRequest(job=job()))  # on loopback, as ever
        open_to_all.start()
        assert "whoever reaches us may do everything" in open_to_all.log.read_text()
        with Client(open_to_all.grpc, token="") as client:
            assert len(list(client.list_jobs())) == 1, "an upgrade changes nothing"
            made = run(open_to_all, "keys", "create", "ops", "--role", "admin", "--database")
            assert made.returncode == 0 and made.stdout.startswith("rm_"), made.stderr
            until(partial(refuses, client))
        with Client(open_to_all.grpc, token=made.stdout.strip()) as client:
            assert len(list(client.list_jobs())) == 1
            assert [key.name for key in client.list_keys()] == ["ops"]
            assert [event.method for event in client.audit_events()] == ["CreateKey"]
    finally:
        open_to_all.close()


def test_a_key_may_stand_in_a_file_and_no_output_shows_it(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text(f"{new_token().text}\n")
    api = Reelmill("api")
    try:
        told = run(api, "settings", "--json", admin_key_file=str(secret), token=secret.read_text().strip())
        assert told.returncode == 0 and told.stderr == "", told.stderr
        assert told.stdout.count('"***"') == 2 and secret.read_text().strip() not in told.stdout
        missing = run(api, "settings", admin_key_file=str(tmp_path / "none"))
        assert missing.returncode == 2 and "can't be read" in missing.stderr
        assert run(api, "keys", "create", "x y\n", "--database").returncode == 2
    finally:
        api.close()
