"""Models that are Python code: a .py file, or a folder or .zip with `model.py`."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
import weakref
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ..faults import Fault, stage
from .folders import OwnModules, check_links, leads_out, link_fault, unpack
from .signature import names_taken

MAIN = "model.py"


@dataclass(frozen=True, eq=False)
class PythonModel:
    """A function `predict(live, **context)`, or the method of a `Model`.

    Attributes:
        call: the function; live comes first, all else by name.
        takes: the names that it can be given beside live, see `signature`.
    """

    call: Callable[..., Any]
    takes: tuple[str, ...]

    def __call__(self, live: Any, /, **context: Any) -> Any:
        """What the model's code returns; `context` has the names of `takes`."""
        return self.call(live, **context)


def load_python(path: Path) -> PythonModel:
    """Run a model's code, with the modules beside it importable. Raises Fault."""
    sys.dont_write_bytecode = True  # the models root may be read-only, and is not ours
    if path.is_dir():
        check_links(path)
        return _run(path / MAIN)
    if path.suffix == ".zip" or zipfile.is_zipfile(path):
        return _run_unpacked(path)
    return _run(path)


def _run_unpacked(path: Path) -> PythonModel:
    """From a copy under HOME that lives as long as the model."""
    scratch = Path(tempfile.mkdtemp(prefix="model-", dir=Path.home()))
    try:
        model = _run(_main_in(unpack(path, scratch), path))
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    weakref.finalize(model, shutil.rmtree, scratch, ignore_errors=True)
    return model


def _main_in(folder: Path, path: Path) -> Path:
    """Where `model.py` is: at the top, or in the only folder there."""
    found = [folder / MAIN, *folder.glob(f"*/{MAIN}")]
    mains = [main for main in found if main.is_file()]
    if not mains or (mains[0].parent != folder and len(mains) > 1):
        raise Fault("load", f"{path.name} has no {MAIN}", (), f"put {MAIN} at its top")
    return mains[0]


def _run(main: Path) -> PythonModel:
    folder = main.parent
    if not main.is_file():
        raise Fault("load", f"there is no {main.name} in {folder.name}")
    if leads_out(main, folder):
        raise link_fault(main, folder)
    sys.path.insert(0, str(folder))
    OwnModules.watch(folder)
    with stage("import"):
        call = _function_of(_import(main), main)
    return PythonModel(call, names_taken(call))


def _import(main: Path) -> ModuleType:
    name = main.stem
    while name in sys.modules:  # `pandas.py` must not replace pandas
        name = f"_{name}"
    spec = importlib.util.spec_from_file_location(name, main)
    if spec is None or spec.loader is None:
        raise Fault("load", f"{main.name} is not Python code", (), "its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _function_of(module: ModuleType, main: Path) -> Callable[..., Any]:
    function: Any = getattr(module, "predict", None)
    model = getattr(module, "Model", None)
    if not callable(function) and isinstance(model, type):
        function = getattr(model(), "predict", None)
    if callable(function):
        return function  # type: ignore[no-any-return]
    raise Fault(
        "load",
        f"{main.name} has neither a function `predict` nor a class `Model` with `predict`",
        hint="write def predict(live, **context)",
    )
