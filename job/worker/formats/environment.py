"""What the environment of the process tells the libraries, and what they must be told anew."""

from __future__ import annotations

import importlib.util
import os
import sys

from ..faults import Fault

BACKENDS = ("tensorflow", "jax", "torch")
BY_THREADS = ("NPROC", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
"""Names that JAX and TensorFlow look for; the other libraries heed OMP_NUM_THREADS."""


def threads() -> int:
    """How many threads a library may use; 0: it may choose."""
    text = os.environ.get("OMP_NUM_THREADS", "")
    return int(text) if text.isdecimal() else 0


def choose_backend() -> None:
    """Have Keras come with a library that is installed, unless the environment names one.

    Must precede its first import. Raises Fault if there is none.
    """
    if "keras" in sys.modules or importlib.util.find_spec("keras") is None:
        return
    for name in BY_THREADS if threads() else ():
        os.environ.setdefault(name, str(threads()))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "KERAS_BACKEND" in os.environ:
        return
    found = [name for name in BACKENDS if importlib.util.find_spec(name) is not None]
    if not found:
        what = "the model needs keras with tensorflow, jax or torch, of which none is installed"
        hint = "pip install 'numerai-job[keras]', or name a runtime that has it"
        raise Fault("load", what, (), hint)
    os.environ["KERAS_BACKEND"] = found[0]
