"""`check` of models that are elsewhere: what a run would refuse is a fault, hours before it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from deploy.push import pack, push
from job.errors import JobError
from job.manifest import Manifest
from job.model_findings import model_findings
from job.recipe import feature_paths
from job.remote_root import RemoteRoot
from tests.clock import FakeClock
from tests.deploy.shelves import MANIFEST, FolderShelf, Root

MODELS = (
    {"name": "branta", "artifact": "branta", "format": "python"},
    {"name": "smew", "artifact": "smew.py", "format": "python"},
    {"name": "teal", "artifact": "teal.pkl", "features": "teal.json"},
    {
        "name": "smee",
        "artifact": "smee.pkl",
        "neutralize": {"features": "smee.json", "proportion": 0.5},
    },
)
FILES = {
    "branta/model.py": "import ranks\n",
    "branta/ranks.py": "x = 1\n",
    "smew.py": "import helper\n",
    "helper.py": "y = 2\n",
    "teal.pkl": "a pickle",
    "teal.json": '["feature_a"]',
    "smee.pkl": "another pickle",
    "smee.json": '["feature_b"]',
}


@pytest.fixture
def shelf(tmp_path: Path, clock: FakeClock) -> FolderShelf:
    """What a push of these models has left."""
    root = Root(tmp_path / "models")
    for name, text in FILES.items():
        root.put(name, text)
    root.write(*MODELS)
    shelf = FolderShelf(tmp_path / "elsewhere")
    push(shelf, pack(root.path, root.manifest), manifest=MANIFEST, clock=clock, dry_run=False)
    return shelf


def told(shelf: FolderShelf, cache: Path, *, unpinned: bool = False) -> dict[str, list[str]]:
    """The report's lines by their kind; what fails in a run is a fault of `check`, and nothing
    else is.
    """
    root = RemoteRoot(shelf, cache / "check", allow_unpinned=unpinned)
    manifest = root.manifest(MANIFEST)
    lines: dict[str, list[str]] = {"ok": [], "warning": [], "fault": []}
    for finding in model_findings(root, manifest, {}, None):
        lines[finding.kind].append(finding.text)
    assert not (cache / "check").exists()
    root = RemoteRoot(shelf, cache / "run", allow_unpinned=unpinned)
    assert {line.partition(":")[0] for line in lines["fault"]} == refused(root, manifest)
    return lines


def refused(root: RemoteRoot, manifest: Manifest) -> set[str]:
    """The models that a run could not have."""
    names = set()
    for model in manifest.models:
        try:
            root.artifact(model)
            for path in feature_paths(model, None):
                root.feature_file(path)
        except JobError:
            names.add(model.name)
    return names


def rewrite(shelf: FolderShelf, *models: dict[str, Any]) -> None:
    """Another manifest, made by hand."""
    shelf.write(MANIFEST, json.dumps({"version": 1, "models": models}).encode())


def test_what_is_whole_is_well(shelf: FolderShelf, tmp_path: Path) -> None:
    lines = told(shelf, tmp_path / "cache")
    assert (len(lines["ok"]), lines["warning"], lines["fault"]) == (4, [], [])


@pytest.mark.parametrize(
    ("lost", "model"),
    [
        ("branta/ranks.py", "branta"),
        ("helper.py", "smew"),
        ("teal.json", "teal"),
        ("smee.json", "smee"),
    ],
)
def test_a_file_that_is_gone_fails_the_model_that_needs_it(
    shelf: FolderShelf, tmp_path: Path, lost: str, model: str
) -> None:
    digest = hashlib.sha256(FILES[lost].encode()).hexdigest()
    (gone,) = (shelf.root / "objects").glob(f"{digest}*")
    gone.unlink()
    lines = told(shelf, tmp_path / "cache")
    faults = {line.partition(":")[0]: line for line in lines["fault"]}
    # The modules of a single file are all that lie beside it and below.
    assert set(faults) == ({model, "smew"} if lost == "branta/ranks.py" else {model})
    assert f"there is no file {lost if lost.endswith('.py') else 'objects'}" in faults[model]
    assert "deploy push" in faults[model]


def test_what_nothing_pins_fails_unless_that_is_allowed(shelf: FolderShelf, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"a pickle").hexdigest()
    for name in ("teal.pkl", "teal.json"):
        shelf.write(name, FILES[name].encode())
    rewrite(
        shelf,
        {"name": "loose", "artifact": "teal.pkl"},
        {"name": "teal", "artifact": "teal.pkl", "sha256": digest, "features": "teal.json"},
    )
    loose, features = told(shelf, tmp_path / "cache")["fault"]
    assert "teal.pkl is not pinned: the manifest does not give its sha256" in loose
    assert "teal.json is not pinned: it is not kept by its sha256" in features
    assert told(shelf, tmp_path / "cache", unpinned=True)["fault"] == []


def test_what_lies_at_its_path_only_is_a_warning(shelf: FolderShelf, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"by hand").hexdigest()
    shelf.write("hand.pkl", b"by hand")
    rewrite(shelf, {"name": "hand", "artifact": "hand.pkl", "sha256": digest})
    (line,) = told(shelf, tmp_path / "cache")["warning"]
    assert "its digest was not verified; --deep does" in line


def test_what_is_empty_fails(shelf: FolderShelf, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"").hexdigest()
    shelf.write(f"objects/{digest}", b"")
    rewrite(shelf, {"name": "void", "artifact": "void.pkl", "sha256": digest})
    (line,) = told(shelf, tmp_path / "cache")["fault"]
    assert line.startswith("void: void.pkl is empty")
