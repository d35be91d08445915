"""Why a model could not be loaded or run, as a value that travels to the parent."""

from __future__ import annotations

import contextlib
import pickle
import re
import sys
import traceback
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .versions import imported

INSTALL_AS = {"sklearn": "scikit-learn", "skimage": "scikit-image", "yaml": "PyYAML"}
EXTRAS = {
    "catboost": "catboost",
    "keras": "keras",
    "lightgbm": "lightgbm",
    "onnxruntime": "onnx",
    "sklearn": "sklearn",
    "xgboost": "xgboost",
}
"""By module, the extra of the job's package that installs it."""
LINES = 12
HERE = Path(__file__).parent
DISK = {
    "data": ("the round's data cannot be read", "were they removed or changed during the run?"),
    "write": ("the prediction cannot be written", "is there room on the disk?"),
}

DAMAGE = (
    pickle.UnpicklingError,
    KeyError,
    IndexError,
    UnicodeDecodeError,
    OverflowError,
    zipfile.BadZipFile,
)
DAMAGE_NAMES = (
    "LightGBMError",
    "XGBoostError",
    "CatBoostError",
    "InvalidProtobuf",  # onnxruntime's, as the next three
    "InvalidArgument",
    "InvalidGraph",
    "Fail",
    "ArrowInvalid",
    "ParserError",  # pandas'
    "Error",  # csv's
    "LZMAError",
    "error",  # zlib's and struct's
)
DAMAGED = (("likely damaged, or not of this format",), "check `format`, or upload it again")
SAVE_AGAIN = "save the model again with this runtime's versions, or name a runtime that has them"
# What XGBoost, CatBoost and ONNX Runtime put before a sentence: when, or where in their sources.
PREFIX = re.compile(
    r"(?<=: )(\[\d\d:\d\d:\d\d\] \S+:\d+: |\S+\.cpp:\d+: |\[ONNXRuntimeError\] : \d+ : \w+ : )"
)


@dataclass(eq=False)  # not frozen: contextlib sets an exception's traceback
class Fault(Exception):  # noqa: N818  not an error of the worker's
    """One model's failure.

    Attributes:
        stage: "start", "load", "import" (a Python model's own code while it is loaded), "data",
            "predict", "answer" or "write".
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


def needs_library(module: str, why: str = "", *, own: str = "save it with cloudpickle") -> Fault:
    """The fault for a library that the runtime lacks.

    Args:
        module: as it is imported.
        why: what was said when that failed.
        own: what to do if it is the author's own code.
    """
    wanted = INSTALL_AS.get(module, module)
    hint = f"install {wanted} in this runtime; if it is your own code, {own}"
    if module in EXTRAS:
        hint = f"pip install 'numerai-job[{EXTRAS[module]}]', or name a runtime that has it"
    return Fault("load", f"the model needs {wanted}", (why,) if why else (), hint)


def _cause(error: BaseException, name: str) -> tuple[str, tuple[str, ...], str]:
    line = _one_line(error)
    if _is_of_disk(error, name):
        return DISK[name][0], (line,), DISK[name][1]
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing_module(error.name, line, name)
    if isinstance(error, SystemExit):
        return f"the model ended the process by sys.exit({error.code!r})", (), ""
    if isinstance(error, MemoryError):
        return "the model ran out of memory", (line,), ""
    if name == "load":
        return _load_cause(error, line)
    hint = ""
    if isinstance(error, ImportError) and "attempted relative import" in line:
        hint = "write `from helper import ...`: modules are found in the model's folder"
    who = "the model's code" if name == "import" else "the model"
    return f"{who} raised {line}", (), hint


def _is_of_disk(error: BaseException, name: str) -> bool:
    """Whatever goes wrong while writing; while reading, what pyarrow says of a file too."""
    arrow = type(error).__module__.startswith("pyarrow") and not isinstance(error, MemoryError)
    return name == "write" or (name == "data" and (isinstance(error, OSError) or arrow))


def _load_cause(error: BaseException, line: str) -> tuple[str, tuple[str, ...], str]:
    if isinstance(error, EOFError):
        return "the file is empty or truncated", (line,), "upload the model again"
    if "'__main__'" in line:
        hint = "save the model with cloudpickle, which stores code by value"
        return "the model needs code of the script that saved it", (line,), hint
    what = f"the model cannot be loaded: {line}"
    if "libgomp" in line:
        return what, (), "install the system's package libgomp1 in this runtime"
    if isinstance(error, OSError) and error.errno is not None:
        return what, (), ""
    if isinstance(error, (*DAMAGE, OSError)) or type(error).__name__ in DAMAGE_NAMES:
        return (what, *DAMAGED)
    return what, (_other_versions(),), SAVE_AGAIN


def _missing_module(module: str, line: str, name: str) -> tuple[str, tuple[str, ...], str]:
    top = module.partition(".")[0]
    if name == "import":
        fault = needs_library(top, line, own="put it beside the model")
    elif top != module and top in sys.modules:
        return f"the model cannot be loaded: {line}", (_other_versions(),), SAVE_AGAIN
    else:
        fault = needs_library(top, line)
    return fault.what, fault.why, fault.hint


def _other_versions() -> str:
    listed = ", ".join(f"{name} {version}" for name, version in imported().items())
    return f"likely made with another Python or other library versions than here ({listed})"


def _traceback(error: BaseException) -> list[str]:
    """The last frames of the model's own code; none if it has none."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if HERE not in Path(frame.filename).parents and not frame.filename.startswith("<frozen ")
    ]
    if not frames:
        return []
    lines = [*traceback.format_list(frames), *traceback.format_exception_only(type(error), error)]
    return "".join(lines).splitlines()[-LINES:]


def _one_line(error: BaseException) -> str:
    text = traceback.format_exception_only(type(error), error)[-1].strip()
    if isinstance(error, SyntaxError):  # its place stands on other lines
        text = f"{type(error).__name__}: {error}"
    return PREFIX.sub("", text.splitlines()[0], count=1)[:500] if text else type(error).__name__
