"""What `add` writes down beside an artifact: what it was made with, and how its trial went.

A note to ourselves: what cannot be read, or is of another artifact, counts as not there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from job.errors import ModelError
from job.files import write_whole
from job.model_spec import FeatureFile, Features, FeatureSet, Format, ModelSpec
from job.runtimes.interpreters import how_to_make, minor_of, version_of

log = logging.getLogger(__name__)

SUFFIX: Final = ".meta.json"
SCHEMA: Final = 1
MAX_BYTES: Final = 16 << 20
OWN_LIBRARY: Final[Mapping[Format, str]] = {
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "catboost": "catboost",
    "onnx": "onnxruntime",
    "keras": "keras",
    "predictions": "",
}
"""What alone a file of a format depends on; what is not here may depend on anything."""

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Version = Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """What a manifest's `features` meant when the model was added.

    Args:
        asked: the name of a set, the path of a file, or names.
        data_version: of the data that the set was looked up in.
        names: what it stood for, in order.
    """

    asked: str | tuple[str, ...]
    data_version: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialNote:
    """How the trial went.

    Args:
        at: when, ISO 8601.
        rows: of the prediction.
        seconds: by part: load, predict and so on.
        memory: peak bytes of the model's process, 0 if unknown.
        data: the live file's name, or `synthetic`.
        runtime: a name of the manifest, None for the job's own.
    """

    at: str
    rows: int
    seconds: Mapping[str, float]
    memory: int
    data: str
    runtime: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """What is known of an artifact.

    Args:
        sha256: of the artifact that this was written for, lower-case hex.
        python: the version that it was tried with, such as `3.11.7`.
        libraries: versions by name, as `Worker.versions` has them, without Python's.
    """

    sha256: Digest
    python: Version
    libraries: Mapping[str, str] = field(default_factory=dict)
    features: Frozen | None = None
    neutralizers: Frozen | None = None
    trial: TrialNote | None = None
    schema: Literal[1] = SCHEMA


_ADAPTER: Final = TypeAdapter(Sidecar)


def sidecar_path(artifact: Path) -> Path:
    """`model.pkl.meta.json` beside `model.pkl`, and `folder.meta.json` beside `folder`."""
    return artifact.with_name(artifact.name + SUFFIX)


def read_sidecar(artifact: Path, *, sha256: str | None) -> Sidecar | None:
    """What is written down of an artifact, None where nothing is that can be relied on.

    Args:
        sha256: of the artifact as it is now; None: also what was written of an earlier one.
    """
    path = sidecar_path(artifact)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("%s is not understood (%s); run `add` again", path, _first_line(error))
        return None
    return parse_sidecar(data, sha256=sha256, shown=str(path))


def parse_sidecar(data: bytes, *, sha256: str | None, shown: str) -> Sidecar | None:
    """The same of a file's bytes; `shown` is what messages call it."""
    try:
        if len(data) > MAX_BYTES:
            raise ValueError("it is larger than 16 MiB")
        sidecar = _ADAPTER.validate_json(data)
    except ValueError as error:
        log.warning("%s is not understood (%s); run `add` again", shown, _first_line(error))
        return None
    if sha256 is not None and sidecar.sha256 != sha256:
        log.warning("%s is of another artifact than is there now; run `add` again", shown)
        return None
    return sidecar


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        detail = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, detail["loc"]))
        return ": ".join(filter(None, (place, detail["msg"])))
    return str(error) or type(error).__name__


def write_sidecar(artifact: Path, sidecar: Sidecar) -> None:
    """Writes it beside the artifact; raises `UnavailableError` where that cannot be done."""
    text = json.dumps({"schema": SCHEMA, **asdict(sidecar)}, indent=1)
    write_whole(sidecar_path(artifact), f"{text}\n".encode())


def freeze(features: Features, *, data_version: str, names: Sequence[str]) -> Frozen:
    """What `features` means now."""
    return Frozen(asked=_asked(features), data_version=data_version, names=tuple(names))


def frozen_features(sidecar: Sidecar, model: ModelSpec) -> list[str] | None:
    """The names that the model's `features` meant when it was added; None where it was added with
    other features or for another version of the data.
    """
    return _thawed(sidecar.features, model.features, model)


def frozen_neutralizers(sidecar: Sidecar, model: ModelSpec) -> list[str] | None:
    """The same of the features that its predictions are neutralized against."""
    asked = None if model.neutralize is None else model.neutralize.features
    return _thawed(sidecar.neutralizers, asked, model)


def _thawed(frozen: Frozen | None, asked: Features | None, model: ModelSpec) -> list[str] | None:
    if frozen is None or asked is None:
        return None
    same = (frozen.asked, frozen.data_version) == (_asked(asked), model.data_version)
    return list(frozen.names) if same else None


def _asked(features: Features) -> str | tuple[str, ...]:
    match features:
        case FeatureSet(name):
            return name
        case FeatureFile(path):
            return str(path)
        case _:
            return features.names


def made_with(
    sidecar: Sidecar,
    versions: Mapping[str, str],
    *,
    format: Format,
    runtimes: Mapping[str, Path],
) -> list[str]:
    """Sentences that warn of a runtime that differs from what the artifact was added with.

    Args:
        versions: of the runtime it is to be loaded in, as `Worker.versions` has them.
        runtimes: interpreters of the manifest, among which is perhaps one that would do.

    Raises `ModelError` for a pickle under another minor version of Python: it holds that Python's
    bytecode, and would end in a crash.
    """
    made, here = minor_of(sidecar.python), minor_of(versions.get("Python", ""))
    warnings = []
    if here and made != here:
        if format in ("pickle", "joblib"):
            raise _other_python(made, here, format, runtimes)
        if format == "python":
            warnings.append(f"it was added with Python {made} and runs with {here}")
    if differences := list(_differences(sidecar, versions, format)):
        warnings.append(f"it was added with other libraries: {', '.join(differences)}")
    return warnings


def _other_python(made: str, here: str, format: Format, runtimes: Mapping[str, Path]) -> ModelError:
    fitting = (name for name, path in runtimes.items() if minor_of(version_of(path) or "") == made)
    name = next(fitting, None)
    mend = f"`runtime: {name}` in the manifest would do"
    if name is None:
        mend = f"{how_to_make(f'numerai-{made}', made)} makes a `runtime` that would do"
    return ModelError(
        f"the model was added with Python {made}, but its runtime has {here}",
        f"a {format} holds bytecode, which another Python crashes on",
        hint=f"{mend}; or make the file again and `add` it",
    )


def _differences(sidecar: Sidecar, versions: Mapping[str, str], format: Format) -> Iterator[str]:
    """By minor version, of the libraries that a file of this format depends on."""
    relevant = OWN_LIBRARY.get(format)
    for name, made in sidecar.libraries.items():
        here = versions.get(name)
        if relevant in (None, name) and (here is None or minor_of(here) != minor_of(made)):
            yield f"{name} {made} (here {here or 'none'})"
