"""The programs that are measured: started, timed, and held to their result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.memory import Peak
from tests.bench.service import Service

ROOT = Path(__file__).resolve().parents[2]
NAIVE = Path(__file__).with_name("naive.py")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program: wall seconds, peak memory in bytes where it was watched, output."""

    seconds: float
    peak: int
    output: str

    @property
    def record(self) -> dict[str, Any]:
        """The run record that `--json` prints."""
        return dict(json.loads(self.output.splitlines()[-1]))


def run_job(
    service: Service,
    zoo: Path,
    folder: Path,
    *,
    models: int,
    watch: bool = False,
    cores: set[int] | None = None,
    **environment: str,
) -> Run:
    """`python -m job --json` for the first `models` models of the zoo, from nothing."""
    folder.mkdir(parents=True)
    manifest = folder / "models_manifest.yaml"
    manifest.write_text(_first(zoo / "models_manifest.yaml", models), encoding="utf-8")
    environment |= {
        "NUMERAI_MODELS_DIR": str(zoo),
        "NUMERAI_MANIFEST": str(manifest),
        "NUMERAI_DATA_DIR": str(folder / "data"),
    }
    return run(
        [sys.executable, "-m", "job", "--json"],
        {**service.environment, **environment},
        folder,
        watch=watch,
        cores=cores,
    )


def run_naive(service: Service, zoo: Path, folder: Path) -> Run:
    """The plain script, for every model of the account, from nothing."""
    folder.mkdir(parents=True)
    return run([sys.executable, str(NAIVE), str(zoo)], service.environment, folder)


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    *,
    watch: bool = False,
    cores: set[int] | None = None,
) -> Run:
    """Runs a command in `folder`, on these cores; its failure ends the bench.

    Args:
        watch: measure the memory of the process and all its descendants, which costs some CPU.
    """
    errors = folder / "stderr"
    with errors.open("w") as stderr, (folder / "stdout").open("w+") as stdout:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env=_environment(environment), cwd=folder, stdout=stdout, stderr=stderr
        )
        if cores is not None:
            os.sched_setaffinity(process.pid, cores)
        with Peak(process.pid if watch else None) as peak:
            code = process.wait()
        seconds = time.perf_counter() - began
        stdout.seek(0)
        output = stdout.read()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}:\n{errors.read_text()[-4000:]}")
    return Run(seconds, peak.bytes, output)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMERAI_")}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def _first(manifest: Path, models: int) -> str:
    """The manifest with its first models only."""
    head, *entries = manifest.read_text(encoding="utf-8").split("  - name:")
    return "  - name:".join([head, *entries[:models]])
