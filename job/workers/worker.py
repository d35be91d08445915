"""The parent's side of a model process: start, load, predict, and whatever can go wrong with it.

The parent never unpickles anything. One `Worker` serves one model after another in one process,
because imports cost a second and decoded columns are worth keeping; a model that ends, overruns or
outgrows its process costs only itself, and the next model meets a fresh one.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from job.errors import JobError
from job.workers.context import Context
from job.workers.launch import Launch
from job.workers.process import Fetch
from job.workers.succession import Succession

MIB = 1 << 20

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a loaded model wants.

    Attributes:
        kind: "function" (takes live_features[, live_benchmark_models]), "object" (has `predict`) or
            "file" (of finished predictions).
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
        seconds: wall time of "load", "decode", "predict", "write", and "postprocess" if there was.
        warnings: what its author may not have meant; logged already.
        memory: the most bytes that the process, and what it started, took meanwhile; 0: unknown.
    """

    rows: int
    decoded: int
    seconds: Mapping[str, float]
    warnings: tuple[str, ...] = ()
    memory: int = 0


class Worker:
    """One model process at a time, replaced whenever it ends or has grown too large.

    Calls come from one thread at a time; `stop` may come from any. As a context manager it stops
    at the end.

    Args:
        python: interpreter with pandas and pyarrow (Python >= 3.10, pandas >= 1.5, pyarrow >= 14),
            for models that do not name another.
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
        cache_sets: int = 4,
        cache_bytes: int = 256 * MIB,
    ) -> None:
        launch = Launch(
            python=python,
            environment=dict(environment),
            options={"threads": threads, "cache-sets": cache_sets, "cache-bytes": cache_bytes},
            startup=startup,
            poll=memory_poll,
        )
        self._processes = Succession(launch, growth=growth, ceiling=ceiling)
        self._python = python
        self._loading: dict[str, Any] = {}
        self._name = ""

    def start(self, python: Path | None = None) -> None:
        """Have a process ready: it imports its libraries while the caller goes on.

        Does nothing if there is one. A runtime that cannot be started is reported by `load`.
        """
        self._processes.use(python or self._python)
        self._processes.start()

    def versions(self, python: Path | None = None) -> Mapping[str, str]:
        """Of Python and the libraries installed there, by name ("Python", "scikit-learn", ...).

        Waits for the process of that interpreter, and starts it if need be. Raises as `load` does.
        """
        self._processes.use(python or self._python)
        return self._processes.versions()

    def load(
        self,
        artifact: Path,
        *,
        format: str,
        features: Sequence[str] | None,
        timeout: float,
        memory: int | None,
        name: str | None = None,
        python: Path | None = None,
    ) -> Needs:
        """Load a model; what it needs is known afterwards.

        Args:
            artifact: the file, its digest verified.
            format: a name of `job.worker.formats.FORMATS`, such as "pickle".
            features: column names, for an object that does not know its own or a function that
                does not want the whole frame.
            timeout: seconds.
            memory: bytes that the process and what it starts may take, or None.
            name: what the log calls the model; by default the file's name.
            python: its interpreter, if not the usual one; takes the place of a process of another.

        Raises:
            ModelError: it cannot be loaded, or ended the process.
            JobError: the reason given to `stop`.
        """
        self._name = name or artifact.name
        request = {
            "do": "load",
            "artifact": str(artifact.absolute()),
            "format": format,
            "features": None if features is None else list(features),
            "memory": memory,
        }
        self._processes.use(python or self._python)
        reply = self._processes.exchange(request, timeout=timeout, memory=memory)
        self._loading = reply
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
        column: str = "prediction",
        partial: bool = False,
        neutralize: tuple[Sequence[str], float] | None = None,
        postprocess: str = "none",
        context: Context | None = None,
        fetch: Fetch | None = None,
    ) -> Predicted:
        """Predict with the loaded model, which is dropped afterwards, and write a CSV.

        Args:
            live: parquet file with the model's columns and `key`, as its index or a column.
            benchmarks: parquet file of the benchmark models, for models that need it.
            out: the CSV `key,column`; replaced at once, never half written.
            timeout: seconds.
            memory: bytes that the process and what it starts may take, or None.
            key: the tournament's id column.
            column: the name of the values in `out`, and in the answer if it has no `prediction`.
            partial: whether rows whose ids live does not have are dropped, not refused.
            neutralize: columns of live, and the proportion of them to take out.
            postprocess: "rank" (after neutralization) or "none".
            context: what a `python` model is told.
            fetch: gives the file of a further dataset that such a model asks for; it is called in
                this thread, and the time it takes is the model's. The model is told a JobError of
                its, but a StoppedError or any other exception ends the process and is raised here.

        Raises:
            ModelError: it failed, overran a limit, or its answer does not fit live's ids.
            UnavailableError: `live` or `benchmarks` cannot be read, or `out` not be written.
            JobError: the reason given to `stop`.
        """
        request = {
            "do": "predict",
            "live": str(live.absolute()),
            "benchmarks": None if benchmarks is None else str(benchmarks.absolute()),
            "out": str(out.absolute()),
            "key": key,
            "column": column,
            "partial": partial,
            "neutralize": None if neutralize is None else _neutralize(*neutralize),
            "postprocess": postprocess,
            "memory": memory,
            "context": None if context is None else context.as_message(),
        }
        reply = self._processes.exchange(
            request,
            timeout=timeout,
            memory=memory,
            fetch=fetch,
            last=context is not None and bool(context.secrets),
        )
        return self._predicted(reply)

    def stop(self, reason: JobError | None = None) -> None:
        """Kill the process and what it has started, at once and for good; from any thread.

        A running request, and every later one, raises `reason`; by default a ModelError.
        """
        self._processes.stop(reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _predicted(self, reply: Mapping[str, Any]) -> Predicted:
        for warning in reply["warnings"]:
            log.warning("%s: %s", self._name, warning)
        return Predicted(
            reply["rows"],
            reply["decoded"],
            {**self._loading["seconds"], **reply["seconds"]},
            tuple(reply["warnings"]),
            max(self._loading["memory"], reply["memory"]),
        )


def _neutralize(features: Sequence[str], proportion: float) -> dict[str, Any]:
    return {"features": list(features), "proportion": proportion}
