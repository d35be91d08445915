"""Models and run records in Blob Storage, which is Azurite here: one container, a folder of it for
each.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import IO, Any

import cloudpickle
import pytest
from azure.storage.blob import (
    BlobServiceClient,
    ContainerSasPermissions,
    generate_container_sas,
)

from job.blob_url import BlobUrl
from tests.azurite.fixtures import Container
from tests.azurite.server import KEY, Azurite, is_installed

from .animals import good, held, slow
from .driver import Ended, Home, wait_for

pytestmark = pytest.mark.slow

MANIFEST = "models_manifest.yaml"


@dataclass
class Elsewhere:
    """A machine whose models and records are in a container."""

    home: Home
    container: Container

    @property
    def environ(self) -> dict[str, str | None]:
        """What a run is told of it."""
        return {
            "NUMERAI_MODELS_DIR": f"{self.container.url}/models",
            "NUMERAI_RUNS_DIR": f"{self.container.url}/runs/of/drake",
            "AZURE_STORAGE_CONNECTION_STRING": self.container.connection_string,
        }

    def push(self, name: str, model: object, **keys: Any) -> str:
        """Puts a model there and into the manifest; gives its digest."""
        data = model if isinstance(model, bytes) else cloudpickle.dumps(model)
        digest = sha256(data).hexdigest()
        self.put(f"objects/{digest}", data)
        self.home.add(name, sha256=digest, **keys)
        self.put(MANIFEST, (self.home.models / MANIFEST).read_bytes())
        return digest

    def put(self, name: str, data: bytes) -> None:
        """Writes below the models root."""
        self.container.client.upload_blob(f"models/{name}", data, overwrite=True)

    def run(self, *args: str, **env: Any) -> Ended:
        """A run, or another command, from start to end."""
        return self.home.run(*args, **{**self.environ, **env})

    def left(self) -> dict[str, bytes]:
        """What runs have left, by name."""
        client, folder = self.container.client, "runs/of/drake/"
        names = [blob.name for blob in client.list_blobs(name_starts_with=folder)]
        read = {name: client.download_blob(name).readall() for name in names}
        return {name.removeprefix(folder): data for name, data in read.items()}

    def records(self) -> list[dict[str, Any]]:
        """The runs' records, oldest first."""
        left = self.left()
        return [json.loads(left[name]) for name in sorted(left) if name.endswith(".run.json")]

    def latest(self) -> dict[str, Any]:
        """What is found under the one name."""
        found: dict[str, Any] = json.loads(self.left()["latest.json"])
        return found

    def log(self) -> str:
        """The log beside the newest record."""
        return self.left().get(f"{self.records()[-1]['run']}.log", b"").decode()


@pytest.fixture
def there(home: Home, container: Container) -> Elsewhere:
    return Elsewhere(home, container)


def test_before_the_first_push_a_run_says_so_and_leaves_its_record(there: Elsewhere) -> None:
    ended = there.run()
    assert ended.code == 2
    assert "no manifest pushed yet" in ended.err
    assert "python -m deploy push" in ended.err
    (record,) = there.records()
    assert (record["outcome"], record["exit_code"]) == ("usage", 2)
    assert there.latest() == record
    assert "no manifest pushed yet" in there.log()
    assert there.run(NUMERAI_EXIT_ZERO="true").code == 0
    assert [record["exit_code"] for record in there.records()] == [2, 2]
    assert there.home.files() == {}


def test_wrong_settings_leave_their_record_there_too(there: Elsewhere) -> None:
    ended = there.run("--json", NUMERAI_WORKERS="many", NUMERAI_EXIT_ZERO="true")
    assert ended.code == 0
    (record,) = there.records()
    assert json.loads(ended.out) == record
    assert "NUMERAI_WORKERS" in record["message"]


