"""An image with the libraries of EXTRAS, and with a further interpreter of RUNTIMES."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from onnx import TensorProto, helper, save

from deploy.image.engine import ROOT
from job.sandbox import feature_sets

from .container import Containers
from .making import leave_out

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
HERE = Path(__file__).parent
RUNTIME = "numerai-3.11"
PYTHON = f"/opt/runtimes/{RUNTIME}/bin/python"
LIBRARIES = (
    *("cloudpickle", "joblib", "lightgbm", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy"),
    "xgboost-cpu",
)
NOT_COMPILED = """
import importlib.util, os, sys
import cloudpickle, joblib, lightgbm, onnxruntime, pandas, pyarrow.parquet, scipy.stats, xgboost
import sklearn.ensemble, sklearn.linear_model, sklearn.pipeline
files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
compiled = importlib.util.cache_from_source
print([file for file in files if file.endswith(".py") and not os.path.exists(compiled(file))])
"""


@pytest.fixture
def further(containers: Containers, further_image: str) -> Containers:
    """That image."""
    containers.image = further_image
    return containers


@pytest.fixture
def runtime(further: Containers) -> str:
    """The interpreter, where the image's base offered it to the build."""
    there = f"import os; print(os.path.exists({PYTHON!r}))"
    if further.python(there).strip() != "True":
        leave_out(f"{further.image} was built without RUNTIMES={RUNTIME}")
    return RUNTIME


def write_boosters(further: Containers, python: str) -> None:
    """Has this interpreter of the image train and pickle models into the models root."""
    further.models.chmod(0o777)
    script = HERE / "write_boosters.py"
    mounts = ["-v", f"{further.models}:/out", "-v", f"{script}:/write_boosters.py:ro"]
    names = feature_sets(further.box.shape)["small"]
    options = [*mounts, f"--entrypoint={python}"]
    ended = further.run("/write_boosters.py", "/out", *names, options=options, mounts=False)
    assert ended.code == 0, ended.err


def write_graph(further: Containers) -> None:
    """A graph into the models root: the sum of all features."""
    shapes = {"features": [None, None], "prediction": [None, 1]}
    one, other = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    )
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    node = helper.make_node("ReduceSum", ["features", "axis"], ["prediction"])
    graph = helper.make_graph([node], "sum", [one], [other], [axis])
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    save(model, further.models / "sum.onnx")


def write_manifest(further: Containers, artifacts: Sequence[str], more: str = "") -> None:
    """Names the artifacts in the manifest, each as a model of its kind's name."""
    lines = ["version: 1", f"runtimes: {{{RUNTIME}: {PYTHON}}}", "models:"]
    for artifact in artifacts:
        name = artifact.partition(".")[0]
        further.box.add_model(name)
        lines += [f"  - name: {name}", f"    artifact: {artifact}"]
        lines += [
            "    features: small",
            "    postprocess: rank",
            *([f"    {more}"] if more else []),
        ]
    text = "\n".join(lines) + "\n"
    (further.models / "models_manifest.yaml").write_text(text, encoding="utf-8")


SUBMITTED = dict.fromkeys(("booster", "upload", "sum"), "submitted")
ARTIFACTS = ("booster.ubj", "upload.pkl", "sum.onnx")


def test_models_of_the_extras_formats_are_submitted(further: Containers) -> None:
    write_boosters(further, "python")
    write_graph(further)
    write_manifest(further, ARTIFACTS)
    ended = further.run("--json")
    assert ended.outcomes() == SUBMITTED, ended.err


def test_they_are_by_a_further_interpreter_as_well(further: Containers, runtime: str) -> None:
    write_boosters(further, PYTHON)
    write_graph(further)
    write_manifest(further, ARTIFACTS, f"runtime: {runtime}")
    ended = further.run("--json")
    assert ended.outcomes() == SUBMITTED, ended.err


def test_without_them_the_reason_names_what_is_lacking(containers: Containers) -> None:
    write_graph(containers)
    write_manifest(containers, ["sum.onnx"])
    ended = containers.run("--json")
    (row,) = ended.record["models"]
    assert (row["outcome"], ended.code) == ("failed", 3)
    assert "onnxruntime" in row["reason"]


def test_a_further_interpreter_has_numerais_versions(further: Containers, runtime: str) -> None:
    pins = (ROOT / "job" / "runtimes" / f"{runtime}.txt").read_text()
    known = dict(re.findall(r"^([\w-]+)==([\w.]+)$", pins, re.MULTILINE))
    script = f"import importlib.metadata as m; print(*[m.version(name) for name in {LIBRARIES}])"
    ended = further.run("-c", script, options=[f"--entrypoint={PYTHON}"], mounts=False)
    assert ended.out.split() == [known[name] for name in LIBRARIES], ended.err


@pytest.mark.usefixtures("runtime")
def test_a_further_interpreter_compiles_nothing(further: Containers) -> None:
    options = [f"--entrypoint={PYTHON}"]
    ended = further.run("-I", "-c", NOT_COMPILED, options=options, mounts=False)
    assert ended.out.strip() == "[]", ended.err
