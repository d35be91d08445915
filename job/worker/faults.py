"""Why a model could not be loaded or run, as a value that travels to the parent."""

from __future__ import annotations

import contextlib
import importlib.util
import platform
import sys
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

INSTALL_AS = {"sklearn": "scikit-learn", "skimage": "scikit-image", "yaml": "PyYAML"}
VERSIONED = ("numpy", "pandas", "pyarrow", "sklearn", "lightgbm", "xgboost", "cloudpickle")
LINES = 12
FRAMES = -6

OTHER_VERSION = "made with another Python or other library versions than this runtime's"
PICKLE_AGAIN = "save the model again with this runtime's versions, or name a runtime that has them"


@dataclass(eq=False)  # not frozen: contextlib sets an exception's traceback
class Fault(Exception):  # noqa: N818  not an error of the worker's
    """One model's failure.

    Attributes:
        stage: "start", "load", "data", "predict" or "answer".
        what: one sentence without full stop.
        why: likely causes, one a line.
        hint: what to do next.
        traceback: last lines of the model's traceback.
    """

    stage: str
    what: str
    why: tuple[str, ...] = ()
    hint: str = ""
    traceback: tuple[str, ...] = ()

    def as_message(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Turn whatever is raised inside, SystemExit and the like included, into a Fault."""
    try:
        yield
    except Fault:
        raise
    except BaseException as error:  # noqa: BLE001  model code raises what it likes
        fault = explain(error, name)
    else:
        return
    raise fault


def explain(error: BaseException, name: str) -> Fault:
    """The fault for an exception raised in stage `name`."""
    if isinstance(error, Fault):
        return error
    what, why, hint = _cause(error, name)
    lines = "".join(
        traceback.format_exception(type(error), error, error.__traceback__, limit=FRAMES)
    )
    traceback.clear_frames(error.__traceback__)
    return Fault(name, what, why, hint, tuple(lines.strip().splitlines()[-LINES:]))


def versions() -> dict[str, str]:
    """Python's and the already imported libraries' versions, by name."""
    found = {"Python": platform.python_version()}
    for name in VERSIONED:
        version = getattr(sys.modules.get(name), "__version__", None)
        if version:
            found[name] = str(version)
    return found


def _cause(error: BaseException, name: str) -> tuple[str, tuple[str, ...], str]:
    line = _one_line(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing_module(error.name, line)
    if isinstance(error, SystemExit):
        return f"the model ended the process by sys.exit({error.code!r})", (), ""
    if isinstance(error, MemoryError):
        return "the model ran out of memory", (line,), ""
    if name == "load" and isinstance(error, EOFError):
        return "the file is empty or truncated", (line,), "upload the model again"
    if name == "load" and "'__main__'" in line:
        hint = "save the model with cloudpickle, which stores code by value"
        return "the model needs code of the script that saved it", (line,), hint
    if name == "load":
        return f"the model cannot be loaded: {line}", _load_cause(error), PICKLE_AGAIN
    return f"the model raised {line}", (), ""


def _load_cause(error: BaseException) -> tuple[str, ...]:
    if type(error).__name__ in ("UnpicklingError", "KeyError", "LightGBMError"):
        return ("likely not a file of this format, or damaged",)
    return (f"likely {OTHER_VERSION} ({_versions_line()})",)


def _missing_module(module: str, line: str) -> tuple[str, tuple[str, ...], str]:
    top = module.partition(".")[0]
    if top != module and importlib.util.find_spec(top) is not None:
        why = (f"likely {OTHER_VERSION} ({_versions_line()})",)
        return f"the model cannot be loaded: {line}", why, PICKLE_AGAIN
    wanted = INSTALL_AS.get(top, top)
    return f"the model needs {wanted}", (line,), f"install {wanted} in this runtime"


def _versions_line() -> str:
    return ", ".join(f"{name} {version}" for name, version in versions().items())


def _one_line(error: BaseException) -> str:
    text = traceback.format_exception_only(type(error), error)[-1].strip()
    return text.splitlines()[0][:500] if text else type(error).__name__
