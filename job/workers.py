"""The parent's side of a model process: start, load, predict, and whatever can go wrong with it.

The parent never unpickles anything. One `Worker` serves one model after another in one process,
because imports cost a second and decoded columns are worth keeping; a model that ends, overruns or
outgrows its process costs only itself, and the next model meets a fresh one.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from job.errors import JobError, ModelError
from job.worker_environment import worker_environment
from job.worker_process import Launch, WorkerProcess

__all__ = ["Needs", "Predicted", "Worker", "worker_environment"]

MIB = 1 << 20
SLACK = 256 * MIB


@dataclass(frozen=True, slots=True)
class Needs:
    """What a loaded model wants.

    Attributes:
        kind: "function" (takes live_features[, live_benchmark_models]) or "object" (has `predict`).
        columns: columns of live in the model's order; None: the whole frame.
        benchmarks: whether `predict` must be given the benchmark models' file.
    """

    kind: str
    columns: tuple[str, ...] | None
    benchmarks: bool


@dataclass(frozen=True, slots=True)
class Predicted:
    """A CSV was written.

    Attributes:
        rows: rows without the header.
        decoded: columns decoded for this model; 0 if an earlier model had caused it.
        seconds: wall time of "load", "decode", "predict" and "write".
    """

    rows: int
    decoded: int
    seconds: Mapping[str, float]


class Worker:
    """One model process at a time, replaced whenever it ends or has grown too large.

    Calls come from one thread at a time; `stop` may come from any. As a context manager it stops
    at the end.

    Args:
        python: interpreter with pandas and pyarrow (Python >= 3.10, pandas >= 1.5, pyarrow >= 14).
        environment: the process's whole environment, see `worker_environment`; its HOME is the
            working folder and is created.
        threads: threads that decode parquet (those of the models are in the environment).
        startup: seconds that the interpreter may take to import its libraries.
        memory_poll: seconds between looks at memory while a request with a limit runs.
        growth: a process above `growth` times its size after its first model (and 256 MiB more
            than that) is replaced before the next one.
        ceiling: a process above so many bytes after a model is replaced too; None: no such bound.
        cache_sets: column sets that stay decoded in the process.
        cache_bytes: bytes that these may take together.
    """

    def __init__(
        self,
        *,
        python: Path = Path(sys.executable),
        environment: Mapping[str, str],
        threads: int = 1,
        startup: float = 60.0,
        memory_poll: float = 0.1,
        growth: float = 1.5,
        ceiling: int | None = None,
        cache_sets: int = 3,
        cache_bytes: int = 256 * MIB,
    ) -> None:
        self._launch = Launch(
            python=python,
            environment=dict(environment),
            options={"threads": threads, "cache-sets": cache_sets, "cache-bytes": cache_bytes},
            startup=startup,
            poll=memory_poll,
        )
        self._growth, self._ceiling = growth, ceiling
        self._first_size: int | None = None
        self._process: WorkerProcess | None = None
        self._stopped: JobError | None = None
        self._load_seconds = 0.0
        self._state = threading.RLock()
        self._busy = threading.Lock()

    def start(self) -> None:
        """Have a process ready: it imports its libraries while the caller goes on.

        Does nothing if there is one. A runtime that cannot be started is reported by `load`.
        """
        with suppress(JobError):
            self._running()

    def load(
        self,
        artifact: Path,
        *,
        format: str,
        features: Sequence[str] | None,
        timeout: float,
        memory: int | None,
    ) -> Needs:
        """Load a model; what it needs is known afterwards.

        Args:
            artifact: the file, its digest verified.
            format: "pickle", "joblib" or "lightgbm".
            features: column names, for an object that does not know its own or a function that
                does not want the whole frame.
            timeout: seconds.
            memory: bytes that the process and what it starts may take, or None.

        Raises:
            ModelError: it cannot be loaded, or ended the process.
            JobError: the reason given to `stop`.
        """
        request = {
            "do": "load",
            "artifact": str(artifact.absolute()),
            "format": format,
            "features": None if features is None else list(features),
        }
        reply = self._exchange(request, timeout=timeout, memory=memory)
        self._load_seconds = reply["seconds"]["load"]
        columns = None if reply["columns"] is None else tuple(reply["columns"])
        return Needs(reply["kind"], columns, reply["benchmarks"])

    def predict(
        self,
        live: Path,
        benchmarks: Path | None,
        out: Path,
        *,
        timeout: float,
        memory: int | None,
        key: str = "id",
    ) -> Predicted:
        """Predict with the loaded model, which is dropped afterwards, and write a CSV.

        Args:
            live: parquet file with the model's columns and `key`, as its index or a column.
            benchmarks: parquet file of the benchmark models, for models that need it.
            out: the CSV `key,prediction`; replaced at once, never half written.
            timeout: seconds.
            memory: bytes that the process and what it starts may take, or None.
            key: the tournament's id column.

        Raises:
            ModelError: it failed, overran a limit, or its answer does not fit live's ids.
            JobError: the reason given to `stop`.
        """
        request = {
            "do": "predict",
            "live": str(live.absolute()),
            "benchmarks": None if benchmarks is None else str(benchmarks.absolute()),
            "out": str(out.absolute()),
            "key": key,
        }
        reply = self._exchange(request, timeout=timeout, memory=memory)
        seconds = {"load": self._load_seconds, **reply["seconds"]}
        return Predicted(reply["rows"], reply["decoded"], seconds)

    def stop(self, reason: JobError | None = None) -> None:
        """Kill the process and what it has started, at once and for good; from any thread.

        A running request, and every later one, raises `reason`; by default a ModelError.
        """
        with self._state:
            if self._stopped is None:
                self._stopped = reason or ModelError("the model was stopped before it was done")
            if self._process is not None:
                self._process.kill()
        if self._busy.acquire(blocking=False):  # else the running request clears up
            try:
                self._discard()
            finally:
                self._busy.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _exchange(
        self, request: Mapping[str, Any], *, timeout: float, memory: int | None
    ) -> dict[str, Any]:
        with self._busy:
            process = self._running()
            try:
                reply = process.exchange(request, timeout=timeout, memory=memory)
            except BaseException:
                self._discard()
                if self._stopped is not None:
                    raise self._stopped from None
                raise
            if "children" in reply:
                self._settle(process, children=reply["children"])
            if "fault" in reply:
                raise process.failure(reply["fault"])
            return reply

    def _running(self) -> WorkerProcess:
        with self._state:
            if self._stopped is None and self._process is None:
                self._process = WorkerProcess(self._launch)
                self._first_size = None
            if self._stopped is not None or self._process is None:
                raise self._stopped or ModelError("the model process is gone")
            return self._process

    def _settle(self, process: WorkerProcess, *, children: bool) -> None:
        """After a model: replace the process if it left others behind or has grown."""
        if (children and process.has_descendants()) or self._too_large(process.size()):
            self._discard()

    def _too_large(self, size: int) -> bool:
        if self._first_size is None:
            self._first_size = size
        allowed = max(self._growth * self._first_size, self._first_size + SLACK)
        return size > allowed or (self._ceiling is not None and size > self._ceiling)

    def _discard(self) -> None:
        with self._state:
            process, self._process = self._process, None
        if process is not None:
            process.close()
