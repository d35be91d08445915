"""The manifest: YAML -> `Manifest`; every fault at once, each with its line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import ValidationError

from job.errors import ModelError, UsageError
from job.manifest.document import MAX_BYTES, UnreadableError, read_yaml
from job.manifest.faults import render_faults
from job.manifest.inheritance import spec_of
from job.manifest.schema import EMPTY_ALLOWED, Schema
from job.model_spec import ModelSpec
from job.units import perhaps

EXAMPLE: Final = Path(__file__).resolve().parents[2] / "models_manifest.yaml"
"""What shows every key to readers of a clone, and is nobody's manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The models of an account, in the order of the file, disabled ones included.

    Args:
        path: where it was read, as messages name it.
        sha256: of the file's bytes, 64 lower-case hex digits.
        runtimes: the interpreters that models may name; whole paths if it was read from a file.
    """

    path: str
    sha256: str
    models: tuple[ModelSpec, ...]
    runtimes: Mapping[str, Path] = field(default_factory=dict)


def load_manifest(text: str | bytes, *, source: str, empty: bool = False) -> Manifest:
    """The manifest that `text` holds.

    Args:
        source: what messages call the file.
        empty: whether it may be without any model, as one is that is being begun.

    Raises:
        UsageError: with all faults, each as `source:line: models[0].key: sentence`.
    """
    schema, faults = _validated(text, source, empty=empty)
    if schema is None or faults:
        raise UsageError(f"{source} is not a valid manifest; nothing was tried", faults)
    data = text.encode() if isinstance(text, str) else text
    return Manifest(
        path=source,
        sha256=sha256(data).hexdigest(),
        models=tuple(spec_of(model, schema.defaults) for model in schema.models),
        runtimes=schema.runtimes,
    )


def _validated(text: str | bytes, source: str, *, empty: bool) -> tuple[Schema | None, list[str]]:
    try:
        document = read_yaml(text)
    except UnreadableError as error:
        return None, [f"{source}:{error.line}: {error}"]
    try:
        schema = Schema.model_validate(document.value, context=EMPTY_ALLOWED if empty else None)
    except ValidationError as error:
        return None, render_faults(document, error, source=source)
    return schema, render_faults(document, None, source=source)


def read_manifest(path: Path, *, models_dir: Path | None = None, empty: bool = False) -> Manifest:
    """The manifest in the file `path`.

    Args:
        models_dir: what its runtimes' paths are relative to; None: the folder of `path`.
        empty: as `load_manifest` has it.

    Raises:
        UsageError: the file cannot be read, or is not a valid manifest.
    """
    manifest = load_manifest(manifest_bytes(path), source=str(path), empty=empty)
    root = (models_dir or path.parent).absolute()
    return replace(manifest, runtimes={n: root / python for n, python in manifest.runtimes.items()})


def manifest_bytes(path: Path) -> bytes:
    """A manifest's file, or as much of it as shows that it is too large for one.

    Raises `UsageError` when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"cannot read the manifest {path}", [error.strerror or str(error)]
        ) from error


def find_manifest(setting: str, *, models_dir: Path, cwd: Path) -> Path:
    """The manifest's file: as it is if absolute, else in the models root, else under `cwd`.

    Raises:
        UsageError: there is no such file; it names the places.
    """
    folders = [cwd / models_dir, cwd]
    places = list(dict.fromkeys(folder / setting for folder in folders))
    for place in places:
        if _is_file(place) and place.resolve() != EXAMPLE:
            return place
    raise UsageError(
        f"there is no manifest {setting}",
        [f"{place}: {_why_not(place)}" for place in places],
        hint="`python -m job init` writes one, `add` begins one; or set NUMERAI_MODELS_DIR to its "
        "folder, NUMERAI_MANIFEST to its path",
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _why_not(path: Path) -> str:
    try:
        if path.resolve() == EXAMPLE:
            return "only the example that comes with a clone"
        if path.is_dir():
            return "a folder, not a file"
        siblings = [entry.name for entry in path.parent.iterdir()]
    except OSError as error:
        return f"{error.strerror}: {error.filename}"
    return f"no such file{perhaps(path.name, siblings)}"


def resolve_inside(root: Path, relative: PurePosixPath) -> Path:
    """`root / relative` with symbolic links followed; the file itself need not be there.

    Raises:
        ModelError: it lies outside `root`, or its links lead in a circle.
    """
    try:
        base = root.resolve()
        path = (base / relative).resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle, before Python 3.13
        raise ModelError(f"cannot follow {relative} in {root}", str(error)) from error
    if not path.is_relative_to(base):
        raise ModelError(
            f"{relative} leads out of the models root {root}",
            f"it resolves to {path}",
            hint="put the file itself there, not a link to a file elsewhere",
        )
    return path
