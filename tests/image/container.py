"""Runs the image as its users do, against a sandbox on this machine, and keeps what it did."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.image.engine import Engine
from job.sandbox import Sandbox

LONGEST = 120.0
"""Seconds after which a container that was to end has hung."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended: exit code, both streams, and wall seconds."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def record(self) -> dict[str, Any]:
        """The run record that `--json` prints."""
        return dict(json.loads(self.out.splitlines()[-1]))

    def outcomes(self) -> dict[str, str]:
        """Outcome by model, from the record."""
        return {row["model"]: row["outcome"] for row in self.record["models"]}


class Running:
    """A container that goes on."""

    def __init__(self, engine: Engine, name: str, process: subprocess.Popen[str]) -> None:
        self._engine, self.name, self._process = engine, name, process
        self._since = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since its start."""
        return time.monotonic() - self._since

    def python(self, script: str) -> str:
        """What a script prints that runs in the container, beside the job, as its user."""
        done = self._engine.call("exec", self.name, "python", "-c", script)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def handles(self, number: int) -> bool:
        """Whether the job has a handler for a signal by now."""
        done = self._engine.call("exec", self.name, "grep", "SigCgt", "/proc/1/status")
        return done.returncode == 0 and bool(int(done.stdout.split()[1], 16) >> (number - 1) & 1)

    def stop(self) -> None:
        """`docker stop`: the image's STOPSIGNAL, then, ten seconds later, SIGKILL."""
        self._engine.call("stop", "-t", "10", self.name)

    def clear(self) -> None:
        """Removes what a test that failed has left."""
        if self._process.poll() is None:
            self._engine.call("rm", "--force", self.name)
            self._process.communicate()

    def end(self, within: float = LONGEST) -> Ended:
        """Waits for its end; one that does not end in time fails the test."""
        try:
            out, err = self._process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            self._engine.call("rm", "--force", self.name)
            out, err = self._process.communicate()
            raise AssertionError(f"it did not end within {within} s:\n{out}\n{err}") from None
        return Ended(self._process.returncode, out, err, self.seconds)


@dataclass
class Containers:
    """One image, an account, a models root, and a volume for data.

    Attributes:
        scratch: an empty folder; some engines leave files where they are called.
        models: a folder to mount as the models root.
        volume: the name of a volume, or a folder, to mount as the data folder.
    """

    engine: Engine
    image: str
    box: Sandbox
    scratch: Path
    models: Path
    volume: str = field(default_factory=lambda: f"numerai-test-{uuid.uuid4().hex[:12]}")
    started: list[Running] = field(default_factory=list)

    def start(
        self,
        *command: str,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        mounts: bool = True,
    ) -> Running:
        """`docker run` as the README says it, on the host's network to reach the sandbox.

        Args:
            options: further ones of `docker run`.
            env: further variables of the container.
            mounts: whether models and data are mounted.
        """
        name = f"numerai-test-{uuid.uuid4().hex[:12]}"
        given = {
            "NUMERAI_PUBLIC_ID": self.box.public_id,
            "NUMERAI_SECRET_KEY": self.box.secret_key,
            "NUMERAI_API_URL": self.box.api_url,
            **(env or {}),
        }
        line = [self.engine.program, "run", "--rm", "--pull=never", "--no-healthcheck"]
        line += ["--network=host", f"--name={name}"]
        line += [part for variable in given for part in ("-e", variable)]  # values stay out of `ps`
        if mounts:
            line += ["-v", f"{self.models}:/models:ro", "-v", f"{self.volume}:/data"]
        process = subprocess.Popen(
            [*line, *options, self.image, *command],
            env=self.engine.environ() | given,
            cwd=self.scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running = Running(self.engine, name, process)
        self.started.append(running)
        return running

    def run(self, *command: str, within: float = LONGEST, **more: Any) -> Ended:
        """The same, to its end."""
        return self.start(*command, **more).end(within)

    def python(self, script: str, *, user: str | None = None) -> str:
        """What a script prints that runs in a container of its own."""
        options = ["--entrypoint=python", *([] if user is None else [f"--user={user}"])]
        ended = self.run("-c", script, options=options, mounts=False)
        assert ended.code == 0, ended.err
        return ended.out

    def manifest(self, *names: str, **keys: str) -> None:
        """Names pickles of the models root in its manifest, and makes them known at Numerai."""
        for name in {*names} - {one.name for one in self.box.models}:
            self.box.add_model(name)
        rest = "".join(f"\n    {key}: {value}" for key, value in keys.items())
        entries = "".join(f"\n  - name: {name}\n    artifact: {name}.pkl{rest}" for name in names)
        path = self.models / "models_manifest.yaml"
        path.write_text(f"version: 1\nmodels:{entries}\n", encoding="utf-8")

    def clear(self) -> None:
        """Removes what was started, and the volume."""
        for running in self.started:
            running.clear()
        self.engine.call("volume", "rm", "--force", self.volume)
