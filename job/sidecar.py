"""What `add` writes down beside an artifact: what it was made with, and how its trial went.

A note to ourselves: what cannot be read, or is of another artifact, counts as not there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
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
class Tried:
    """What an artifact was tried with.

    Args:
        python: the version, such as `3.11.7`.
        libraries: versions by name, as `Worker.versions` has them, without Python's.
    """

    python: Version
    libraries: Mapping[str, str] = field(default_factory=dict)
    trial: TrialNote | None = None

    @property
    def runtime(self) -> str | None:
        """The runtime that it was tried in."""
        return None if self.trial is None else self.trial.runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """What is known of an artifact, of which several models may be made.

    Args:
        sha256: of the artifact that this was written for, lower-case hex.
        tried: the last trial in each runtime, the newest at the end.
        frozen: what sets and lists of features mean to its models, each asked for once.
    """

    sha256: Digest
    tried: Annotated[tuple[Tried, ...], Field(min_length=1)]
    frozen: tuple[Frozen, ...] = ()
    schema: Literal[1] = SCHEMA

    def tried_in(self, runtime: str | None) -> Tried:
        """The trial in that runtime; the newest where there was none."""
        return next((one for one in self.tried if one.runtime == runtime), self.tried[-1])

    def after(self, former: Sidecar | None) -> Sidecar:
        """This one with what is still true of a former one: of the same artifact, for others of its
        models.
        """
        if former is None or former.sha256 != self.sha256:
            return self
        runtimes = {one.runtime for one in self.tried}
        asked = {(one.asked, one.data_version) for one in self.frozen}
        tried = [one for one in former.tried if one.runtime not in runtimes]
        frozen = [one for one in former.frozen if (one.asked, one.data_version) not in asked]
        return replace(self, tried=(*tried, *self.tried), frozen=(*frozen, *self.frozen))


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


def sidecar_bytes(sidecar: Sidecar) -> bytes:
    """As a file has it."""
    text = json.dumps({"schema": SCHEMA, **asdict(sidecar)}, indent=1)
    return f"{text}\n".encode()


def write_sidecar(artifact: Path, sidecar: Sidecar) -> None:
    """Writes it beside the artifact; raises `UnavailableError` where that cannot be done."""
    write_whole(sidecar_path(artifact), sidecar_bytes(sidecar))


def freeze(features: Features, *, data_version: str, names: Sequence[str]) -> Frozen:
    """What `features` means now."""
    return Frozen(asked=_asked(features), data_version=data_version, names=tuple(names))


def frozen_features(sidecar: Sidecar, model: ModelSpec) -> list[str] | None:
    """The names that the model's `features` meant when it was added; None where the artifact was
    added with other features or for another version of the data.
    """
    return _thawed(sidecar, model.features, model)


def frozen_neutralizers(sidecar: Sidecar, model: ModelSpec) -> list[str] | None:
    """The same of the features that its predictions are neutralized against."""
    return _thawed(sidecar, model.neutralizers, model)


def unfrozen(sidecar: Sidecar, model: ModelSpec) -> list[str]:
    """Sets that the model asks for and whose meaning was not known when it was added."""
    sets = [asked for asked in model.all_features if isinstance(asked, FeatureSet)]
    return sorted({asked.name for asked in sets if _thawed(sidecar, asked, model) is None})


def how_to_freeze(model: ModelSpec) -> str:
    """What to do about that."""
    again = f"`python -m job add PATH --name {model.name} --replace`"
    return f"`python -m job --dry-run` brings features.json, then {again} freezes it"


def _thawed(sidecar: Sidecar, asked: Features | None, model: ModelSpec) -> list[str] | None:
    if asked is None:
        return None
    wanted = (_asked(asked), model.data_version)
    found = (one.names for one in sidecar.frozen if (one.asked, one.data_version) == wanted)
    return next(map(list, found), None)


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
    here = minor_of(versions.get("Python", ""))
    fitting = (one for one in reversed(sidecar.tried) if minor_of(one.python) == here)
    tried = next(fitting, sidecar.tried[-1])
    made = minor_of(tried.python)
    warnings = []
    if here and made != here:
        if format in ("pickle", "joblib"):
            raise _other_python(made, here, format, runtimes)
        if format == "python":
            warnings.append(f"it was added with Python {made} and runs with {here}")
    if differences := list(_differences(tried, versions, format)):
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


def _differences(tried: Tried, versions: Mapping[str, str], format: Format) -> Iterator[str]:
    """By minor version, of the libraries that a file of this format depends on."""
    relevant = OWN_LIBRARY.get(format)
    for name, made in tried.libraries.items():
        here = versions.get(name)
        if relevant in (None, name) and (here is None or minor_of(here) != minor_of(made)):
            yield f"{name} {made} (here {here or 'none'})"
