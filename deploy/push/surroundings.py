"""What models need where they run, and pushing does not bring there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from job.manifest import Manifest

RUNTIMES: Final = Path("/opt/runtimes")
"""Where the image has the interpreters that it was built with."""


def surroundings(manifest: Manifest, *, secrets: frozenset[str]) -> Iterator[str]:
    """Warnings of what models need and pushing does not bring.

    Args:
        secrets: names of variables that the container is given.
    """
    for model in manifest.models:
        if not model.enabled:
            continue
        if model.runtime is not None:
            python = manifest.runtimes[model.runtime]
            if not python.is_relative_to(RUNTIMES):
                yield (
                    f"{model.name}: its runtime {model.runtime} is {python}, which the image has "
                    f"only if you put it there; see RUNTIMES in the Dockerfile"
                )
        for name in sorted(set(model.env) - secrets):
            yield f"{model.name}: it wants {name}, which is not among `secrets` of deploy.yaml"
