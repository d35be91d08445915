"""Takes out of an environment what the job and its models never read, and says what that saved.

    slim.py SITE_PACKAGES

Each line of the table is one kind of thing, with the reason why nothing misses it, and what it
saves, which the build prints too. tests/image proves for every module and every shared object that
is left that all it needs is left too.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Removal:
    """Files that go: globs below site-packages, or whole distributions by name."""

    what: str
    why: str
    globs: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()


REMOVALS = (
    # The figure behind each is what it saves of the image with model libraries, MB gzipped.
    Removal(  # 9.9
        "test suites",
        "they test the libraries, and nothing outside of them imports them",
        ("*/tests", "*/*/tests", "*/*/*/tests", "*/*/*/*/tests", "*/conftest.py"),
    ),
    Removal(  # 7.7
        "Arrow Flight",
        "pyarrow.flight is imported by nothing but itself; Numerai has no Flight server",
        ("pyarrow/*flight*",),
    ),
    Removal(  # 2.0
        "headers and sources of compiled code",
        "they build extensions against a library, and there is no compiler",
        (
            "pyarrow/include",
            "pyarrow/includes",
            "pyarrow/src",
            "numpy/*/include",
            "**/*.pyx",
            "**/*.pyx.tp",
            "**/*.pxd",
            "**/*.pxi",
            "**/*.pxd.tp",
            "**/*.h",
            "**/*.hpp",
            "**/*.c",
            "**/*.cpp",
            "**/*.cc",
        ),
    ),
    Removal(  # 3.1
        "aiohttp",
        "numerapi asks for fsspec[http]; only its calls that the job replaces would import it",
        distributions=(
            "aiohttp",
            "aiohappyeyeballs",
            "aiosignal",
            "attrs",
            "frozenlist",
            "multidict",
            "propcache",
            "yarl",
        ),
    ),
    Removal(  # 0.5
        "scikit-learn's sample data",
        "sklearn.datasets loads them for tutorials",
        ("sklearn/datasets/data", "sklearn/datasets/images", "sklearn/datasets/descr"),
    ),
    Removal(  # 1.0
        "Apprise's pictures and translations",
        "for notifications of a desktop, and for its own command line in other languages",
        ("apprise/assets", "apprise/i18n"),
    ),
    Removal(  # 0.1
        "Azure's clients for asyncio",
        "they need aiohttp; the job's one is the client that blocks",
        ("azure/**/aio",),
    ),
    Removal(  # 0.2
        "Arrow's own clients of S3, Google, Azure and HDFS",
        "pyarrow.fs goes on without them; the bulk of them is in libarrow.so and stays",
        ("pyarrow/_s3fs*", "pyarrow/_gcsfs*", "pyarrow/_azurefs*", "pyarrow/_hdfs*"),
    ),
    Removal(  # 0.1
        "type stubs",
        "for type checkers",
        ("**/*.pyi", "**/py.typed"),
    ),
    Removal(  # 0.1
        "static libraries",
        "for linkers",
        ("**/*.a",),
    ),
    Removal(  # 0.1
        "Arrow's ORC reader and its C++ tests",
        "Numerai's data are parquet; pyarrow imports them only when asked for ORC",
        ("pyarrow/_orc*", "pyarrow/_dataset_orc*", "pyarrow/_pyarrow_cpp_tests*"),
    ),
)
STRIPPED = ("*.so", "*.so.*")  # 6.2
# What auditwheel has put there was patched so that strip breaks it.
NOT_STRIPPED = ".libs"


def slim(site: Path) -> Iterator[tuple[str, int, int]]:
    """Removes it all; gives what, bytes saved on disk, bytes saved compressed."""
    for removal in REMOVALS:
        paths = list(_paths(site, removal))
        saved = _sizes(site, paths)
        for path in paths:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        yield removal.what, *saved
    yield "symbols of compiled code", *_strip(site)


def _paths(site: Path, removal: Removal) -> Iterator[Path]:
    found = {path for glob in removal.globs for path in site.glob(glob)}
    wanted = {name.replace("-", "_") for name in removal.distributions}
    for one in distributions(path=[str(site)]):
        if one.name.lower().replace("-", "_") in wanted:
            found |= {site / file.parts[0] for file in one.files or ()}
    inside = {path for path in found if found & set(path.parents)}
    yield from sorted(path for path in found - inside if path.exists())


def _strip(site: Path) -> tuple[int, int]:
    """Strips every shared object; what debuggers read is gone, what the loader reads stays."""
    paths = sorted({p for glob in STRIPPED for p in site.rglob(glob) if _strippable(site, p)})
    before = _sizes(site, paths)
    if paths:
        command = ["strip", "--strip-unneeded", *map(str, paths)]
        subprocess.run(command, check=True)  # noqa: S603 - Debian's binutils
    after = _sizes(site, paths)
    return before[0] - after[0], before[1] - after[1]


def _strippable(site: Path, path: Path) -> bool:
    package = path.relative_to(site).parts[0]
    return path.is_file() and not path.is_symlink() and not package.endswith(NOT_STRIPPED)


def _sizes(site: Path, paths: Sequence[Path]) -> tuple[int, int]:
    """Bytes on disk, and in a compressed archive."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz", compresslevel=6) as archive:
        for path in paths:
            archive.add(path, arcname=str(path.relative_to(site)))
    files = (file for path in paths for file in (path, *path.rglob("*")) if file.is_file())
    return sum(file.stat().st_size for file in files), len(held.getvalue())


def main(argv: Sequence[str]) -> int:
    """Slims the folder given, and prints a line a removal."""
    for what, size, packed in slim(Path(argv[0])):
        sys.stdout.write(f"{size / 1e6:8.1f} MB {packed / 1e6:6.1f} gzip  {what}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
