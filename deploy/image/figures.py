"""What can be measured of an image: its size as a registry sends it, its start, its imports."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
import time
import uuid
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from deploy.image.engine import ROOT, Engine
from job.sandbox import TINY, Sandbox, zoo_names
from job.sandbox.samples import write_zoo

IMPORTS = """
import sys, time
began = time.perf_counter()
import job.__main__, job.commands.run, job.connect
print(time.perf_counter() - began)
"""
CHUNK = 1 << 20


def compressed(engine: Engine, image: str) -> int:
    """Bytes of all layers, the base's too, each gzipped as `docker push` does it."""
    command = [engine.program, "save", image]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, env=engine.environ()) as saving,  # noqa: S603
        tarfile.open(fileobj=saving.stdout, mode="r|") as archive,
    ):
        return sum(_gzipped(archive, one) for one in archive if one.isfile())


def _gzipped(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> int:
    stream = archive.extractfile(entry)
    squeezer, size = zlib.compressobj(6, wbits=31), 0
    while stream is not None and (data := stream.read(CHUNK)):
        size += len(squeezer.compress(data))
    return size + len(squeezer.flush())


def starts(engine: Engine, image: str, other: str, *, times: int) -> dict[str, list[float]]:
    """Seconds from `docker run` to the first request of a run that has nothing to do, by image.

    Args:
        image: one that has LightGBM; it makes the submission after which nothing is to do.
        other: one more to measure.
    """
    with tempfile.TemporaryDirectory() as name, Sandbox(shape=TINY, models=zoo_names(1)) as box:
        folder = Path(name)
        folder.chmod(0o755)
        write_zoo(folder, 1, shape=TINY)
        volume = f"numerai-report-{uuid.uuid4().hex[:12]}"
        try:
            _run(engine, image, box, folder, volume)
            if len(box.submissions) != 1:
                raise SystemExit("the run that was to submit did not")
            return {
                one: [_first_request(engine, one, box, folder, volume) for _ in range(times)]
                for one in (image, other)
            }
        finally:
            engine.call("volume", "rm", "--force", volume)


def _first_request(engine: Engine, image: str, box: Sandbox, folder: Path, volume: str) -> float:
    box.traffic.clear()
    began = datetime.now(UTC)
    _run(engine, image, box, folder, volume)
    (request,) = box.requests
    return (request.at - began).total_seconds()


def _run(engine: Engine, image: str, box: Sandbox, folder: Path, volume: str) -> None:
    given = {
        "NUMERAI_API_URL": box.api_url,
        "NUMERAI_PUBLIC_ID": box.public_id,
        "NUMERAI_SECRET_KEY": box.secret_key,
    }
    variables = [part for name, value in given.items() for part in ("-e", f"{name}={value}")]
    mounts = ["-v", f"{folder}:/models:ro", "-v", f"{volume}:/data"]
    plain = ["--rm", "--pull=never", "--no-healthcheck", "--network=host"]
    done = engine.call("run", *plain, *variables, *mounts, image)
    if done.returncode:
        raise SystemExit(f"{image} ended with {done.returncode}:\n{done.stderr}")


def imports(engine: Engine, image: str, *, compiled: bool, times: int) -> float:
    """Seconds that a run's imports take in a new container, the median.

    Args:
        compiled: whether what is compiled in the image may be used.
    """
    flags = [] if compiled else ["-X", "pycache_prefix=/nowhere"]
    plain = ["--rm", "--pull=never", "--no-healthcheck", "--entrypoint=python"]
    found = [engine.call("run", *plain, image, *flags, "-c", IMPORTS) for _ in range(times)]
    return median(float(done.stdout) for done in found)


def rebuild(engine: Engine, tag: str, options: list[str], say: Callable[[str], None]) -> float:
    """Seconds of a build after one line of the source has changed."""
    with tempfile.TemporaryDirectory() as name:
        context = copied_context(Path(name) / "context")
        say("the same once more, so that only the change is to build")
        _build(engine, tag, context, options)
        with (context / "job" / "run.py").open("a", encoding="utf-8") as file:
            file.write(f"# {uuid.uuid4()}\n")
        began = time.monotonic()
        _build(engine, tag, context, options)
        return time.monotonic() - began


def copied_context(target: Path) -> Path:
    """Copies what a build is sent, as .dockerignore names it, into a new folder."""
    target.mkdir()
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = [line.removeprefix("!") for line in lines if line.startswith("!")]
    for part in ("Dockerfile", ".dockerignore", *sent):
        place = target / part
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / part, place)
    return target


def _build(engine: Engine, tag: str, context: Path, options: list[str]) -> None:
    if engine.build(tag, context=context, options=options, quiet=True).returncode:
        raise SystemExit(f"{tag} does not build")
