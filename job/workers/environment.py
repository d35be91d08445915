"""The environment of a model process: an allow-list, so that no credential reaches model code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ALLOWED = (
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "LD_LIBRARY_PATH",
    "PYTHONHASHSEED",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "CUDA_VISIBLE_DEVICES",
    "KERAS_BACKEND",
)
ALLOWED_PREFIXES = ("LC_",)
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)


def worker_environment(
    environ: Mapping[str, str], *, threads: int, home: Path, tmp: Path | None = None
) -> dict[str, str]:
    """What a model process may see of `environ`.

    Args:
        environ: the job's environment.
        threads: threads of the numeric libraries.
        home: scratch folder that is HOME and the working folder.
        tmp: scratch folder for temporary files; default: `home`. `Worker` creates both.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name in ALLOWED or name.startswith(ALLOWED_PREFIXES)
    }
    folders = {"HOME": str(home.absolute()), "TMPDIR": str((tmp or home).absolute())}
    return {**kept, **folders, **dict.fromkeys(THREADS, str(threads))}
