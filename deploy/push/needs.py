"""What a manifest in the container needs there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from deploy.push.names import (
    OBJECTS,
    feature_files,
    is_folder,
    sidecar_name,
)
from deploy.push.shelf import Shelf
from job.manifest import load_manifest
from job.model_spec import ModelSpec
from job.objects import object_name
from job.tree import read_listing


def needed(shelf: Shelf, manifest: bytes, *, there: frozenset[str], source: str) -> frozenset[str]:
    """The objects that a manifest needs, each by name, whether they are there or not.

    Args:
        there: the objects that the container has: a listing that is not cannot be read.

    Raises `UsageError` for a manifest that this version does not understand.
    """
    models = load_manifest(manifest, source=source, empty=True).models
    return frozenset(name for model in models for name in _of(shelf, model, there))


def _of(shelf: Shelf, model: ModelSpec, there: frozenset[str]) -> Iterator[str]:
    """A disabled model needs nothing, but what is there of it is its own."""
    found = set(_names(shelf, model, there))
    yield from found if model.enabled else found & there


def _names(shelf: Shelf, model: ModelSpec, there: frozenset[str]) -> Iterator[str]:
    if model.format != "predictions" and model.sha256 is not None:
        yield object_name(model.sha256)
        if is_folder(model):
            yield from _listed(shelf, model.sha256, there)
        if model.modules is not None:
            yield object_name(model.modules)
            yield from _listed(shelf, model.modules, there)
    yield from (str(path) for path in feature_files(model) if path.is_relative_to(OBJECTS))


def _listed(shelf: Shelf, sha256: str, there: frozenset[str]) -> Iterator[str]:
    """What a listing names; nothing where it is not there, or is none: the job will say so."""
    name = object_name(sha256)
    text = shelf.read(name) if name in there else None
    yield from map(object_name, ((text and read_listing(text)) or {}).values())


def notes_on(objects: frozenset[str]) -> frozenset[str]:
    """The notes that may lie beside these objects."""
    return frozenset(sidecar_name(PurePosixPath(name).name) for name in objects)
