"""Graphs in ONNX predict as ONNX Runtime does, whatever their inputs and outputs are called."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from onnx import TensorProto, helper, save
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from worker_round import ROWS, WIDE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from skl2onnx import to_onnx

USED = [WIDE[i] for i in (17, 3, 101, 44, 8)]  # not in live's order


@pytest.fixture(scope="module")
def live(files) -> pd.DataFrame:
    return pd.read_parquet(files[0])[USED].astype(np.float32)


@pytest.fixture(scope="module")
def target(live) -> pd.Series:
    return live[USED[0]] / 4 + live[USED[1]] / 8


def converted(model, sample, path, **options) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = to_onnx(model, sample, options=options or None)
    path.write_bytes(graph.SerializeToString())
    return path


def run(path, given, output) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run([output], given)[0]


def drawn(folder, inputs, outputs, nodes=None) -> Path:
    """A graph that is drawn by hand: the sum of each row of the first input."""
    constant = helper.make_tensor("one", TensorProto.INT64, [1], [1])
    nodes = nodes or [helper.make_node("ReduceSum", [inputs[0].name, "one"], [outputs[0].name])]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, [constant])
    opset = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "model.onnx")
    return folder / "model.onnx"


def tensor(name, shape, type=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, type, shape)


@pytest.mark.parametrize("type", [np.float32, np.float64])
def test_a_regressor_of_one_input(worker, round_, live, target, type):
    sample = live.to_numpy(type)
    artifact = converted(LinearRegression().fit(live, target), sample[:1], round_.folder / "m.onnx")
    round_.predict(worker, artifact, format="onnx", features=USED)
    expected = run(artifact, {"X": sample}, "variable")[:, 0].astype(float)
    np.testing.assert_array_equal(round_.answers(), expected)


def test_inputs_that_are_called_by_features_need_no_list(worker, round_, live, target):
    pipeline = make_pipeline(
        ColumnTransformer([("all", "passthrough", USED)]), LinearRegression()
    ).fit(live, target)
    artifact = converted(pipeline, live[:1], round_.folder / "model.onnx")
    round_.predict(worker, artifact, format="onnx")
    given = {name: live[[name]].to_numpy() for name in USED}
    expected = run(artifact, given, "variable")[:, 0].astype(float)
    np.testing.assert_array_equal(round_.answers(), expected)
    error = round_.fails(worker, artifact, format="onnx", features=[*USED[:4], WIDE[0]])
    assert error.why == (
        f"1 missing from `features`: {USED[4]}",
        f"1 in `features` but not in the model: {WIDE[0]}",
    )


@pytest.mark.parametrize("labels", [(0, 1), ("down", "up")])
@pytest.mark.parametrize("zipmap", [True, False])
def test_a_classifier_gives_the_probability_of_its_second_class(
    worker, round_, live, target, labels, zipmap
):
    model = LogisticRegression().fit(live, np.where(target > 0.7, labels[1], labels[0]))
    artifact = round_.folder / "model.onnx"
    converted(model, live.to_numpy()[:1], artifact, zipmap=zipmap)
    round_.predict(worker, artifact, format="onnx", features=USED)
    if zipmap:
        rows = run(artifact, {"X": live.to_numpy()}, "output_probability")
        second = sorted(labels)[1] if isinstance(labels[0], str) else labels[1]
        expected = [row[second] for row in rows]
    else:
        expected = run(artifact, {"X": live.to_numpy()}, "probabilities")[:, 1].astype(float)
    np.testing.assert_array_equal(round_.answers(), expected)


def test_features_are_asked_for_and_counted(worker, round_, live, target):
    artifact = converted(
        LinearRegression().fit(live, target), live.to_numpy()[:1], round_.folder / "model.onnx"
    )
    error = round_.fails(worker, artifact, format="onnx")
    assert error.why == ("it takes 5 features and has no names for them",)
    error = round_.fails(worker, artifact, format="onnx", features=USED[:3])
    assert error.what == "the model takes 5 features, `features` has 3"


@pytest.mark.parametrize("rows", [1, 7, ROWS, ROWS + 3])
def test_a_graph_exported_for_a_fixed_number_of_rows_is_fed_so_many(worker, round_, live, rows):
    artifact = drawn(round_.folder, [tensor("x", [rows, 5])], [tensor("y", [rows, 1])])
    round_.predict(worker, artifact, format="onnx", features=USED)
    np.testing.assert_array_equal(round_.answers(), live.sum(axis=1).astype(float))


@pytest.mark.parametrize(
    ("inputs", "outputs", "what"),
    [
        ([tensor("x", ["N", 5, 1])], [tensor("y", ["N", 1, 1])], "input `x` has the shape"),
        (
            [tensor("x", ["N", 5]), tensor("z", ["N", 2])],
            [tensor("y", ["N", 1])],
            "the graph has 2 inputs; `x` has the shape",
        ),
        (
            [tensor("x", ["N", 5], TensorProto.STRING)],
            [tensor("x", ["N", 5], TensorProto.STRING)],
            "input `x` is of tensor(string), not of numbers",
        ),
    ],
)
def test_a_graph_of_another_shape_says_which(worker, round_, inputs, outputs, what):
    nodes = [helper.make_node("Identity", ["x"], ["y"])] if outputs[0].name == "x" else None
    if nodes:
        outputs = [tensor("y", ["N", 5], TensorProto.STRING)]
    artifact = drawn(round_.folder, inputs, outputs, nodes)
    error = round_.fails(worker, artifact, format="onnx", features=USED)
    assert what in error.what


def test_an_output_that_cannot_be_told_is_not_guessed(worker, round_):
    nodes = [helper.make_node("Identity", ["x"], [name]) for name in ("a", "b")]
    outputs = [tensor(name, ["N", 5]) for name in ("a", "b")]
    artifact = drawn(round_.folder, [tensor("x", ["N", 5])], outputs, nodes)
    error = round_.fails(worker, artifact, format="onnx", features=USED)
    assert error.what == "which of the graph's outputs is the prediction?"
    assert error.why == ("`a`, `b`",)


def test_labels_alone_and_several_numbers_a_row_are_refused(worker, round_):
    cast = [helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0)]
    label = tensor("label", ["N"], TensorProto.INT64)
    artifact = drawn(round_.folder, [tensor("x", ["N", 5])], [label], cast)
    error = round_.fails(worker, artifact, format="onnx", features=USED)
    assert error.what == "the graph gives class labels, not probabilities"
    same = [helper.make_node("Identity", ["x"], ["y"])]
    artifact = drawn(round_.folder, [tensor("x", ["N", 5])], [tensor("y", ["N", 5])], same)
    error = round_.fails(worker, artifact, format="onnx", features=USED)
    assert error.what == "the model gives 5 numbers a row"


def test_a_truncated_graph_is_called_damaged(worker, round_, live, target):
    artifact = converted(
        LinearRegression().fit(live, target), live.to_numpy()[:1], round_.folder / "model.onnx"
    )
    artifact.write_bytes(artifact.read_bytes()[:60])
    error = round_.fails(worker, artifact, format="onnx", features=USED)
    assert error.why == ("likely damaged, or not of this format",)
