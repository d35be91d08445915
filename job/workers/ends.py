"""How a model process can end, as errors: what happened, the likely cause, what to do."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from job.errors import ModelError, UnavailableError

CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGBUS, signal.SIGFPE)
DOING = {"start": "starting", "load": "being loaded", "predict": "predicting"}
TAIL = 4096
NOISE = "Extension modules: "  # faulthandler's list, longer than all the rest


def from_fault(fault: Mapping[str, Any], tail: str) -> ModelError | UnavailableError:
    """For what the process itself could report; UnavailableError where it blames the disk."""
    if fault["disk"]:
        return UnavailableError(fault["what"], *fault["why"], hint=fault["hint"])
    why = (*fault["why"], *fault["traceback"], *printed(tail))
    return ModelError(fault["what"], *why, hint=fault["hint"])


def not_started(python: Path, *why: str) -> ModelError:
    """For an interpreter that does not run, or lacks pandas or pyarrow."""
    return ModelError(
        f"the model runtime {python} does not start",
        *why,
        hint="it needs Python 3.10 or later with pandas >= 1.5 and pyarrow >= 14",
    )


def died(returncode: int | None, doing: str, versions: str, tail: str) -> ModelError:
    """For a process that ended by itself; `returncode` as Popen's, None: it only hung up."""
    if returncode is None:
        what, why, hint = f"the model closed its process's pipes while {DOING[doing]}", "", ""
    elif returncode >= 0:
        what = f"the model ended its process with exit code {returncode} while {DOING[doing]}"
        why, hint = "", "a model must return, not exit"
    else:
        name = _signal_name(-returncode)
        what = f"the model's process was killed by {name} while {DOING[doing]}"
        why, hint = _signal_cause(-returncode, versions)
    return ModelError(what, *([why] if why else []), *printed(tail), hint=hint)


def overran(doing: str, seconds: float, tail: str) -> ModelError:
    """For a process that was killed because its time was up."""
    what = f"the model took longer than {duration(seconds)} while {DOING[doing]}"
    return ModelError(what, *printed(tail), hint="raise its time-out, or make it faster")


def outgrew(used: int, limit: int, doing: str, tail: str) -> ModelError:
    """For a process that was killed because it took too much memory."""
    what = f"the model used {size(used)} while {DOING[doing]}, more than its limit of {size(limit)}"
    return ModelError(what, *printed(tail), hint="raise its memory limit, or make it smaller")


def garbled(problem: str, tail: str) -> ModelError:
    """For a process whose reply cannot be understood."""
    return ModelError(f"the model's process cannot be understood: {problem}", *printed(tail))


def printed(tail: str) -> list[str]:
    """The last 4 KB that a model printed, under a heading."""
    kept = [line.rstrip() for line in tail.splitlines() if not line.startswith(NOISE)]
    lines = [line for line in "\n".join(kept)[-TAIL:].splitlines() if line]
    return ["it printed last:", *(f"  {line}" for line in lines)] if lines else []


def duration(seconds: float) -> str:
    """Seconds as people say them: `45s`, `10m`, `1h30m`, `0.5s`."""
    if seconds < 60:
        return f"{seconds:g}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def size(count: int) -> str:
    """Bytes as `4.3 GiB` or `512 MiB`."""
    if count >= 1 << 30:
        return f"{count / (1 << 30):.3g} GiB"
    return f"{count / (1 << 20):.3g} MiB"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _signal_cause(number: int, versions: str) -> tuple[str, str]:
    if number in CRASHES:
        why = "likely made with another Python or other library versions than here"
        return f"{why} ({versions})", "name a runtime that has the versions it was made with"
    if number == signal.SIGKILL:
        return "likely out of memory", "give the container more memory, or use a smaller model"
    return "", ""
