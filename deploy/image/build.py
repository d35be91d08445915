"""`python -m deploy.image.build [--target job] [--tag T]`: builds the image, prints what is in it.

EXTRAS, RUNTIMES, BASE_DIGEST and SOURCE of the environment are passed on; see the Dockerfile.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from deploy.image.engine import (
    IMAGE,
    JOB_IMAGE,
    NAME,
    ROOT,
    Engine,
    NoEngineError,
    find_engine,
)
from job import __version__

PASSED_ON = ("EXTRAS", "RUNTIMES", "BASE_DIGEST", "SOURCE")
CONTENTS = Path(__file__).with_name("contents.py")


def main() -> int:
    """Builds; what the engine exits with, or 2 where there is none."""
    parser = argparse.ArgumentParser(prog="python -m deploy.image.build", description=__doc__)
    parser.add_argument("--target", choices=("models", "job"), default="models")
    parser.add_argument("--tag", help="of localhost/numerai-job; the target's own by default")
    given = parser.parse_args()
    tag = JOB_IMAGE if given.target == "job" else IMAGE
    if given.tag:
        tag = f"{NAME}:{given.tag}"
    try:
        engine = find_engine()
    except NoEngineError as error:
        sys.stderr.write(f"error: {error}\n  install docker or podman, then `make image`\n")
        return 2
    code = engine.build(tag, options=["--target", given.target, *arguments()]).returncode
    if code == 0:
        sys.stdout.write(f"{tag} is built; in it are:\n\n{contents(engine, tag)}")
    return code


def arguments() -> list[str]:
    """The build's arguments: what the image says of itself, and what was asked for."""
    values = {"VERSION": __version__, "REVISION": _revision()}
    values |= {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}
    return [part for name, value in values.items() for part in ("--build-arg", f"{name}={value}")]


def contents(engine: Engine, tag: str) -> str:
    """Package by package, with versions and sizes."""
    mount = f"{CONTENTS}:/contents.py:ro"
    plain = ("--rm", "--pull=never", "--no-healthcheck", "--entrypoint=python")
    listed = engine.call("run", *plain, "-v", mount, tag, "/contents.py")
    return listed.stdout or listed.stderr


def _revision() -> str:
    """The commit, with -dirty where the tree differs from it; empty outside of a clone."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
