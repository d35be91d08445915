"""`demo`: the job at work on the sandbox, twice, without an account."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from job.errors import Exit, UsageError
from job.output import say
from job.variables import PREFIX

if TYPE_CHECKING:
    from job.sandbox import Sandbox

INTRODUCTION = """\
A stand-in for Numerai runs on this machine, with an account of four models: a model-upload
pickle, a LightGBM text file, a scikit-learn joblib, and one that is broken on purpose.
"""


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Runs the job against the sandbox, and again; 0 when what was to happen has happened."""
    try:
        from job.sandbox import DEMO, Sandbox
        from job.sandbox.account import SAMPLE_MODELS
        from job.sandbox.samples import write_samples
    except ModuleNotFoundError as error:
        raise UsageError(
            "the demo needs packages that are not installed",
            [f"no module named {error.name!r}"],
            hint="pip install 'numerai-job[demo]', or pip install '.[demo]' in a clone; "
            "of the images, the one that was built without --target job has them",
        ) from error
    with TemporaryDirectory(prefix="numerai-demo-") as folder, Sandbox(shape=DEMO) as box:
        say(INTRODUCTION)
        write_samples(Path(folder) / "models", shape=DEMO)
        env = _environment(environ, box, Path(folder))
        good = set(SAMPLE_MODELS[:-1])
        first = _run("$ python -m job", env)
        sent = {submission.model for submission in box.submissions}
        second = _run("$ python -m job      # again", env)
        as_meant = (
            first == second == Exit.MODELS_FAILED
            and sent == good
            and len(box.submissions) == len(good)
        )
    say(_verdict(as_meant, good))
    return Exit.OK if as_meant else Exit.UNFORESEEN


def _run(title: str, env: Mapping[str, str]) -> int:
    say(title)
    command = [sys.executable, "-m", "job", "run"]
    code = subprocess.run(command, env=env, check=False).returncode  # noqa: S603 - our own words
    say(f"exit code {code}\n")
    return code


def _environment(environ: Mapping[str, str], box: Sandbox, folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    return kept | {
        "NUMERAI_API_URL": box.api_url,
        "NUMERAI_PUBLIC_ID": box.public_id,
        "NUMERAI_SECRET_KEY": box.secret_key,
        "NUMERAI_MODELS_DIR": str(folder / "models"),
        "NUMERAI_DATA_DIR": str(folder / "data"),
    }


def _verdict(as_meant: bool, good: set[str]) -> str:
    if as_meant:
        return (
            f"The first run submitted {len(good)} models and said why one failed; "
            "the second found nothing left to submit."
        )
    return "This is not what the demo is to show; please open an issue with the lines above."
