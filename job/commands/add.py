"""`add`: a model is tried as in a round, then put into the manifest."""

from __future__ import annotations

import logging
import os
import shutil
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile

from job.adding.draft import Draft, draft_of
from job.adding.entry import REFUSED, flag_faults
from job.adding.placing import Place, place_of, settle, staged
from job.artifacts import Artifacts
from job.commands.prepare import local_models_dir, start_logging
from job.errors import Exit, ModelError, UsageError
from job.files import disk_errors
from job.manifest import find_manifest
from job.manifest.editing import add_model
from job.model_spec import ModelSpec
from job.models_root import LocalRoot
from job.output import say
from job.settings import Settings
from job.sidecar import read_sidecar, sidecar_path, write_sidecar
from job.trial.bench import Bench, Trial
from job.trial.files import scratch_folder
from job.trial.report import sidecar_of, told
from job.validate import Checked

log = logging.getLogger(__name__)


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Adds the model, or raises what speaks against it, with nothing changed."""
    settings = Settings.from_env(environ, credentials=False)
    models_dir = local_models_dir(settings, "add")
    if faults := list(flag_faults(args, environ)):
        raise UsageError(REFUSED, faults)
    place = place_of(Path(args.path), name=args.name, models_dir=models_dir)
    path = _manifest_path(settings, models_dir)
    draft = draft_of(args, place, path=path, models_dir=models_dir)
    start_logging(settings, environ, [environ[name] for name in draft.model.env])
    for folder in {path.parent, models_dir, place.target.parent}:
        _check_writable(folder)
    with scratch_folder() as scratch, staged(place, models_dir=models_dir) as copy:
        root = LocalRoot(models_dir)
        bench = Bench.of(settings, draft.manifest, root, environ, data=args.data)
        trial, checked = _tried(bench, draft.model, place, copy, scratch)
        say("\n".join(told(trial, checked)))
        sidecar = sidecar_of(trial, checked, sha256=place.sha256, now=datetime.now(UTC))
        was_there = place.target.exists()
        with _taken_back_unless_done(place):
            settle(place, copy)
            if "sha256" in draft.entry:
                former = read_sidecar(place.target, sha256=None)
                write_sidecar(place.target, sidecar.after(former))
            add_model(path, draft.entry, replace=draft.before is not None)
    _say_done(place, draft, was_there=was_there)
    return Exit.OK


def _manifest_path(settings: Settings, models_dir: Path) -> Path:
    """The manifest that a run would read; where it is to be, if there is none yet."""
    try:
        return find_manifest(settings.manifest, models_dir=models_dir, cwd=Path.cwd())
    except UsageError:
        return models_dir / settings.manifest


def _check_writable(folder: Path) -> None:
    """Rather before the trial than after it. Raises `UnavailableError`."""
    if folder.is_dir():
        with disk_errors(f"cannot write into {folder}"), NamedTemporaryFile(dir=folder):
            pass


def _tried(
    bench: Bench, model: ModelSpec, place: Place, copy: Path, scratch: Path
) -> tuple[Trial, Checked]:
    """The trial of the file that is going to be used, under whatever name it has now."""
    log.info("%s: loading %s, then predicting", model.name, copy.name)
    try:
        artifact = Artifacts(copy.parent).get(replace(model, artifact=PurePosixPath(copy.name)))
        trial = bench.attempt(model, artifact, scratch)
        artifact.check_unchanged()
        return trial, trial.judge()
    except ModelError as error:
        what = f"{model.name} is not added: {error.what}"
        hint = _give_the_folder(place, error) or error.hint
        raise ModelError(what, *error.why, hint=hint) from error


def _give_the_folder(place: Place, error: ModelError) -> str:
    """The way out where a module lay beside a single file and was not copied with it."""
    source = place.source
    if not place.copied or source.suffix != ".py":
        return ""
    words = set(error.what.replace(".", " ").split())
    beside = {path.stem for path in source.parent.iterdir() if path.suffix in {".py", ""}}
    if "needs" in words and words & beside:
        return f"it lies beside {source.name}: give the folder {source.parent} as PATH"
    return ""


@contextmanager
def _taken_back_unless_done(place: Place) -> Iterator[None]:
    """Removes what was put into the models root when the rest cannot be done."""
    was_there = place.target.exists()
    try:
        yield
    except BaseException:
        if not was_there:
            sidecar_path(place.target).unlink(missing_ok=True)
            remove = shutil.rmtree if place.target.is_dir() else os.unlink
            with suppress(OSError):
                remove(place.target)
        raise


def _say_done(place: Place, draft: Draft, *, was_there: bool) -> None:
    if not was_there:
        say(f"copied to {place.target}")
    verb = "added to" if draft.before is None else "exchanged in"
    model = draft.model
    say(f"{model.name} ({model.tournament}, {model.format}): {verb} {draft.path}")
    if draft.kept:
        say(f"kept from its entry before: {', '.join(draft.kept)}")
