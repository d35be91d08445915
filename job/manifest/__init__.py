"""The manifest: what the user says of each model, read from YAML with every fault at once."""

from job.manifest.loading import (
    Manifest,
    find_manifest,
    load_manifest,
    manifest_bytes,
    read_manifest,
    resolve_inside,
)

__all__ = [
    "Manifest",
    "find_manifest",
    "load_manifest",
    "manifest_bytes",
    "read_manifest",
    "resolve_inside",
]
