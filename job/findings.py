"""Pure: what can be known before a round -> findings: faults with the exit code they mean,
warnings, or what is well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from job.errors import Exit, JobError, StoppedError, UnpublishedError, UsageError
from job.features import features_file, no_feature_sets
from job.manifest.values import is_dataset
from job.model_spec import ModelSpec
from job.plan import slot_fault
from job.tournament import AccountState, Slot, TokenInfo
from job.universe import dataset_name, find_live, live_candidates, unpublished

NEEDED_SCOPES = ("upload_submission", "read_submission_info", "read_user_info")
DANGEROUS_SCOPES = ("stake", "withdraw")
GRAVEST_FIRST = (Exit.USAGE, Exit.UNAVAILABLE, Exit.MODELS_FAILED)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `kind` is ok, warning or fault, and `code` what a fault would exit
    with.
    """

    kind: str
    text: str
    code: Exit = Exit.OK


def ok(text: str) -> Finding:
    """Something that is as it should be."""
    return Finding("ok", text)


def warning(text: str) -> Finding:
    """Something that works, and that its user should know of."""
    return Finding("warning", text)


def faults_of(error: JobError, *, subject: str = "") -> list[Finding]:
    """An error as findings: settings and manifest errors hold many faults, which come together.

    Raises `StoppedError` where that is the error: who ends a check has found nothing.
    """
    if isinstance(error, StoppedError):
        raise error
    if isinstance(error, UsageError):
        lines = [line.strip() for line in error.lines()]
        return [Finding("fault", "\n         ".join(lines), error.exit_code)]
    about = f"{subject}: " if subject else ""
    return [Finding("fault", f"{about}{error}", error.exit_code)]


def exit_code(findings: Iterable[Finding]) -> Exit:
    """2, 4 or 3, whichever of the faults' codes comes first; 0 without faults."""
    codes = {finding.code for finding in findings}
    return next((code for code in GRAVEST_FIRST if code in codes), Exit.OK)


def token_findings(info: TokenInfo) -> Iterator[Finding]:
    """What the API token lacks, and what it may do that this job never does."""
    missing = [scope for scope in NEEDED_SCOPES if scope not in info.scopes]
    dangerous = [scope for scope in info.scopes if any(word in scope for word in DANGEROUS_SCOPES)]
    if missing:
        lacks = f"API token {info.name} of {info.account} lacks: {', '.join(missing)}"
        way_out = "scopes cannot be added to a token; make a new one at https://numer.ai/account"
        yield Finding("fault", f"{lacks}; {way_out}", Exit.UNAVAILABLE)
    else:
        yield ok(f"API token {info.name} of {info.account}")
    if dangerous:
        yield warning(
            f"the token can {' and '.join(dangerous)}, which this job never does; "
            "a token without that is safer"
        )


def slot_findings(
    models: Iterable[ModelSpec], state: AccountState, *, own_webhook: str | None = None
) -> Iterator[Finding]:
    """Whether each model is in the account, takes uploads, and is served by nobody else.

    Args:
        own_webhook: how the address of this job's own webhook begins.
    """
    for model in models:
        slot = state.slot(tournament=model.tournament, name=model.name)
        fault = slot_fault(model, slot, state.username)
        if fault is not None or slot is None:
            text = f"{model.name}: {fault.reason}; {fault.hint}" if fault else model.name
            yield Finding("fault", text, Exit.MODELS_FAILED)
            continue
        yield ok(f"{model.name}: in the account of {state.username}")
        yield from _webhook(slot, own_webhook)


def _webhook(slot: Slot, own: str | None) -> Iterator[Finding]:
    if slot.webhook is None:
        return
    if own is not None and leads_to(slot.webhook, own):
        yield ok(f"{slot.name}: Numerai calls this job's own webhook when a round opens")
    else:
        yield warning(
            f"{slot.name}: Numerai calls a webhook when a round opens; "
            "does another pipeline still submit this model?"
        )


def leads_to(webhook: str, place: str) -> bool:
    """Whether an address is at a place or below it, whatever its query."""
    try:
        (host, path), (at, below) = _place(webhook), _place(place)
    except ValueError:
        return False
    return host == at and f"{path}/".startswith(f"{below}/")


def _place(url: str) -> tuple[tuple[str, str | None, int | None], str]:
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return (parts.scheme, parts.hostname, parts.port or usual), parts.path.rstrip("/")


def env_findings(models: Iterable[ModelSpec], environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the variables that models are to be given are set."""
    for model in models:
        missing = [name for name in model.env if not environ.get(name)]
        if missing:
            text = f"{model.name}: is to be given {', '.join(missing)}, not set in the environment"
            yield Finding("fault", text, Exit.MODELS_FAILED)
        elif model.env:
            yield ok(f"{model.name}: {', '.join(model.env)} set")


def dataset_findings(
    models: Iterable[ModelSpec], listed: Collection[str], *, tournament: str
) -> Iterator[Finding]:
    """Whether the files that a tournament's models will need are published, and which of those
    that may be its live data is.
    """
    models = [model for model in models if model.tournament == tournament]
    for version in dict.fromkeys(model.data_version for model in models):
        yield _live(tournament, version, listed)
    for name in dict.fromkeys(name for model in models for name in _datasets(model)):
        if name in listed:
            yield ok(f"dataset {name}")
        elif error := unpublished(name, listed, tournament=tournament):
            yield from _unpublished(name, error, models)
        else:
            yield _unlisted(f"dataset {name} is")


def _live(tournament: str, version: str, listed: Collection[str]) -> Finding:
    name = find_live(listed, tournament=tournament, version=version)
    if name is None:
        candidates = live_candidates(tournament, version)
        if len(candidates) == 1:
            return _unlisted(f"dataset {candidates[0]} is")
        return _unlisted(f"{tournament} universe {' and '.join(candidates)} are")
    return ok(f"dataset {name}" if tournament == "classic" else f"{tournament} universe {name}")


def _unlisted(what: str) -> Finding:
    text = f"{what} not among those that Numerai lists; is data_version right?"
    return Finding("fault", text, Exit.UNAVAILABLE)


def _unpublished(
    name: str, error: UnpublishedError, models: Iterable[ModelSpec]
) -> Iterator[Finding]:
    """A file that will never come, as the fault of each model that wants it."""
    for model in models:
        if name == features_file(model):
            yield from faults_of(no_feature_sets(model), subject=model.name)
        elif name in _datasets(model):
            yield from faults_of(error, subject=model.name)


def _datasets(model: ModelSpec) -> Iterator[str]:
    """Those that are known to be needed before the model is loaded, but for its live data."""
    if (features := features_file(model)) is not None:
        yield features
    if model.guard is not None and is_dataset(model.guard.reference):
        yield dataset_name(model.tournament, model.data_version, model.guard.reference)


def guarded(check: Callable[[], Iterable[Finding]], *, subject: str = "") -> Iterator[Finding]:
    """A check's findings; an error ends this check only."""
    try:
        yield from check()
    except JobError as error:
        yield from faults_of(error, subject=subject)
