"""What is measured: many models, nothing to do, and memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from job.sandbox import zoo_names
from tests.bench.bound import Starts, bound, measure_starts, work_of
from tests.bench.programs import Run, run, run_job, run_naive
from tests.bench.service import LATENCY, Service

ONE_CORE = {0}


@dataclass(frozen=True, slots=True)
class Turn:
    """The job beside the plain script, and what the bound is made of; seconds.

    Attributes:
        work: what the models took in one process on one core, where waiting for the others' CPU
            does not count.
        object_bytes: of datasets and predictions on the line.
    """

    naive: float
    job: float
    starts: Starts
    work: float
    object_bytes: int

    @property
    def bound(self) -> float:
        """See `bound`."""
        return bound(self.starts, self.work, self.object_bytes)


def many_models(zoo: Path, folder: Path, *, models: int, times: int) -> list[Turn]:
    """So many turns; in each, everything is measured once, because machines have moods."""
    return [_turn(zoo, folder / f"turn-{number}", models) for number in range(times)]


def _turn(zoo: Path, folder: Path, models: int) -> Turn:
    with Service(models) as service:
        naive = run_naive(service, zoo, folder / "naive")
        service.save_submissions(folder / "theirs")
    with Service(models) as service:
        job = run_job(service, zoo, folder / "job", models=models)
        object_bytes = service.log()["object_bytes"]
        service.save_submissions(folder / "ours")
    check_same(folder / "theirs", folder / "ours", models)
    with Service(models) as service:
        alone = run_job(service, zoo, folder / "alone", models=models, cores=ONE_CORE)
    return Turn(naive.seconds, job.seconds, measure_starts(3), work_of(alone.record), object_bytes)


def check_same(naive: Path, job: Path, models: int) -> None:
    """Ends the bench unless both submitted every model, and the same predictions."""
    for name in [f"{model}.csv" for model in zoo_names(models)]:
        theirs, ours = (pd.read_csv(folder / name, index_col="id") for folder in (naive, job))
        if not ours.index.equals(theirs.index):
            raise SystemExit(f"{name}: the two submitted different ids")
        if not np.allclose(ours["prediction"], theirs["prediction"], rtol=0, atol=1e-9):
            raise SystemExit(f"{name}: the two submitted different predictions")


@dataclass(frozen=True, slots=True)
class Nothing:
    """Seconds of each pair of runs; requests and object bytes of one."""

    models: int
    jobs: list[float]
    imports: list[float]
    graphql: int
    object_bytes: int


def nothing_to_do(zoo: Path, folder: Path, *, models: int, pairs: int) -> Nothing:
    """The job where everything is submitted, in turns with `import numerapi` and a round trip."""
    jobs, imports = [], []
    with Service(models) as service:
        service.submit_all()
        for turn in range(pairs):
            service.log()
            job = run_job(service, zoo, folder / f"nothing-{turn}", models=models)
            log = service.log()
            jobs.append(job.seconds)
            imported = run([sys.executable, "-c", "import numerapi"], {}, folder)
            imports.append(imported.seconds + LATENCY)
    return Nothing(models, jobs, imports, log["graphql"], log["object_bytes"])


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
