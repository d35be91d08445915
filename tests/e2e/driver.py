"""Starts `python -m job` as a process of its own, in an environment of its own, and looks at what
it leaves behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cloudpickle

from job.sandbox import Sandbox, Submission

ROOT = Path(__file__).parents[2]
LONGEST = 60.0
"""Seconds after which a run that was to end has hung."""
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: exit code (as a shell gives it), both streams, and its record."""

    code: int
    out: str
    err: str
    record: Record | None
    seconds: float

    def model(self, name: str) -> dict[str, Any]:
        """What the record says of a model."""
        assert self.record is not None, self.err
        return next(row for row in self.record["models"] if row["model"] == name)

    def outcomes(self) -> dict[str, str]:
        """Outcome by model."""
        assert self.record is not None, self.err
        return {row["model"]: row["outcome"] for row in self.record["models"]}


class Running:
    """A run that goes on. Killing it leaves its record as it was."""

    def __init__(self, process: subprocess.Popen[str], home: Home, before: set[str]) -> None:
        self.process = process
        self._home = home
        self._before = before
        self._since = time.monotonic()
        self.workers: list[int] = []

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        """SIGKILL, and waits until it is gone; the model processes it had are in `workers`."""
        self.workers = children_of(self.pid)
        self.signal(signal.SIGKILL)
        deadline = time.monotonic() + 5.0
        while _state(self.process.pid) not in {"Z", ""} and time.monotonic() < deadline:
            time.sleep(0.005)  # the request that it was sending must not look answered

    def record(self) -> Record | None:
        """Its record as it is now."""
        return self._home.newest_record(self._before)

    def end(self, within: float = LONGEST) -> Ended:
        """Waits for the end; a run that does not end in time fails the test."""
        try:
            out, err = self.process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            raise AssertionError(f"the run did not end within {within} s:\n{out}\n{err}") from None
        code = self.process.returncode
        seconds = time.monotonic() - self._since
        return Ended(code if code >= 0 else 128 - code, out, err, self.record(), seconds)


