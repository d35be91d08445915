"""Why a model could not be loaded or run, as a value that travels to the parent."""

from __future__ import annotations

import contextlib
import pickle
import platform
import sys
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

INSTALL_AS = {"sklearn": "scikit-learn", "skimage": "scikit-image", "yaml": "PyYAML"}
VERSIONED = ("numpy", "pandas", "pyarrow", "sklearn", "lightgbm", "xgboost", "cloudpickle")
LINES = 12
HERE = Path(__file__).parent
DISK = {
    "data": ("the round's data cannot be read", "were they removed or changed during the run?"),
    "write": ("the prediction cannot be written", "is there room on the disk?"),
}

DAMAGE = (pickle.UnpicklingError, KeyError, IndexError, UnicodeDecodeError, OverflowError)
DAMAGE_NAMES = ("LightGBMError", "error", "LZMAError")  # "error": zlib's and struct's
SAVE_AGAIN = "save the model again with this runtime's versions, or name a runtime that has them"


@dataclass(eq=False)  # not frozen: contextlib sets an exception's traceback
class Fault(Exception):  # noqa: N818  not an error of the worker's
    """One model's failure.

    Attributes:
        stage: "start", "load", "data", "predict", "answer" or "write".
        what: one sentence without full stop.
        why: likely causes, one a line.
        hint: what to do next.
        traceback: last lines of the model's traceback.
        disk: whether a file of the job's could not be read or written, which is no fault of the
            model's.
    """

    stage: str
    what: str
    why: tuple[str, ...] = ()
    hint: str = ""
    traceback: tuple[str, ...] = ()
    disk: bool = False

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
    lines = tuple(_traceback(error))
    traceback.clear_frames(error.__traceback__)
    return Fault(name, what, why, hint, lines, disk=_is_of_disk(error, name))


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
    if _is_of_disk(error, name):
        return DISK[name][0], (line,), DISK[name][1]
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
        return (f"the model cannot be loaded: {line}", *_load_cause(error))
    return f"the model raised {line}", (), ""


def _is_of_disk(error: BaseException, name: str) -> bool:
    """Whatever goes wrong while writing; while reading, what pyarrow says of a file too."""
    arrow = type(error).__module__.startswith("pyarrow") and not isinstance(error, MemoryError)
    return name == "write" or (name == "data" and (isinstance(error, OSError) or arrow))


def _load_cause(error: BaseException) -> tuple[tuple[str, ...], str]:
    if isinstance(error, OSError):
        return (), ""
    if isinstance(error, DAMAGE) or type(error).__name__ in DAMAGE_NAMES:
        return ("likely damaged, or not of this format",), "check `format`, or upload it again"
    return (_other_versions(),), SAVE_AGAIN


def _missing_module(module: str, line: str) -> tuple[str, tuple[str, ...], str]:
    top = module.partition(".")[0]
    if top != module and top in sys.modules:
        return f"the model cannot be loaded: {line}", (_other_versions(),), SAVE_AGAIN
    wanted = INSTALL_AS.get(top, top)
    hint = f"install {wanted} in this runtime; if it is your own code, save it with cloudpickle"
    return f"the model needs {wanted}", (line,), hint


def _other_versions() -> str:
    listed = ", ".join(f"{name} {version}" for name, version in versions().items())
    return f"likely made with another Python or other library versions than here ({listed})"


def _traceback(error: BaseException) -> list[str]:
    """The last frames of the model's own code; none if it has none."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent != HERE
    ]
    if not frames:
        return []
    lines = [*traceback.format_list(frames), *traceback.format_exception_only(type(error), error)]
    return "".join(lines).splitlines()[-LINES:]


def _one_line(error: BaseException) -> str:
    text = traceback.format_exception_only(type(error), error)[-1].strip()
    return text.splitlines()[0][:500] if text else type(error).__name__
