"""Prints every package of the environment it runs in: version, and megabytes on disk.

It is mounted into a container of the image, and stands alone.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path


def main() -> int:
    """Python's packages, the largest first, then Debian's by name."""
    rows = sorted(map(_row, distributions()), key=lambda row: -row[2])
    for name, version, size in rows:
        sys.stdout.write(f"{name:20} {version:12} {size / 1e6:7.1f} MB\n")
    sys.stdout.write(f"\nPython {sys.version.split()[0]}; Debian: {', '.join(_debian())}\n")
    return 0


def _row(one: Distribution) -> tuple[str, str, int]:
    return one.name, one.version, sum(path.stat().st_size for path in _files(one))


def _files(one: Distribution) -> Iterator[Path]:
    """What it brought and what was compiled of it."""
    for file in one.files or ():
        path = Path(str(one.locate_file(file)))
        if path.is_file():
            yield path
        compiled = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
        if path.suffix == ".py" and compiled.is_file():
            yield compiled


def _debian() -> list[str]:
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}\n"],  # noqa: S607
        capture_output=True,
        check=False,
        text=True,
    )
    return listed.stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main())
