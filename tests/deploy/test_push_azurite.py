"""`push` against the real protocol: whatever becomes of it, a job finds a set that it can run."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobLeaseClient

from deploy.push import Shelf, pack, prune, push, roll_back
from job.blob import Blob
from job.clock import Clock
from job.errors import UnavailableError
from job.manifest import load_manifest
from job.remote_root import RemoteRoot
from tests.azurite.fixtures import Container, azurite, container
from tests.clock import FakeClock
from tests.deploy.cutting import CutLine
from tests.deploy.shelves import MANIFEST, Root

__all__ = ["azurite", "container"]


def blob_in(container: Container, origin: str | None = None, clock: Clock | None = None) -> Blob:
    """The container, by way of another origin if one is given."""
    url, environ = container.url, container.environ
    if origin is not None:
        there = "/".join(container.url.account.split("/")[:3])
        url = replace(url, account=url.account.replace(there, origin))
        environ = {name: text.replace(there, origin) for name, text in environ.items()}
    return Blob.open(
        url, environ=environ, clock=clock or FakeClock(), retry_patience=2.0, block_bytes=1 << 16
    )


def pushed(shelf: Shelf, root: Root, clock: Clock | None = None) -> bytes:
    """Pushes the root; gives its manifest."""
    parcel = pack(root.path, root.manifest)
    push(shelf, parcel, manifest=MANIFEST, clock=clock or FakeClock(), dry_run=False)
    return parcel.manifest


def old(root: Root) -> None:
    """The models as they were."""
    root.put("mallard.pkl", b"a model")
    root.write({"name": "mallard", "artifact": "mallard.pkl"})


def new(root: Root) -> None:
    """More models, of every kind, and another file for the first."""
    root.put("mallard.pkl", b"x" * 150_000)  # several blocks
    root.put("lists/x.json", json.dumps(["a", "b"]))
    root.put("zoo/model.py", "import x")
    root.put("zoo/x.py", "y = 1")
    root.put("code/model.py", "import beside")
    root.put("code/beside.py", "z = 1")
    root.write(
        {"name": "mallard", "artifact": "mallard.pkl", "features": "lists/x.json"},
        {"name": "teal", "artifact": "zoo/"},
        {"name": "scaup", "artifact": "code/model.py"},
    )


def runs(container: Container, cache: Path) -> bytes:
    """Reads all that a job would, verified; gives the manifest."""
    store = blob_in(container)
    remote = RemoteRoot(store, cache, allow_unpinned=False)
    manifest = remote.manifest(MANIFEST)
    for model in manifest.models:
        assert remote.artifact(model).path.exists()
        for features in (model.features,):
            if features is not None and hasattr(features, "path"):
                assert remote.feature_file(features.path).is_file()
    data = store.read(MANIFEST)
    assert data is not None
    assert hashlib.sha256(data).hexdigest() == manifest.sha256
    return data


def freed(container: Container) -> None:
    """Ends the lease that a killed process has left; a person waits a minute instead."""
    client = BlobLeaseClient(container.client.get_blob_client("lock"))
    try:
        client.break_lease(0)
    except HttpResponseError:
        return  # there was none


def emptied(container: Container) -> None:
    freed(container)
    for name in list(container.client.list_blob_names()):
        container.client.delete_blob(name)


@pytest.fixture
def counted(container: Container, root: Root) -> Iterator[int]:
    """How many requests the second push takes."""
    old(root)
    pushed(blob_in(container), root)
    new(root)
    with CutLine("/".join(container.url.account.split("/")[:3])) as line:
        pushed(blob_in(container, line.origin), root)
        yield line.count
    emptied(container)


@pytest.mark.slow
@pytest.mark.parametrize("done", [False, True], ids=["cut before", "cut after"])
def test_a_push_cut_at_every_request_leaves_a_set_that_a_job_can_run(
    container: Container, root: Root, counted: int, tmp_path: Path, done: bool
) -> None:
    origin = "/".join(container.url.account.split("/")[:3])
    assert counted > 15
    for after in range(counted):
        emptied(container)
        old(root)
        before = pushed(blob_in(container), root)
        new(root)
        with CutLine(origin, after=after, done=done) as line:
            try:
                pushed(blob_in(container, line.origin), root)
                ended = True
            except UnavailableError:
                ended = False
        found = runs(container, tmp_path / f"{after}")
        assert ended or line.count > after
        freed(container)
        after_that = pushed(blob_in(container), root)
        assert runs(container, tmp_path / f"{after}") == after_that
        assert found in {before, after_that}, after


def test_pushing_the_same_again_writes_nothing(container: Container, root: Root) -> None:
    new(root)
    pushed(blob_in(container), root)
    before = {one.name: one.etag for one in container.client.list_blobs()}
    pushed(blob_in(container), root)
    assert {one.name: one.etag for one in container.client.list_blobs()} == before


def test_a_cut_upload_of_a_large_file_goes_on_where_it_was(
    container: Container, root: Root
) -> None:
    root.put("mallard.pkl", bytes(range(256)) * 4096)  # a MiB, 16 blocks
    root.write({"name": "mallard", "artifact": "mallard.pkl"})
    origin = "/".join(container.url.account.split("/")[:3])
    with CutLine(origin, after=14) as line, pytest.raises(UnavailableError):
        pushed(blob_in(container, line.origin), root)
    freed(container)
    with CutLine(origin) as line:
        pushed(blob_in(container, line.origin), root)
        rest = line.count
    emptied(container)
    with CutLine(origin) as line:
        pushed(blob_in(container, line.origin), root)
        assert rest < line.count


def test_of_several_pushes_at_a_time_none_is_lost_silently(
    container: Container, tmp_path: Path
) -> None:
    roots, told = [], []
    for number in range(4):
        root = Root(tmp_path / f"root{number}")
        root.put("mallard.pkl", f"model {number}")
        root.write({"name": "mallard", "artifact": "mallard.pkl"})
        roots.append(root)

    def one(root: Root) -> None:
        try:
            told.append(pushed(blob_in(container), root))
        except UnavailableError as error:
            told.append(str(error).encode())

    threads = [threading.Thread(target=one, args=(root,)) for root in roots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [
        container.client.download_blob(one.name).readall()
        for one in container.client.list_blobs(name_starts_with="manifests/")
    ]
    succeeded = [text for text in told if text.startswith(b"{")]
    assert succeeded
    assert all(text in kept for text in succeeded)
    assert runs(container, tmp_path / "cache") == kept[-1]
    assert all(b"changing it" in text for text in told if text not in succeeded)


def test_back_and_forth_and_pruned(container: Container, root: Root, tmp_path: Path) -> None:
    store, clock = blob_in(container), FakeClock()
    old(root)
    first = pushed(store, root, clock)
    new(root)
    pushed(store, root, clock)
    roll_back(store, manifest=MANIFEST, clock=clock, dry_run=False)
    assert runs(container, tmp_path / "cache") == first
    clock.move(1e9)
    store.write("objects/" + "0" * 64, b"nobody's")
    pruned = prune(store, manifest=MANIFEST, clock=clock, dry_run=False)
    assert pruned.objects == ("objects/" + "0" * 64,)
    assert runs(container, tmp_path / "cache") == first
    assert load_manifest(first, source="m").models[0].sha256
