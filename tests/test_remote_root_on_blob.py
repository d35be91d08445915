"""The models root in Blob Storage itself, as far as it is another thing than a folder."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

import pytest

from job.blob import Blob
from job.errors import ModelError, UsageError
from job.objects import object_name
from job.remote_root import RemoteRoot
from job.sidecar import SUFFIX, read_sidecar
from job.tree import tree_sha256
from tests.azurite.fixtures import Container
from tests.builders import a_model
from tests.clock import FakeClock
from tests.pushed import Pushed

CODE = {"smew.py": b"import ranks\n", "ranks.py": b"x = 1\n", "parts/__init__.py": b"y = 2\n"}
FILES = {"model.py": b"import parts.ranks\n", "parts/ranks.py": b"x = 1\n", "w.bin": b"\0\1"}
TODAY = a_model("p", artifact=PurePosixPath("p/today.csv"), format="predictions")


@pytest.fixture
def blob(container: Container, clock: FakeClock) -> Blob:
    environ = {"AZURE_STORAGE_CONNECTION_STRING": container.connection_string}
    return Blob.open(replace(container.url, prefix="of/drake/"), environ=environ, clock=clock)


@pytest.fixture
def root(blob: Blob, tmp_path: Path) -> RemoteRoot:
    return RemoteRoot(blob, tmp_path, allow_unpinned=False)


def test_artifacts_of_every_kind_are_read(root: RemoteRoot, blob: Blob) -> None:
    pushed = Pushed(blob)
    models = [
        pushed.file("anas/model.pkl", bytes(range(256)) * 4096),
        pushed.folder("branta", FILES),
        pushed.code("mergus/smew.py", CODE),
    ]
    note = {"sha256": models[0].sha256, "tried": [{"python": "3.12.1"}]}
    blob.write(f"{object_name(str(models[0].sha256))}{SUFFIX}", json.dumps(note).encode())
    one, folder, code = map(root.artifact, models)
    assert one.path.read_bytes() == bytes(range(256)) * 4096
    assert read_sidecar(one.path, sha256=one.sha256) is not None
    assert tree_sha256(folder.path) == models[1].sha256
    assert code.code_sha256() == models[2].modules
    sizes = [stored and stored.size for stored in map(root.stored, models)]
    assert sizes == [256 * 4096, sum(map(len, FILES.values())), len(CODE["smew.py"])]


def test_prediction_files_are_told_apart_within_a_second(root: RemoteRoot, blob: Blob) -> None:
    with pytest.raises(ModelError, match="there is no file"):
        root.artifact(TODAY)
    began = datetime.now(UTC).replace(microsecond=0)
    blob.write("p/today.csv", b"one")
    artifact = root.artifact(TODAY)
    assert began <= artifact.modified <= began + timedelta(minutes=5)
    artifact.check_unchanged()
    blob.write("p/today.csv", b"two")
    with pytest.raises(ModelError, match="was replaced"):
        artifact.check_unchanged()
    assert root.artifact(TODAY).path.read_bytes() == b"two"


def test_an_object_that_was_exchanged_is_refused(root: RemoteRoot, blob: Blob) -> None:
    model = Pushed(blob).file("teal.pkl")
    blob.write(object_name(str(model.sha256)), b"something else")
    with pytest.raises(ModelError, match="is not the file that the manifest pins"):
        root.artifact(model)


def test_a_manifest_that_is_not_there_and_one_that_is(root: RemoteRoot, blob: Blob) -> None:
    with pytest.raises(UsageError, match="no manifest pushed yet"):
        root.manifest("models_manifest.yaml")
    blob.write("models_manifest.yaml", b"version: 1\nmodels: [{name: a, artifact: a.pkl}]\n")
    assert root.manifest("models_manifest.yaml").path == f"{blob.shown}/models_manifest.yaml"
