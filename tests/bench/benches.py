"""What is measured: many models, nothing to do, and memory."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tests.bench.bound import Starts, bound, measure_starts, work_of
from tests.bench.programs import Run, run, run_job, run_naive
from tests.bench.service import LATENCY, Service

ONE_CORE = {0}


@dataclass(frozen=True, slots=True)
class Many:
    """Medians in seconds, and what the bound is made of."""

    models: int
    naive: float
    job: float
    starts: Starts
    work: float
    object_bytes: int
    bound: float


def many_models(zoo: Path, folder: Path, *, models: int, times: int) -> Many:
    """The job beside the plain script, in turns, each on a sandbox of its own.

    The bound's work is what the models took in one process on one core, where waiting for the
    other processes does not count.
    """
    naives, jobs, sizes = [], [], []
    for turn in range(times):
        with Service(models) as service:
            naive = run_naive(service, zoo, folder / f"naive-{turn}")
            service.save_submissions(folder / "naive")
        with Service(models) as service:
            job = run_job(service, zoo, folder / f"job-{turn}", models=models)
            sizes.append(service.log()["object_bytes"])
            service.save_submissions(folder / "job")
        check_same(folder / "naive", folder / "job", models)
        naives.append(naive.seconds)
        jobs.append(job.seconds)
    with Service(models) as service:
        alone = run_job(service, zoo, folder / "alone", models=models, cores=ONE_CORE)
    starts, work = measure_starts(times + 2), work_of(alone.record)
    size = int(statistics.median(sizes))
    return Many(
        models,
        statistics.median(naives),
        statistics.median(jobs),
        starts,
        work,
        size,
        bound(starts, work, size),
    )


def check_same(naive: Path, job: Path, models: int) -> None:
    """Ends the bench unless both submitted every model, and the same predictions."""
    for name in [f"duck_{place:03d}.csv" for place in range(models)]:
        frames = [pd.read_csv(folder / name, index_col="id") for folder in (naive, job)]
        theirs, ours = frames
        if not ours.index.equals(theirs.index):
            raise SystemExit(f"{name}: the two submitted different ids")
        if not np.allclose(ours["prediction"], theirs["prediction"], rtol=0, atol=1e-9):
            raise SystemExit(f"{name}: the two submitted different predictions")


@dataclass(frozen=True, slots=True)
class Nothing:
    """Medians in seconds; requests and object bytes of one run."""

    models: int
    job: float
    numerapi: float
    graphql: int
    object_bytes: int


def nothing_to_do(zoo: Path, folder: Path, *, models: int, pairs: int) -> Nothing:
    """The job where everything is submitted, in turns with `import numerapi`."""
    jobs, imports = [], []
    with Service(models) as service:
        service.submit_all()
        for turn in range(pairs):
            service.log()
            job = run_job(service, zoo, folder / f"nothing-{turn}", models=models)
            log = service.log()
            jobs.append(job.seconds)
            imports.append(run([sys.executable, "-c", "import numerapi"], {}, folder).seconds)
    return Nothing(
        models,
        statistics.median(jobs),
        statistics.median(imports) + LATENCY,
        log["graphql"],
        log["object_bytes"],
    )


def peaks(
    zoo: Path, folder: Path, *, counts: tuple[int, ...], say: Callable[[str], None]
) -> dict[int, int]:
    """Peak PSS in bytes of the job's process tree with one worker, by number of models."""
    found = {}
    for count in counts:
        say(f"memory with {count} models")
        found[count] = _watched(zoo, folder / f"memory-{count}", count).peak
    return found


def _watched(zoo: Path, folder: Path, models: int) -> Run:
    with Service(models) as service:
        return run_job(service, zoo, folder, models=models, watch=True, NUMERAI_WORKERS="1")