@dataclass
class Home:
    """A user's machine: a models root with its manifest, a data folder, and an environment."""

    box: Sandbox
    root: Path
    entries: list[dict[str, Any]] = field(default_factory=list)
    prefix: tuple[str, ...] = ()
    """What the command line begins with, e.g. `setpriv` to be another user."""
    running: list[Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.models.mkdir(parents=True, exist_ok=True)

    @property
    def models(self) -> Path:
        """The models root."""
        return self.root / "models"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.root / "data"

    @property
    def runs(self) -> Path:
        """Where records and the lock are."""
        return self.data / "runs"

    def add(
        self, name: str, model: object = None, *, at_numerai: bool = True, **keys: Any
    ) -> dict[str, Any]:
        """Adds a model to manifest and account; `model` is written as its artifact."""
        artifact = keys.pop("artifact", f"{name}.pkl")
        if model is not None:
            data = model if isinstance(model, bytes) else cloudpickle.dumps(model)
            (self.models / artifact).write_bytes(data)
        entry = {"name": name, "artifact": artifact, **keys}
        self.entries.append(entry)
        known = {one.name for one in self.box.models}
        if at_numerai and name not in known:
            self.box.add_model(name)
        self.write_manifest()
        return entry

    def write_manifest(self) -> Path:
        """Writes the entries as they are now."""
        path = self.models / "models_manifest.yaml"
        path.write_text(json.dumps({"version": 1, "models": self.entries}, indent=1))
        return path

    def environ(self, **more: str | None) -> dict[str, str]:
        """The whole environment of a run; a value of None takes a variable out."""
        given: dict[str, str | None] = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error::ResourceWarning",
            "NUMERAI_API_URL": self.box.api_url,
            "NUMERAI_PUBLIC_ID": self.box.public_id,
            "NUMERAI_SECRET_KEY": self.box.secret_key,
            "NUMERAI_MODELS_DIR": str(self.models),
            "NUMERAI_DATA_DIR": str(self.data),
            "NUMERAI_WORKERS": "1",
            "NUMERAI_RETRY_PATIENCE": "3s",
            **more,
        }
        return {name: value for name, value in given.items() if value is not None}

    def start(
        self,
        *args: str,
        python: tuple[str, ...] = (),
        limit: Callable[[], None] | None = None,
        **env: str | None,
    ) -> Running:
        """Starts a run and does not wait for it.

        Args:
            python: flags of the interpreter.
            limit: called in the process before the job begins.
        """
        before = {path.name for path in self.records()}

        def begin() -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # as a terminal has it
            if limit is not None:
                limit()

        process = subprocess.Popen(
            [*self.prefix, sys.executable, *python, "-m", "job", *args],
            env=self.environ(**env),
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=begin,
        )
        running = Running(process, self, before)
        self.running.append(running)
        return running

    def run(self, *args: str, within: float = LONGEST, **more: Any) -> Ended:
        """Starts a run and waits for its end."""
        return self.start(*args, **more).end(within)

    def run_killed(
        self,
        where: str,
        *,
        when: str = "before",
        match: str = "",
        nth: int = 1,
        done: bool = True,
        **more: Any,
    ) -> Ended:
        """A run that SIGKILL ends at the `nth` such operation of the sandbox, see `Sandbox.on`.

        Args:
            done: whether the service then carries the operation out all the same.
        """
        victims: queue.SimpleQueue[Running] = queue.SimpleQueue()
        seen: list[object] = []

        def kill(operation: object) -> None:
            seen.append(operation)
            if len(seen) == nth:
                victims.get(timeout=5.0).kill()
                if not done:
                    raise ConnectionAbortedError("the client has gone")

        self.box.on(where, kill, when=when, match=match)
        victim = self.start(**more)
        victims.put(victim)
        ended = victim.end()
        assert ended.code == 137, f"it was not killed:\n{ended.err}"
        return ended

    def records(self) -> list[Path]:
        """Every run record, oldest first."""
        with contextlib.suppress(OSError):
            return sorted(self.runs.glob("*.run.json"))
        return []

    def newest_record(self, before: set[str]) -> Record | None:
        """The newest record whose name is not among `before`."""
        found = [path for path in self.records() if path.name not in before]
        record: Record | None = json.loads(found[-1].read_bytes()) if found else None
        return record

    def age_intents(self, seconds: float) -> None:
        """Makes the records' intents look so much older: less time to look for their uploads."""
        for path in self.records():
            record = json.loads(path.read_bytes())
            for row in record["models"]:
                if row["intent_at"]:
                    at = datetime.fromisoformat(row["intent_at"]) - timedelta(seconds=seconds)
                    row["intent_at"] = at.isoformat()
            path.write_text(json.dumps(record))

    def submissions(self, name: str) -> list[Submission]:
        """What the sandbox holds of a model, in the order in which it came."""
        return [made for made in self.box.submissions if made.model == name]

    def files(self) -> dict[str, bytes]:
        """Every file below data but records and the lock, by its path."""
        return {
            str(path.relative_to(self.data)): path.read_bytes()
            for path in sorted(self.data.rglob("*"))
            if path.is_file() and self.runs not in path.parents
        }

    def stop(self) -> None:
        """Kills what still runs."""
        for one in self.running:
            if one.process.poll() is None:
                one.process.kill()
            if one.process.stdout is None or not one.process.stdout.closed:
                one.process.communicate()


def wait_for(condition: Callable[[], Any], what: str, within: float = 20.0) -> Any:
    """Waits until the condition gives something true, and gives it."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {within} s in vain: {what}"
        time.sleep(0.01)
    return found


def is_running(pid: int) -> bool:
    """Whether a process runs, zombies not counted."""
    return _state(pid) not in {"Z", "X", ""}


def children_of(pid: int) -> list[int]:
    """The processes that this one has started and that still run."""
    return [child for child, parent in _parents() if parent == pid and is_running(child)]


def _parents() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            yield int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def graphql_requests(box: Sandbox) -> list[tuple[str, ...]]:
    """The operations of every GraphQL request so far."""
    return [request.operations for request in box.requests if request.kind == "graphql"]


def without_capabilities() -> tuple[str, ...]:
    """What a command line begins with so that root has no more rights than another user has; its
    own files stay within its reach, and so does a Python in its home.
    """
    if os.getuid() != 0:
        return ()
    drop = "import ctypes, os, sys; libc = ctypes.CDLL(None); "
    drop += "[libc.prctl(24, number, 0, 0, 0) for number in range(64)]; "  # PR_CAPBSET_DROP
    drop += "os.execv(sys.argv[1], sys.argv[1:])"
    return (sys.executable, "-I", "-c", drop)
