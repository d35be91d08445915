"""Compiles what a run and a model process import, and no more, so that a start need not.

    precompile.py DESTINATION MODULE... PACKAGE.*...

A container's file system is read-only or thrown away, so that Python would compile every module
anew on each start. Compiling all there is would add more to the pull than it saves. The result
does not depend on the files' times, which not every builder keeps.

Writes the compiled files below DESTINATION, at their places in the image.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import py_compile
import sys
from collections.abc import Iterator, Sequence
from importlib.util import cache_from_source
from pathlib import Path


def import_all(names: Sequence[str]) -> None:
    """Imports them; `package.*` is all that is in it. What is not installed is left out."""
    for name in names:
        with contextlib.suppress(ImportError):
            package = importlib.import_module(name.removesuffix(".*"))
            if name.endswith(".*"):
                inside = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
                import_all([module.name for module in inside])


def sources() -> Iterator[str]:
    """The source files of all that is imported by now, unless they are compiled already."""
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        if path.endswith(".py") and path != __file__ and not Path(cache_from_source(path)).exists():
            yield path


def main(argv: Sequence[str]) -> int:
    """Imports, then compiles."""
    destination, *names = argv
    import_all(names)
    for path in sorted(set(sources())):
        target = Path(destination) / cache_from_source(path).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        py_compile.compile(
            path,
            cfile=str(target),
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
