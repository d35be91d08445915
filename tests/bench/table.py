"""The figures as Markdown, ready for the README."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from job.machine import cores
from tests.bench.benches import Many, Nothing
from tests.bench.service import BANDWIDTH, LATENCY

PACKAGES = ("numerapi", "lightgbm", "scikit-learn", "pandas", "numpy", "pyarrow")
MB = 1e6


def machine() -> str:
    """Cores, processor and versions, in one sentence."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{cores()} cores of {_processor()}, Python {platform.python_version()}, {versions}"


def table(many: Many, nothing: Nothing, peaks: Mapping[int, int]) -> str:
    """A row for each figure, with its goal."""
    few, lots = min(peaks), max(peaks)
    rows = [
        ("", "measured", "beside", "ratio", "goal"),
        ("---", "---:", "---:", "---:", "---"),
        (
            f"{many.models} models, plain script / job",
            f"{many.job:.1f} s",
            f"{many.naive:.1f} s",
            f"{many.naive / many.job:.2f}",
            "≥ 3, better 4",
        ),
        (
            f"{many.models} models, job / bound",
            f"{many.job:.1f} s",
            f"{many.bound:.1f} s",
            f"{many.job / many.bound:.2f}",
            "≤ 1.3",
        ),
        (
            f"nothing to do, {nothing.models} models, job / `import numerapi` + a round trip",
            f"{nothing.job:.2f} s",
            f"{nothing.numerapi:.2f} s",
            f"{nothing.job / nothing.numerapi:.2f}",
            "≤ 1.5",
        ),
        (
            "its GraphQL requests, other bytes",
            f"{nothing.graphql}, {nothing.object_bytes}",
            "",
            "",
            "1, 0",
        ),
        (
            f"peak memory at one worker, {few} models",
            f"{peaks[few] / MB:.0f} MB",
            "",
            "",
            "≤ 700 MB",
        ),
        (
            f"the same, {lots} models / {few}",
            f"{peaks[lots] / MB:.0f} MB",
            f"{peaks[few] / MB:.0f} MB",
            f"{peaks[lots] / peaks[few]:.2f}",
            "flat",
        ),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def bound_of(many: Many) -> str:
    """What the bound is made of."""
    starts = many.starts
    return (
        f"bound: start of the job {starts.parent:.2f} s + start of a model process "
        f"{starts.worker:.2f} s + load, decode, predict and CSV {many.work:.2f} s / {cores()} cores"
        f" + {many.object_bytes / MB:.1f} MB at {BANDWIDTH / MB:.0f} MB/s + 7 round trips of "
        f"{LATENCY * 1000:.0f} ms = {many.bound:.2f} s"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
