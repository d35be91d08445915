"""An image to test, an account to submit to, and models that the image's own Python has pickled."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.image.engine import FURTHER_IMAGE, IMAGE, JOB_IMAGE, Engine, NoEngineError, find_engine
from job.sandbox import TINY, Sandbox

from .container import Containers
from .making import MAKE, MAKE_FURTHER, MAKE_JOB, leave_out, wanted

HERE = Path(__file__).parent
ANIMALS = HERE.parent / "e2e" / "animals.py"


@pytest.fixture(scope="session")
def engine() -> Engine:
    """What runs containers here."""
    if not wanted():
        pytest.skip("`make image-test` runs the tests of the image")
    try:
        return find_engine()
    except NoEngineError as error:
        leave_out(str(error))
        raise


def _image(engine: Engine, name: str, how: str) -> str:
    if not engine.has(name):
        leave_out(f"there is no image {name}: `{how}` builds it")
    return name


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    """The image as users have it."""
    return _image(engine, IMAGE, MAKE)


@pytest.fixture(scope="session")
def job_image(engine: Engine) -> str:
    """The image without libraries for models."""
    return _image(engine, JOB_IMAGE, MAKE_JOB)


@pytest.fixture(scope="session")
def further_image(engine: Engine) -> str:
    """The image with further formats and a further interpreter."""
    return _image(engine, FURTHER_IMAGE, MAKE_FURTHER)


@pytest.fixture(scope="session")
def pickles(engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models that the image's Python has pickled, since another's would not run there."""
    folder = tmp_path_factory.mktemp("pickles")
    folder.chmod(0o777)
    mounts = ["-v", f"{folder}:/out", "-v", f"{HERE / 'write_models.py'}:/write/write_models.py:ro"]
    done = engine.call(
        *("run", "--rm", "--pull=never", "--no-healthcheck", *mounts),
        *("-v", f"{ANIMALS}:/write/animals.py:ro", "-e", "PYTHONSAFEPATH="),
        *("--entrypoint=python", image, "/write/write_models.py", "/out"),
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox on the real clock."""
    with Sandbox(shape=TINY, models=[]) as running:
        yield running


@pytest.fixture
def containers(
    engine: Engine, image: str, box: Sandbox, pickles: Path, tmp_path: Path
) -> Iterator[Containers]:
    """The image beside that sandbox, with those pickles in its models root."""
    models, scratch = tmp_path / "models", tmp_path / "scratch"
    shutil.copytree(pickles, models)
    models.chmod(0o755)
    scratch.mkdir()
    made = Containers(engine, image, box, scratch, models)
    yield made
    made.clear()
