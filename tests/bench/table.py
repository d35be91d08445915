"""The figures as Markdown, ready for the README."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

from job.machine import cores
from tests.bench.benches import Nothing, Turn
from tests.bench.bound import ROUND_TRIPS
from tests.bench.service import BANDWIDTH, LATENCY

PACKAGES = ("numerapi", "lightgbm", "scikit-learn", "pandas", "numpy", "pyarrow")
MB = 1e6

Row = tuple[str, str, str, str, str]


def machine() -> str:
    """Cores, processor and versions, in one line."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{cores()} cores of {_processor()}, Python {platform.python_version()}, {versions}"


def table(models: int, turns: Sequence[Turn], nothing: Nothing, peaks: Mapping[int, int]) -> str:
    """A row for each figure, with its goal. Times are medians."""
    rows = [
        ("", "job", "beside it", "ratio", "goal"),
        ("---", "---:", "---:", "---:", "---"),
        *_many(models, turns),
        *_nothing(nothing),
        *_memory(peaks),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def bound_of(turns: Sequence[Turn]) -> str:
    """What the bound is made of."""
    parent = median(turn.starts.parent for turn in turns)
    worker = median(turn.starts.worker for turn in turns)
    work = median(turn.work for turn in turns)
    size = median(turn.object_bytes for turn in turns) / MB
    return (
        f"Bound: {parent:.2f} s start of the job + {worker:.2f} s start of a model process + "
        f"{work:.2f} s load, decode, predict and CSV / {cores()} cores + {size:.1f} MB at "
        f"{BANDWIDTH / MB:.0f} MB/s + {ROUND_TRIPS} round trips of {LATENCY * 1000:.0f} ms."
    )


def _many(models: int, turns: Sequence[Turn]) -> list[Row]:
    job = median(turn.job for turn in turns)
    naive, bound = median(turn.naive for turn in turns), median(turn.bound for turn in turns)
    return [
        (
            f"{models} models, and a plain script",
            f"{job:.1f} s",
            f"{naive:.1f} s",
            f"{naive / job:.1f} times faster",
            "3, better 4",
        ),
        (
            f"{models} models, and the bound",
            f"{job:.1f} s",
            f"{bound:.1f} s",
            f"{job / bound:.2f}",
            "at most 1.3",
        ),
    ]


def _nothing(nothing: Nothing) -> list[Row]:
    job, imported = median(nothing.jobs), median(nothing.imports)
    return [
        (
            f"{nothing.models} models with nothing to do, and `import numerapi` + a round trip",
            f"{job:.2f} s",
            f"{imported:.2f} s",
            f"{job / imported:.2f}",
            "at most 1.5",
        ),
        (
            "its GraphQL requests, and other bytes",
            f"{nothing.graphql}, {nothing.object_bytes}",
            "",
            "",
            "1, 0",
        ),
    ]


def _memory(peaks: Mapping[int, int]) -> list[Row]:
    few, many = min(peaks), max(peaks)
    least, most = (f"{peaks[count] / MB:.0f} MB" for count in (few, many))
    return [
        (f"peak memory at one worker, {few} models", least, "", "", "at most 700 MB"),
        (
            f"peak memory, {many} models and {few}",
            most,
            least,
            f"{peaks[many] / peaks[few]:.2f}",
            "flat",
        ),
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
