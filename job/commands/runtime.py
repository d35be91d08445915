"""`runtime`: interpreters of their own for models, made and listed. No account is needed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from job.clock import Clock
from job.commands.prepare import local_models_dir, start_logging
from job.connect import open_models
from job.errors import Exit, JobError, ModelError, UsageError
from job.manifest import Manifest, find_manifest, read_manifest, resolve_inside
from job.manifest.editing import set_runtime
from job.model_spec import ModelSpec
from job.output import say
from job.runtimes.interpreters import is_there, minor_of, own_minor, unfinished, version_of
from job.runtimes.plan import RuntimePlan, plan_runtime
from job.runtimes.venvs import Tool, place_for
from job.settings import Settings
from job.sidecar import read_sidecar
from job.workers import Worker, worker_environment

SHOWN: tuple[str, ...] = ("Python", "pandas", "pyarrow")


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Makes a runtime, or lists those of the manifest."""
    settings = Settings.from_env(environ, credentials=False)
    start_logging(settings, environ)
    if args.action == "list" and not isinstance(settings.models_dir, Path):
        root = open_models(settings, environ, Clock())
        return _list(root.manifest(settings.manifest), environ)
    models_dir = local_models_dir(settings, "runtime create")
    path, manifest = _manifest(settings.manifest, models_dir)
    if args.action == "list":
        return _list(manifest, environ)
    plan = plan_runtime(args, environ, manifest=manifest, data_dir=settings.data_dir)
    python = _make(plan, Tool.of(environ), environ, force=args.force)
    _say_and_name(plan, python, path)
    _say_who_may_use(plan, manifest, models_dir)
    return Exit.OK


def _manifest(setting: str, models_dir: Path) -> tuple[Path, Manifest]:
    """The manifest and its file; an empty one where there is none yet."""
    try:
        path = find_manifest(setting, models_dir=models_dir, cwd=Path.cwd())
    except UsageError:
        path = models_dir / setting
        return path, Manifest(path=str(path), sha256="", models=())
    return path, read_manifest(path, models_dir=models_dir, empty=True)


def _make(plan: RuntimePlan, tool: Tool, environ: Mapping[str, str], *, force: bool) -> Path:
    """The runtime's interpreter, proven to start; nothing is left of one that is not."""
    with place_for(plan.folder, force=force):
        base = f"Python {version_of(plan.base)} ({plan.base})"
        say(f"1/3 an environment of {base} in {plan.folder}, by {tool.name}")
        python = tool.make(plan.folder, plan.base)
        say(f"2/3 what {plan.requirements} lists; this may take minutes")
        tool.install(python, plan.requirements)
        say("3/3 the process that models run in")
        try:
            versions = _versions(python, environ)
        except ModelError as error:
            raise UsageError(
                f"{plan.requirements} does not make a runtime; nothing is left of it",
                [error.what, *error.why],
                hint="list pandas >= 1.5 and pyarrow >= 14 in it",
            ) from error
    say(f"it starts: {', '.join(f'{name} {version}' for name, version in versions.items())}")
    return python


def _versions(python: Path, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Raises `ModelError` for an interpreter in which the worker's package does not start."""
    with TemporaryDirectory(prefix="numerai-runtime-") as home:
        environment = worker_environment(environ, threads=1, home=Path(home))
        with Worker(python=python, environment=environment) as worker:
            return worker.versions()


def _say_and_name(plan: RuntimePlan, python: Path, manifest: Path) -> None:
    line = f"  {plan.name}: {python}"
    try:
        set_runtime(manifest, plan.name, python)
    except JobError:
        say(f"the runtime is whole; put it under `runtimes` of {manifest} by hand:\n{line}")
        raise
    say(f"{manifest} names it:\n{line}")


def _say_who_may_use(plan: RuntimePlan, manifest: Manifest, models_dir: Path) -> None:
    say(f"models made with Python {plan.minor} may now say `runtime: {plan.name}`")
    names = [model.name for model in manifest.models if _wants(model, plan, manifest, models_dir)]
    if names:
        say(f"made with it, and run with another so far: {', '.join(names)}")


def _wants(model: ModelSpec, plan: RuntimePlan, manifest: Manifest, models_dir: Path) -> bool:
    """Whether what `add` wrote down asks for this Python, and the model has another."""
    try:
        sidecar = read_sidecar(resolve_inside(models_dir, model.artifact), sha256=None)
    except JobError:
        return False
    own = manifest.runtimes.get(model.runtime or "")
    has = own_minor() if own is None else minor_of(version_of(own) or "")
    made = {minor_of(one.python) for one in sidecar.tried} if sidecar else set()
    return plan.minor in made and has not in made


@dataclass(frozen=True, slots=True)
class _Row:
    """A runtime of the manifest, and what came of starting it."""

    name: str
    python: Path
    versions: Mapping[str, str]
    fault: str

    def cells(self) -> tuple[str, ...]:
        state = f"no: {self.fault}" if self.fault else "yes"
        return (self.name, str(self.python), *(self.versions.get(n, "") for n in SHOWN), state)


def _list(manifest: Manifest, environ: Mapping[str, str]) -> Exit:
    from tabulate import tabulate

    if not manifest.runtimes:
        say(f"{manifest.path} names no runtime; `python -m job runtime create NAME` makes one")
        return Exit.OK
    rows = [_row(name, python, environ) for name, python in manifest.runtimes.items()]
    headers = ("runtime", "interpreter", *SHOWN, "starts")
    say(tabulate([row.cells() for row in rows], headers=headers, disable_numparse=True))
    return Exit.MODELS_FAILED if any(row.fault for row in rows) else Exit.OK


def _row(name: str, python: Path, environ: Mapping[str, str]) -> _Row:
    if unfinished(python.parent.parent).exists():
        return _Row(name, python, {}, "half made; make it again")
    if not is_there(python):
        return _Row(name, python, {}, "there is no such file")
    try:
        return _Row(name, python, _versions(python, environ), "")
    except ModelError as error:
        known = version_of(python)
        fault = next(iter(error.why), error.what)
        return _Row(name, python, {"Python": known} if known else {}, fault)
