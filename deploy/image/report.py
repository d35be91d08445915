"""`python -m deploy.image.report`: builds, measures, and prints a table for the README."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import median

from deploy.image import figures
from deploy.image.build import arguments
from deploy.image.engine import IMAGE, JOB_IMAGE, Engine, NoEngineError, find_engine

PLAIN, PLAIN_JOB = "localhost/numerai-job-plain:latest", "localhost/numerai-job-plain:job"
CHANGED = "localhost/numerai-job:changed"
TIMES = 7
MB = 1e6


def main() -> int:
    """Prints the table; 2 where nothing builds images."""
    try:
        engine = find_engine()
    except NoEngineError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    _build_all(engine)
    rows = [("", "measured", "beside it", "goal"), ("---", "---:", "---:", "---")]
    rows += [*_sizes(engine), *_starts(engine), *_rebuild(engine)]
    sys.stdout.write("".join(f"| {' | '.join(row)} |\n" for row in rows))
    return 0


def _build_all(engine: Engine) -> None:
    given, plain = arguments(), "deploy/image/plain.Dockerfile"
    for tag, file, options in (
        (IMAGE, "Dockerfile", ["--target", "models", *given]),
        (JOB_IMAGE, "Dockerfile", ["--target", "job", *given]),
        (PLAIN, plain, ["--build-arg", "EXTRAS=azure notify demo"]),
        (PLAIN_JOB, plain, ["--build-arg", "EXTRAS=azure notify"]),
    ):
        _say(f"building {tag}")
        if engine.build(tag, file=file, options=options, quiet=True).returncode:
            raise SystemExit(f"{tag} does not build")


def _sizes(engine: Engine) -> Sequence[tuple[str, str, str, str]]:
    sizes = {}
    for tag in (IMAGE, JOB_IMAGE, PLAIN, PLAIN_JOB):
        _say(f"compressing {tag}")
        sizes[tag] = figures.compressed(engine, tag) / MB
    return [
        (
            "the job alone, compressed; and plainly installed",
            f"{sizes[JOB_IMAGE]:.0f} MB",
            f"{sizes[PLAIN_JOB]:.0f} MB",
            "at most 120 MB",
        ),
        (
            "with scikit-learn, LightGBM, SciPy, cloudpickle; and plainly installed",
            f"{sizes[IMAGE]:.0f} MB",
            f"{sizes[PLAIN]:.0f} MB",
            "at most 175 MB",
        ),
    ]


def _starts(engine: Engine) -> Sequence[tuple[str, str, str, str]]:
    _say("starting containers that have nothing to do")
    found = figures.starts(engine, IMAGE, JOB_IMAGE, times=TIMES)
    first = {tag: median(seconds) for tag, seconds in found.items()}
    _say("importing")
    compiled, anew = (
        figures.imports(engine, IMAGE, compiled=which, times=TIMES) for which in (True, False)
    )
    return [
        (
            "start of the container to the first request; and the job alone",
            f"{first[IMAGE]:.2f} s",
            f"{first[JOB_IMAGE]:.2f} s",
            "at most 1.5 s",
        ),
        (
            "of which imports; and with nothing compiled",
            f"{compiled:.2f} s",
            f"{anew:.2f} s",
            "at most 0.8 s",
        ),
    ]


def _rebuild(engine: Engine) -> Sequence[tuple[str, str, str, str]]:
    _say("building after a change of the source")
    seconds = figures.rebuild(engine, CHANGED, ["--target", "models"], _say)
    return [("rebuild after a change of the source", f"{seconds:.1f} s", "", "at most 10 s")]


def _say(what: str) -> None:
    sys.stderr.write(f"image-report: {what}\n")


if __name__ == "__main__":
    sys.exit(main())