def test_what_was_pushed_is_submitted_once_and_the_story_is_told_there(there: Elsewhere) -> None:
    digest = there.push("teal", good())
    there.push("smew", good(1.0), enabled=False)
    ended = there.run()
    assert ended.code == 0, ended.err
    assert [made.model for made in there.home.box.submissions] == ["teal"]
    (record,) = there.records()
    assert record["outcome"] == "ok"
    assert record["models"][0]["artifact_sha256"] == digest
    assert there.latest() == record
    assert there.log() == ended.err + ended.out
    assert set(there.left()) == {
        *("latest.json", "lock", "lock.json"),
        *(f"{record['run']}{suffix}" for suffix in (".run.json", ".log")),
    }
    cached = there.home.data / "artifacts" / digest / "teal.pkl"
    assert sha256(cached.read_bytes()).hexdigest() == digest
    again = there.run()
    assert again.code == 0
    assert "nothing to do" in again.out
    assert len(there.home.box.submissions) == 1
    assert [record["outcome"] for record in there.records()] == ["ok", "nothing_to_do"]
    assert not there.home.runs.exists()


def test_no_credential_is_left_or_said_anywhere(there: Elsewhere) -> None:
    there.push("teal", good())
    sas = generate_container_sas(
        account_name=there.container.url.account.rpartition("/")[2],
        container_name=there.container.url.container,
        account_key=KEY,
        permission=ContainerSasPermissions(read=True, list=True, write=True, delete=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    signed = {
        "NUMERAI_MODELS_DIR": f"{there.environ['NUMERAI_MODELS_DIR']}?{sas}",
        "NUMERAI_RUNS_DIR": f"{there.environ['NUMERAI_RUNS_DIR']}?{sas}",
        "AZURE_STORAGE_CONNECTION_STRING": None,
        "NUMERAI_LOG_LEVEL": "debug",
    }
    ended = there.run(**signed)
    assert ended.code == 0, ended.err
    wrong = there.run(**{**signed, "NUMERAI_MANIFEST": "n.yaml"})
    assert wrong.code == 2
    by_key = there.run("status", NUMERAI_LOG_LEVEL="debug")
    assert by_key.code == 0, by_key.err
    told = [one.out + one.err for one in (ended, wrong, by_key)]
    told += [data.decode() for data in there.left().values()]
    told += [data.decode(errors="replace") for data in there.home.files().values()]
    signature = sas.partition("sig=")[2].partition("&")[0]
    for secret in (KEY, sas, signature):
        assert not [text for text in told if secret in text]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait_for_a_lock(there: Elsewhere, number: signal.Signals) -> None:
    there.push("teal", good())
    lock = there.container.client.get_blob_client("runs/of/drake/lock")
    lock.upload_blob(b"")
    lock.acquire_lease(lease_duration=-1)
    errors = there.home.root / "stderr"
    with errors.open("w") as file:
        process = start(there, file)
    try:
        wait_for(lambda: "holds the lock" in errors.read_text(), "it waits for the lock", 60.0)
        process.send_signal(number)
        assert process.wait(10.0) == {signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in errors.read_text()
    assert there.records() == []


def test_a_stop_leaves_record_and_log_whole(there: Elsewhere) -> None:
    beacon = there.home.root / "beacon"
    there.push("teal", slow(60.0, str(beacon)))
    running = there.home.start(**there.environ)
    wait_for(beacon.exists, "the model predicts", 60.0)
    assert there.latest()["outcome"] == "running"
    wait_for(lambda: "models to submit" in there.log(), "the log is there while it runs")
    running.signal(signal.SIGTERM)
    ended = running.end(10.0)
    assert ended.code == 143
    (record,) = there.records()
    assert (record["exit_code"], record["ended_at"] is None) == (143, False)
    assert there.latest() == record
    assert there.log().rstrip().endswith("error: terminated by a signal")
    assert there.run("--dry-run", "--only", "teal", NUMERAI_MODEL_TIMEOUT="1s").code == 3


def test_models_that_cannot_be_reached_are_4_and_leave_a_record(there: Elsewhere) -> None:
    away = "http://127.0.0.1:9/account/models"
    connection = "DefaultEndpointsProtocol=http;AccountName=account;AccountKey=a2V5;"
    connection += "BlobEndpoint=http://127.0.0.1:9/account"
    env = {
        "NUMERAI_MODELS_DIR": away,
        "NUMERAI_RUNS_DIR": None,
        "AZURE_STORAGE_CONNECTION_STRING": connection,
        "NUMERAI_RETRY_PATIENCE": "1s",
    }
    ended = there.run(**env)
    assert ended.code == 4, ended.err
    assert ended.record is not None
    assert (ended.record["outcome"], ended.record["exit_code"]) == ("unavailable", 4)
    assert there.run(**env, NUMERAI_EXIT_ZERO="true").code == 0


def test_commands_work_with_models_elsewhere(there: Elsewhere) -> None:
    there.push("teal", good())
    there.push("smew", good(1.0))
    gone = there.push("scoter", good(2.0))
    there.container.client.delete_blob(f"models/objects/{gone}")
    plain = there.run("check")
    assert plain.code == 3
    assert "--deep reads it" in plain.out
    assert "scoter: there is no file scoter.pkl" in plain.out
    assert not (there.home.data / "artifacts").exists()
    deep = there.run("check", "--deep")
    assert deep.code == 3
    assert "teal: predicted 6,500 rows of made-up live data" in deep.out
    read = {path.name for path in (there.home.data / "artifacts").rglob("*.pkl")}
    assert read == {"teal.pkl", "smew.pkl"}
    status = there.run("status", "--json")
    rows = {row["model"]: row for row in json.loads(status.out)["models"]}
    assert [rows[name]["artifact_present"] for name in ("teal", "scoter")] == [True, False]
    assert rows["teal"]["size"] == len(cloudpickle.dumps(good()))
    assert there.run("--only", "teal").code == 0
    predicted = there.run("predict", "smew", "--out", "smew.csv")
    assert predicted.code == 0, predicted.err
    assert (there.home.root / "smew.csv").is_file()


@pytest.mark.parametrize(
    "argv",
    [("init",), ("add", "model.pkl", "--name", "teal"), ("runtime", "create", "old")],
    ids=lambda argv: argv[0],
)
def test_what_changes_a_models_root_works_on_this_machine_only(
    there: Elsewhere, argv: tuple[str, ...]
) -> None:
    (there.home.root / "model.pkl").write_bytes(b"x")
    ended = there.run(*argv)
    assert ended.code == 2
    assert "works in a models root on this machine" in ended.err
    assert "python -m deploy push" in ended.err
    assert list(there.container.client.list_blob_names()) == []


def test_the_runtimes_of_a_manifest_elsewhere_are_listed(there: Elsewhere) -> None:
    runtimes = f"runtimes: {{mine: {sys.executable}}}"
    text = f"version: 1\n{runtimes}\nmodels: [{{name: a, artifact: a.pkl}}]\n"
    there.put(MANIFEST, text.encode())
    ended = there.run("runtime", "list")
    assert ended.code == 0, ended.err
    assert sys.executable in ended.out


def test_without_the_packages_it_says_what_to_install(there: Elsewhere) -> None:
    blocked = "import sys; sys.modules['azure.storage'] = None; "
    program = (
        f"{blocked}import os; from job.__main__ import command; sys.exit(command([], os.environ))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=there.home.environ(**there.environ),
        cwd=there.home.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "pip install '.[azure]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_two_runs_at_once_send_nothing_twice(there: Elsewhere) -> None:
    """The second meets the lock of the first, and waits for it as for a dead one's."""
    beacon, gate = there.home.root / "beacon", there.home.root / "gate"
    there.push("teal", held(str(beacon), str(gate)))
    first = there.home.start(**there.environ)
    wait_for(beacon.exists, "the first is at work", 60.0)
    second = there.home.start(**there.environ)
    assert second.process.stderr is not None
    assert any("holds the lock" in line for line in second.process.stderr)
    gate.touch()
    ended = first.end()
    assert ended.code == 0, ended.err
    other = second.end()
    assert other.code == 0, other.err
    assert "nothing to do" in other.out
    assert len(there.home.box.submissions) == 1


@pytest.fixture
def own(home: Home) -> Iterator[tuple[Azurite, Elsewhere]]:
    """A machine with an Azurite of its own, which a test may halt."""
    if not is_installed():
        pytest.skip("Azurite is not installed: make test does that")
    with Azurite() as running:
        service = BlobServiceClient.from_connection_string(running.connection_string)
        with service, service.create_container("own") as client:
            url = BlobUrl(running.url, "own")
            there = Elsewhere(home, Container(url, client, running.connection_string))
            yield running, there
            running.resume()


def test_a_store_that_hangs_does_not_hold_up_a_stop(own: tuple[Azurite, Elsewhere]) -> None:
    azurite, there = own
    beacon = there.home.root / "beacon"
    there.push("teal", slow(60.0, str(beacon)))
    running = there.home.start(**there.environ)
    wait_for(beacon.exists, "the model predicts", 60.0)
    azurite.halt()
    running.signal(signal.SIGTERM)
    ended = running.end(11.0)
    assert ended.code == 143
    assert "the run record could not be written in time" in ended.err
    assert "teal" in ended.out
    azurite.resume()
    assert there.latest()["outcome"] == "running"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_end_of_the_record_hangs(
    own: tuple[Azurite, Elsewhere], number: signal.Signals
) -> None:
    azurite, there = own
    there.push("teal", good())
    there.home.box.on("createSubmission", lambda _: azurite.halt(), when="after")
    errors = there.home.root / "stderr"
    with errors.open("w") as file:
        process = start(there, file)
    try:
        wait_for(lambda: "teal: submitted" in errors.read_text(), "it is submitted", 60.0)
        time.sleep(1.0)  # into the end of the record
        process.send_signal(number)
        assert process.wait(12.0) == {signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    finally:
        process.kill()
        process.wait()
    assert "the run record could not be written in time" in errors.read_text()
    assert "Traceback" not in errors.read_text()


def test_the_time_of_a_run_holds_for_the_wait_for_a_lock(there: Elsewhere) -> None:
    there.push("teal", good())
    lock = there.container.client.get_blob_client("runs/of/drake/lock")
    lock.upload_blob(b"")
    lock.acquire_lease(lease_duration=-1)
    ended = there.run(NUMERAI_RUN_TIMEOUT="5s", within=40.0)
    assert ended.code == 4
    assert "the run did not end within 5 s" in ended.err
    assert there.home.box.submissions == []


def test_the_time_of_a_run_holds_for_the_end_of_its_record(own: tuple[Azurite, Elsewhere]) -> None:
    azurite, there = own
    there.push("teal", good())
    there.home.box.on("createSubmission", lambda _: azurite.halt(), when="after")
    limits = {"NUMERAI_RUN_TIMEOUT": "15s", "NUMERAI_RETRY_PATIENCE": "10m"}
    running = there.home.start(**there.environ, **limits)
    ended = running.end(45.0)
    assert ended.code == 4
    assert "teal: submitted" in ended.err
    assert "the run record could not be written in time" in ended.err


def test_a_signal_while_a_token_is_waited_for(there: Elsewhere) -> None:
    """What is raised then, the identity's library takes for an error of its own."""
    errors = there.home.root / "stderr"
    with socket.create_server(("127.0.0.1", 0)) as silent, errors.open("w") as file:
        silent.settimeout(60.0)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = start(
            there,
            file,
            NUMERAI_MODELS_DIR="https://account.blob.core.windows.net/models",
            NUMERAI_RUNS_DIR="https://account.blob.core.windows.net/runs",
            AZURE_STORAGE_CONNECTION_STRING=None,
            AZURE_CLIENT_ID="11111111-1111-1111-1111-111111111111",
            IDENTITY_ENDPOINT=f"{address}/token",
            IDENTITY_HEADER="made-up",
            AZURE_POD_IDENTITY_AUTHORITY_HOST=address,
        )
        try:
            asked, _ = silent.accept()
            with asked:
                assert asked.recv(1)
                process.send_signal(signal.SIGTERM)
                assert process.wait(10.0) == 143
        finally:
            process.kill()
            process.wait()
    assert "Traceback" not in errors.read_text()


def start(there: Elsewhere, errors: IO[str], **env: str | None) -> subprocess.Popen[bytes]:
    """A run whose errors can be read while it goes on."""
    return subprocess.Popen(
        [sys.executable, "-m", "job"],
        env=there.home.environ(**{**there.environ, **env}),
        cwd=there.home.root,
        stdin=subprocess.DEVNULL,
        stderr=errors,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
