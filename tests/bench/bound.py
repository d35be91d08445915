"""The time that no arrangement of the same work could beat by much."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from job.machine import cores
from job.workers.environment import worker_environment
from job.workers.launch import Launch
from job.workers.process import WorkerProcess
from tests.bench.programs import run
from tests.bench.service import BANDWIDTH, LATENCY

ROUND_TRIPS = 7
PARTS = ("load", "decode", "predict", "write")
IMPORTS = "import job.commands.run, job.crew"


@dataclass(frozen=True, slots=True)
class Starts:
    """Seconds from nothing until the job, and a model process, have imported what they need."""

    parent: float
    worker: float


def measure_starts(times: int) -> Starts:
    """Medians, each process alone on the machine."""
    return Starts(_median(_start_parent, times), _median(_start_worker, times))


def bound(starts: Starts, work: float, object_bytes: int) -> float:
    """Start-up + work / cores + bytes / bandwidth + 7 round trips, in seconds."""
    return (
        starts.parent
        + starts.worker
        + work / cores()
        + object_bytes / BANDWIDTH
        + ROUND_TRIPS * LATENCY
    )


def work_of(record: dict[str, Any]) -> float:
    """Seconds that the models took in their processes: load, decode, predict, CSV."""
    seconds = [model["seconds"].get(part, 0.0) for model in record["models"] for part in PARTS]
    return float(sum(seconds))


def _start_parent() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run([sys.executable, "-c", IMPORTS], {}, Path(folder))


def _start_worker() -> None:
    with tempfile.TemporaryDirectory() as folder:
        launch = Launch(
            python=Path(sys.executable),
            environment=worker_environment({}, threads=1, home=Path(folder)),
            options={"threads": 1},
            startup=60.0,
            poll=0.1,
        )
        process = WorkerProcess(launch)
        try:
            process.exchange(
                {"do": "predict"}, timeout=60.0, memory=None
            )  # a fault: nothing is loaded
        finally:
            process.close()


def _median(action: Callable[[], object], times: int) -> float:
    return statistics.median(timed(action) for _ in range(times))


def timed(action: Callable[[], object]) -> float:
    """Wall seconds that it takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
