"""What builds and runs images here: docker or podman, whichever is there.

Where there is neither a daemon nor a registry, the tool beside the repository builds with podman on
a stand-in for the base image.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "localhost/numerai-job"
IMAGE = f"{NAME}:latest"
JOB_IMAGE = f"{NAME}:job"
FURTHER_IMAGE = f"{NAME}:further"
TOOL = ROOT.parent / "shared" / "tools" / "build-image.sh"
TOOL_STATE = ROOT / "build" / "stand-in"


class NoEngineError(Exception):
    """Nothing here builds images."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A program that runs containers, and the way in which it builds their images.

    Attributes:
        program: docker or podman.
        tool: the script that builds, where the program cannot do so alone.
        more: variables that the program needs.
    """

    program: str
    tool: Path | None = None
    more: Mapping[str, str] = field(default_factory=dict)

    def build(
        self,
        tag: str,
        *,
        file: str = "Dockerfile",
        context: Path = ROOT,
        options: Sequence[str],
        quiet: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Builds; what it prints goes to stderr, and if `quiet`, nowhere."""
        environ = self.environ()
        if self.tool is None:
            command = [self.program, "build", "-f", str(context / file), "-t", tag, *options, "."]
            if self.program == "podman":
                command.insert(2, "--format=docker")  # OCI's has no HEALTHCHECK
        else:
            command = ["bash", str(self.tool), *options]
            state = str(TOOL_STATE)
            environ |= {"APP_TAG": tag, "DOCKERFILE": file, "CONTEXT": ".", "STATE": state}
        out = subprocess.DEVNULL if quiet else sys.stderr
        return subprocess.run(  # noqa: S603 - our own words
            command, cwd=context, env=environ, check=False, text=True, stdout=out, stderr=out
        )

    def call(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Runs the program with these arguments, and keeps what it prints."""
        return subprocess.run(  # noqa: S603 - our own words
            [self.program, *args], env=self.environ(), check=False, capture_output=True, text=True
        )

    def environ(self) -> dict[str, str]:
        """The environment to run the program in."""
        found = {**os.environ, "DOCKER_BUILDKIT": "1", **self.more}
        return found | _variables_of(TOOL_STATE / "env.sh" if self.tool else None)

    def has(self, image: str) -> bool:
        """Whether the image is here."""
        return self.call("image", "inspect", image).returncode == 0


def find_engine() -> Engine:
    """What there is; raises `NoEngineError` with the reason where there is nothing."""
    if _answers("docker"):
        return Engine("docker")
    if TOOL.exists():
        return Engine("podman", tool=TOOL)
    if _answers("podman"):
        return Engine("podman")
    raise NoEngineError("neither a docker daemon nor podman answers here")


def _answers(program: str) -> bool:
    if shutil.which(program) is None:
        return False
    try:
        done = subprocess.run([program, "info"], capture_output=True, check=False, timeout=30)  # noqa: S603
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _variables_of(path: Path | None) -> dict[str, str]:
    """What a file of `export NAME=value` lines sets."""
    if path is None or not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.removeprefix("export ").partition("=") for line in lines)
    return {name: value for name, _, value in pairs if name}


def main() -> int:
    """Says what was found; 2 where nothing was."""
    try:
        engine = find_engine()
    except NoEngineError as error:
        sys.stderr.write(f"no image can be built: {error}\n")
        return 2
    how = f", built by {engine.tool.name}" if engine.tool else ""
    sys.stdout.write(f"images: {engine.program}{how}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
