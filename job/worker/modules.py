"""What a model imported from its own folders, forgotten before the next model imports."""

from __future__ import annotations

import contextlib
import importlib
import os
import site
import sys
import sysconfig
from collections.abc import Iterable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType
from typing import Any

LIBRARY_FOLDERS = ("site-packages", "dist-packages")
WITHOUT_FILE = ("_cython_", "cython_runtime", "swig_runtime_data")  # libraries share these


class Modules:
    """Modules of the interpreter and its libraries; they stay, whichever model imported them.

    Everything else that a model puts into `sys.modules` goes with it, so that each of two models
    with a `features.py` of its own gets its own.
    """

    def __init__(self) -> None:
        self._folders = _library_folders()
        self._kept = dict(sys.modules)
        self._main = sys.modules["__main__"].__dict__
        self._names = dict(self._main)
        self._finders = list(sys.meta_path)
        self._hooks = list(sys.path_hooks)
        self._searched = set(sys.path_importer_cache)

    def restore(self) -> list[str]:
        """Forget the last model's modules; what cannot be undone in this process, as clauses.

        `sys.path` is for the caller to put back first.
        """
        tampered = self._put_back()
        dropped = self._drop_new()
        self._restore_main()
        self._restore_search(changed=bool(dropped))
        return tampered + [
            f"loaded the extension module {name}"
            for name, module in dropped.items()
            if self._is_own_extension(_text(module, "__file__"))
        ]

    def _put_back(self) -> list[str]:
        now = sys.modules
        others = [name for name, module in self._kept.items() if now.get(name) is not module]
        for name in others:
            now[name] = self._kept[name]
        return [f"replaced the module {name}" for name in others]

    def _drop_new(self) -> dict[str, Any]:
        dropped = {}
        for name in sorted(map(str, set(sys.modules) - set(self._kept))):  # packages come first
            module = sys.modules.get(name)
            if self._is_of_library(name, module):
                self._kept[name] = module  # type: ignore[assignment]
            else:
                dropped[name] = sys.modules.pop(name, None)
                self._unlink(name, module)
        return dropped

    def _is_of_library(self, name: str, module: Any) -> bool:
        """By its file; without one, by what it is part of."""
        package = name.partition(".")[0]
        file = _text(module, "__file__")
        if os.path.isabs(file):  # noqa: PTH117
            return self._in_library(file) and not (
                name == package and _is_alias(file, name, module)
            )
        if name.startswith(WITHOUT_FILE) or _origin(module) in ("built-in", "frozen"):
            return True
        if package != name:
            return package in self._kept
        return any(self._in_library(path) for path in _namespace(module))

    def _in_library(self, path: str) -> bool:
        return path.startswith(self._folders)

    def _is_own_extension(self, file: str) -> bool:
        return file.endswith(tuple(EXTENSION_SUFFIXES)) and not self._in_library(file)

    def _unlink(self, name: str, module: Any) -> None:
        parent, _, child = name.rpartition(".")
        names = getattr(self._kept.get(parent), "__dict__", {})
        if names.get(child) is module:
            names.pop(child, None)

    def _restore_main(self) -> None:
        for name in set(self._main) - set(self._names):
            del self._main[name]
        self._main.update(self._names)

    def _restore_search(self, *, changed: bool) -> None:
        sys.meta_path[:] = self._without_foreign(sys.meta_path, self._finders)
        sys.path_hooks[:] = self._without_foreign(sys.path_hooks, self._hooks)
        foreign = [
            path
            for path in sys.path_importer_cache
            if path not in self._searched and not self._in_library(path + os.sep)
        ]
        for path in foreign:
            sys.path_importer_cache.pop(path, None)
        if changed or foreign:
            importlib.invalidate_caches()

    def _without_foreign(self, now: Iterable[Any], before: list[Any]) -> list[Any]:
        """The finders of old, after those that libraries have put before them or behind."""
        kept = [each for each in now if each in before or _module_of(each) in self._kept]
        return kept if all(each in kept for each in before) else before


def _library_folders() -> tuple[str, ...]:
    """Folders of the standard library and of installed packages, with a separator behind."""
    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders.update(site.getsitepackages(), [site.getusersitepackages()])
    folders.update(p for p in sys.path if p.endswith((*LIBRARY_FOLDERS, "lib-dynload")))
    folders.update([os.path.realpath(folder) for folder in folders])
    return tuple(folder.rstrip(os.sep) + os.sep for folder in sorted(folders))


def _is_alias(file: str, name: str, module: Any) -> bool:
    """Whether a top-level name is one that a model gave to a library's module.

    `__name__` alone would not tell: extension modules of scipy enter themselves at the top as well.
    """
    return _text(module, "__name__") != name and Path(file).name.partition(".")[0] != name


def _text(module: Any, name: str) -> str:
    with contextlib.suppress(Exception):  # anything may lie in sys.modules
        value = getattr(module, name)
        return value if isinstance(value, str) else ""
    return ""


def _origin(module: Any) -> str:
    return _text(getattr(module, "__spec__", None), "origin") if _is_module(module) else ""


def _namespace(module: Any) -> list[str]:
    with contextlib.suppress(Exception):
        return [os.path.join(path, "") for path in module.__path__]  # noqa: PTH118
    return []


def _is_module(module: Any) -> bool:
    return isinstance(module, ModuleType)


def _module_of(finder: Any) -> str:
    name = _text(finder, "__module__") or _text(type(finder), "__module__")
    return "" if name == "__main__" else name
