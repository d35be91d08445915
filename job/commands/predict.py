"""`predict`: one model's predictions in a file, without an account."""

from __future__ import annotations

import io
import logging
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path

from job.adding.entry import data_fault
from job.clock import Clock
from job.commands.prepare import secrets_of, start_logging
from job.connect import open_models
from job.errors import Exit, ModelError, UsageError
from job.files import disk_errors, write_whole
from job.logs import hide
from job.manifest import Manifest
from job.model_spec import ModelSpec
from job.output import say
from job.settings import Settings
from job.sidecar import read_sidecar
from job.storage_secrets import storage_secrets
from job.trial.bench import Bench, Trial
from job.trial.files import scratch_folder
from job.trial.report import data_of, taken
from job.units import perhaps

log = logging.getLogger(__name__)

SUFFIXES = (".csv", ".parquet")


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Writes the file and tells its figures; raises what Numerai would refuse it for after that."""
    hide(storage_secrets(environ))
    settings = Settings.from_env(environ, credentials=False)
    root = open_models(settings, environ, Clock())
    manifest = root.manifest(settings.manifest)
    if faults := list(_flag_faults(args, manifest)):
        raise UsageError("the command line is wrong; nothing was tried", faults)
    start_logging(settings, environ, secrets_of(manifest, environ))
    (model,) = _named(args, manifest)
    out = Path(args.out or f"{model.name}.csv")
    artifact = root.artifact(model)
    sidecar = read_sidecar(artifact.path, sha256=artifact.sha256)
    bench = Bench.of(settings, manifest, root, environ, data=args.data, made_up=False)
    log.info("%s: loading %s, then predicting", model.name, model.artifact)
    with scratch_folder() as scratch:
        trial = bench.attempt(model, artifact, scratch, sidecar=sidecar)
        _write(trial, out)
        _tell(trial, out)
    return Exit.OK


def _named(args: Namespace, manifest: Manifest) -> list[ModelSpec]:
    wanted = args.name.casefold()
    return [
        model
        for model in manifest.models
        if model.name.casefold() == wanted and args.tournament in (None, model.tournament)
    ]


def _flag_faults(args: Namespace, manifest: Manifest) -> Iterator[str]:
    found = _named(args, manifest)
    if not found:
        names = {model.name for model in manifest.models} - {args.name}
        where = f" as a {args.tournament} model" if args.tournament else ""
        yield f"NAME {args.name}: not in the manifest{where}{perhaps(args.name, names)}"
    if len(found) > 1:
        several = " and ".join(model.tournament for model in found)
        yield f"NAME {args.name}: there is one in {several}; say which with --tournament"
    if args.out is not None and Path(args.out).suffix.lower() not in SUFFIXES:
        yield f"--out {args.out}: must end in .csv or .parquet"
    if args.data is not None:
        yield from data_fault(Path(args.data))


def _write(trial: Trial, out: Path) -> None:
    with disk_errors(f"cannot read {trial.csv}"):
        data = trial.csv.read_bytes()
    write_whole(out, _parquet(data) if out.suffix.lower() == ".parquet" else data)


def _parquet(data: bytes) -> bytes:
    """The same two columns, ids as text, without an index."""
    from pyarrow import csv, float64, string
    from pyarrow import parquet as pq

    key, value = data.partition(b"\n")[0].decode().split(",")
    options = csv.ConvertOptions(column_types={key: string(), value: float64()})
    table = csv.read_csv(io.BytesIO(data), convert_options=options)
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _tell(trial: Trial, out: Path) -> None:
    """The figures; of a file that Numerai would refuse, why."""
    try:
        checked = trial.judge()
    except ModelError as error:
        say(f"{out}: took {taken(trial)}")
        what = f"{out} is written, but Numerai would refuse it"
        raise ModelError(what, error.what, *error.why, hint=error.hint) from error
    say(
        f"{out}: {checked.rows:,} rows for {data_of(trial)}, mean {checked.mean:.4f}, "
        f"std {checked.std:.4f}, {checked.min:.4f} to {checked.max:.4f}"
    )
    say(f"took {taken(trial)}")
