"""Prints what pyproject.toml asks for, a requirement a line.

    requirements.py pyproject.toml                      the job's own dependencies
    requirements.py pyproject.toml --build              what building its wheel takes
    requirements.py pyproject.toml xgboost catboost     those, and these extras'
    requirements.py pyproject.toml --extras xgboost     these extras' alone

The image installs dependencies before it gets the source, and pip has no such option.
"""

from __future__ import annotations

import difflib
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def requirements(project: Mapping[str, Any], extras: Sequence[str]) -> list[str]:
    """The dependencies, and those of the extras; raises `ValueError` for an extra unheard of."""
    return list(dict.fromkeys([*project["dependencies"], *requirements_of(project, extras)]))


def requirements_of(project: Mapping[str, Any], extras: Sequence[str]) -> list[str]:
    """Those of the extras alone; raises `ValueError` for an extra unheard of."""
    known: Mapping[str, list[str]] = project.get("optional-dependencies", {})
    found: list[str] = []
    for extra in extras:
        if extra not in known:
            near = difflib.get_close_matches(extra, known, n=1)
            perhaps = f"; perhaps you meant {near[0]}?" if near else ""
            raise ValueError(f"EXTRAS: {extra!r} is none of {', '.join(sorted(known))}{perhaps}")
        own = f"{project['name']}["
        for requirement in known[extra]:
            if requirement.startswith(own):
                inner = requirement.removeprefix(own).partition("]")[0].split(",")
                found += requirements_of(project, [name.strip() for name in inner])
            else:
                found.append(requirement)
    return list(dict.fromkeys(found))


def main(argv: Sequence[str]) -> int:
    """Prints them; 2 for an extra that is not there."""
    path, *extras = argv
    document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    try:
        if extras == ["--build"]:
            lines = document["build-system"]["requires"]
        elif extras[:1] == ["--extras"]:
            lines = requirements_of(document["project"], extras[1:])
        else:
            lines = requirements(document["project"], extras)
    except ValueError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
