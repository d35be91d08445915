"""`Settings.from_env(env)`: the environment as values; every fault of it in one report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from job.blob_url import BlobUrl, Location
from job.errors import UsageError
from job.secret import Secret, read_secret
from job.units import nearest
from job.variables import PREFIX, VARIABLES, Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment asks for.

    Times are seconds, `model_memory` is bytes; `workers` is None where the machine decides.
    Secrets are empty where they are not given, or were not asked for. `warnings` are sentences for
    the log.
    """

    public_id: Secret
    secret_key: Secret
    models_dir: Location
    manifest: str
    allow_unpinned: bool
    data_dir: Path
    runs_dir: Location
    api_url: str
    wait: float
    late: Literal["skip", "submit"]
    workers: int | None
    model_timeout: float
    model_memory: int | None
    retry_patience: float
    run_timeout: float
    exit_zero: bool
    notify: Secret
    notify_on: Literal["failure", "change", "always"]
    ping_url: Secret
    own_webhook: str | None
    log_format: Literal["text", "json"]
    log_level: Literal["debug", "info", "warning", "error"]
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, credentials: bool = True) -> Settings:
        """The settings that `env` gives; an empty variable counts as unset.

        Args:
            credentials: False neither asks for the API token nor reads any secret.

        Raises:
            UsageError: some variables are wrong or missing; it names all of them.
        """
        values: dict[str, Any] = {}
        faults: list[str] = []
        for variable in VARIABLES:
            try:
                values[variable.field] = _value(variable, env, credentials=credentials)
            except ValueError as error:
                faults.append(f"{variable.name}: {error}")
        warnings = tuple(_misspelt(env))
        if faults:
            raise UsageError(
                "the settings are wrong; nothing was tried",
                [*faults, *warnings],
                hint="`numerai-job --help` lists every variable",
            )
        values["runs_dir"] = values["runs_dir"] or values["data_dir"] / "runs"
        return cls(**values, warnings=(*warnings, *_contradictions(values)))


def runs_dir_of(env: Mapping[str, str]) -> Location | None:
    """Where to leave a run record though other settings are wrong; None where that is unknown."""
    runs, data = (_named(name) for name in ("NUMERAI_RUNS_DIR", "NUMERAI_DATA_DIR"))
    try:
        given = _value(runs, env)
        folder = given or _value(data, env)
    except ValueError:
        return None
    if isinstance(folder, BlobUrl):
        return folder
    if not isinstance(folder, Path):
        return None
    return folder if given else folder / "runs"


def manifest_place_of(env: Mapping[str, str]) -> tuple[str, Path] | None:
    """The manifest's setting and the models root though other settings are wrong; None where these
    are, or where it is not on this machine.
    """
    try:
        manifest = _value(_named("NUMERAI_MANIFEST"), env)
        folder = _value(_named("NUMERAI_MODELS_DIR"), env)
    except ValueError:
        return None
    return (manifest, folder) if isinstance(manifest, str) and isinstance(folder, Path) else None


def notices_of(env: Mapping[str, str]) -> tuple[Secret, str, Secret]:
    """Whom to tell, about what, and what to ping though other settings are wrong; one that is wrong
    itself counts as unset.
    """
    values = []
    for name in ("NUMERAI_NOTIFY", "NUMERAI_NOTIFY_ON", "NUMERAI_PING_URL"):
        variable = _named(name)
        try:
            values.append(_value(variable, env))
        except ValueError:
            values.append(_value(variable, {}))
    notify, notify_on, ping_url = values
    assert isinstance(notify, Secret) and isinstance(ping_url, Secret)  # noqa: PT018
    return notify, str(notify_on), ping_url


def wants_exit_zero(env: Mapping[str, str]) -> bool:
    """Whether exit 0 is asked for, though other settings are wrong."""
    try:
        return _value(_named("NUMERAI_EXIT_ZERO"), env) is True
    except ValueError:
        return False


def _named(name: str) -> Variable:
    return next(variable for variable in VARIABLES if variable.name == name)


def _value(variable: Variable, env: Mapping[str, str], *, credentials: bool = True) -> object:
    if variable.secret:
        secret = _secret_text(variable, env) if credentials else ""
        return variable.parse(secret) if secret else Secret("")
    text = _given(env, variable.name) or variable.default
    return variable.parse(text) if text else None


def _secret_text(variable: Variable, env: Mapping[str, str]) -> str:
    name, file_name = variable.names
    text, path = _given(env, name), _given(env, file_name)
    if text and path:
        raise ValueError(f"{file_name} is set too; set one of the two")
    if not (text or path):
        if not variable.required:
            return ""
        raise ValueError(f"not set; make a token at https://numer.ai/account, or set {file_name}")
    if text:
        return text
    try:
        return read_secret(Path(path))
    except ValueError as error:
        raise ValueError(f"the file that {file_name} names {error}") from None


def _given(env: Mapping[str, str], name: str) -> str:
    text = env.get(name, "").strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        # `docker run --env-file` does not remove quotes as a shell does.
        raise ValueError("the quotes around it are part of its value; remove them")
    return text


def _misspelt(env: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each variable that no one reads and whose name is near one of ours."""
    known = {name.removeprefix(PREFIX): name for v in VARIABLES for name in v.names}
    for name in sorted(env):
        word = name.upper().removeprefix(PREFIX)
        ours = name.upper().startswith(PREFIX) and name not in known.values()
        if ours and (near := nearest(word, known, cutoff=0.65)):
            yield f"{name}: unknown; perhaps you meant {known[near]!r}"


def _contradictions(values: Mapping[str, Any]) -> Iterator[str]:
    if values["wait"] >= values["run_timeout"]:
        yield "NUMERAI_WAIT: not shorter than NUMERAI_RUN_TIMEOUT, which ends the run before"
