"""What opens a storage account is hidden wherever it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.__main__ import command
from job.errors import Exit, UsageError
from job.logs import Redactor
from job.settings import Settings
from job.storage_secrets import storage_secrets
from job.workers import worker_environment

KEY = "c2VjcmV0IGtleSBvZiB0aGUgYWNjb3VudA=="
SIGNATURE = "a+b/c=d=="
QUOTED = "a%2Bb%2Fc%3Dd%3D%3D"
URL = "https://acc.blob.core.windows.net/models/a"
SAS = f"sv=2025-01-05&sp=rl&sig={QUOTED}"
ENV = {
    "AZURE_STORAGE_CONNECTION_STRING": f"AccountName=acc;AccountKey={KEY};EndpointSuffix=x",
    "AZURE_CLIENT_SECRET": "client-s3cret",
    "IDENTITY_HEADER": "header-s3cret",
    "MSI_SECRET": "msi-s3cret",
    "IDENTITY_ENDPOINT": "http://127.0.0.1:1",
    "NUMERAI_MODELS_DIR": f"{URL}?{SAS}",
}


@pytest.mark.parametrize(
    "text",
    [
        ENV["AZURE_STORAGE_CONNECTION_STRING"],
        f"key {KEY} was refused",
        f"GET {URL}?{SAS}",
        f"signature {SIGNATURE} did not match {QUOTED}",
        f"NUMERAI_MODELS_DIR is {SAS}",
        "client-s3cret, header-s3cret and msi-s3cret",
    ],
)
def test_in_any_form_it_is_hidden(text: str) -> None:
    told = Redactor(storage_secrets(ENV))(text)
    for secret in (KEY, SIGNATURE, QUOTED, "s3cret"):
        assert secret not in told


def test_a_sas_in_a_connection_string_is_hidden_in_parts() -> None:
    env = {"AZURE_STORAGE_CONNECTION_STRING": f"BlobEndpoint=x;SharedAccessSignature={SAS}"}
    assert {SAS, SIGNATURE, QUOTED} <= storage_secrets(env)


def test_nothing_is_hidden_where_nothing_is_secret() -> None:
    assert storage_secrets({"NUMERAI_MODELS_DIR": URL, "NUMERAI_RUNS_DIR": "runs"}) == set()


@pytest.mark.parametrize(
    "given",
    [
        f"{URL}?{SAS}#x",
        f"http://acc.blob.core.windows.net/models?{SAS}",
        f"https://acc.blob.core.windows.net?{SAS}",
        f"acc.blob.core.windows.net/models?{SAS}",
        f"https://user:{KEY}@acc.blob.core.windows.net/models?{SAS}",
    ],
)
@pytest.mark.parametrize("name", ["NUMERAI_MODELS_DIR", "NUMERAI_RUNS_DIR"])
def test_a_url_that_is_wrong_is_not_quoted(
    given: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    env = {"NUMERAI_DATA_DIR": str(tmp_path), name: given}
    with pytest.raises(UsageError) as caught:
        Settings.from_env(env, credentials=False)
    (fault,) = caught.value.faults
    assert fault.startswith(f"{name}: ")
    for command_ in ("run", "status", "check"):
        assert command([command_], env) == Exit.USAGE
    written = [path.read_text() for path in tmp_path.rglob("*.json")]
    told = capsys.readouterr()
    for text in (fault, told.out, told.err, *written):
        assert not any(secret in text for secret in (QUOTED, SIGNATURE, KEY, "sv=2025"))


def test_settings_show_no_sas() -> None:
    found = Settings.from_env(ENV, credentials=False)
    assert QUOTED not in repr(found)
    assert str(found.models_dir) == URL


def test_a_model_process_inherits_nothing_of_it(tmp_path: Path) -> None:
    kept = worker_environment({**ENV, "PATH": "/bin"}, threads=1, home=tmp_path)
    assert not set(kept) & set(ENV)
    assert kept["PATH"] == "/bin"
