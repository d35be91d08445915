"""A large frame stays within a model's memory, and batches change no number."""

from __future__ import annotations

import warnings
from itertools import pairwise

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost
from onnx import TensorProto, helper, save
from worker_round import MIB, WIDE, new_worker

from job.errors import ModelError
from job.worker.batches import FEWEST, UNLIMITED, RowModel, batches, resident, rows_at_once
from job.worker.faults import Fault
from job.worker.formats import load

COLUMNS, ROWS = 3555, 24_000
ALL = [f"feature_{i:04d}" for i in range(COLUMNS)]


def test_a_batch_takes_half_of_what_is_left_at_most():
    row = 1000
    for limit in (64 * MIB, 512 * MIB):
        rows = rows_at_once(row, memory=resident() + limit)
        assert rows * row == pytest.approx(limit / 2, rel=0.05)
    assert rows_at_once(row, memory=None) == UNLIMITED // row
    assert rows_at_once(row, memory=1) == rows_at_once(1 << 40, memory=None) == FEWEST


def test_a_rounds_live_data_go_in_one_batch_where_nothing_limits_them():
    assert rows_at_once(COLUMNS * 16, memory=None) > 6_500


@pytest.mark.parametrize("rows", [0, 1, FEWEST, FEWEST + 1, 5 * FEWEST - 1])
def test_batches_follow_one_another_and_hold_every_row_once(rows):
    cut = list(batches(pd.DataFrame(np.zeros((rows, 3))), cell=8, memory=1))
    assert [batch.start for batch in cut[:1]] == [0] * bool(rows)
    assert all(one.stop == two.start for one, two in pairwise(cut))
    assert sum(batch.stop - batch.start for batch in cut) == rows
    assert all(0 < batch.stop - batch.start <= FEWEST for batch in cut)


def grown(library: str, x: pd.DataFrame, y: np.ndarray, folder) -> RowModel:
    path = folder / f"model.{library}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if library == "lightgbm":
            settings = {"verbose": -1, "num_threads": 1}
            lightgbm.train(settings, lightgbm.Dataset(x, y), 5).save_model(path)
        elif library == "xgboost":
            xgboost.train({"nthread": 1}, xgboost.DMatrix(x, y), 5).save_model(f"{path}.json")
            path = path.with_name(f"{path.name}.json")
        elif library == "catboost":
            settings = {"iterations": 5, "verbose": 0, "allow_writing_files": False}
            catboost.CatBoostRegressor(**settings).fit(x, y).save_model(str(path))
        else:
            weights = np.random.default_rng(1).random((x.shape[1], 1)).astype(np.float32)
            drawn(weights, path)
    return load(path, library)


def drawn(weights: np.ndarray, path) -> None:
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "graph",
        [info("x", TensorProto.FLOAT, ["N", len(weights)])],
        [info("y", TensorProto.FLOAT, ["N", 1])],
        [helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights)],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost", "catboost", "onnx"])
@pytest.mark.parametrize("type", [np.int8, np.float32, np.float64])
def test_batches_change_no_number(files, tmp_path, library, type):
    x = pd.read_parquet(files[0])[WIDE].astype(type) / (1 if type is np.int8 else 3)
    x = x.astype(type)
    model = grown(library, x, x[WIDE[3]].to_numpy() / 4, tmp_path)
    at_once, batched = model.predict(x), model.predict(x, memory=1)
    assert len(x) > 4 * FEWEST
    if library == "onnx":  # a product of matrices may add up in another order
        np.testing.assert_allclose(batched, at_once, rtol=1e-6)
    else:
        np.testing.assert_array_equal(batched, at_once)


def test_a_model_of_several_outputs_is_refused_in_the_first_batch():
    model = RowModel(lambda live: np.zeros((len(live), 2)), None, 1, cell=8)
    with pytest.raises(Fault, match="gives 2 numbers a row"):
        model.predict(pd.DataFrame({"a": np.zeros(1000)}))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Many rows of all features, 85 MB as int8, and a booster for them."""
    folder = tmp_path_factory.mktemp("large")
    values = np.random.default_rng(4).integers(0, 5, (COLUMNS, ROWS), dtype=np.int8)
    arrays = [pa.array(values[i]) for i in range(COLUMNS)]
    table = pa.table([*arrays, pa.array([f"n{i}" for i in range(ROWS)])], [*ALL, "id"])
    pq.write_table(table, folder / "live.parquet")
    few = pd.DataFrame(values[:, :300].T, columns=ALL)
    settings = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}
    booster = lightgbm.train(settings, lightgbm.Dataset(few, few[ALL[7]] / 4), 5)
    booster.save_model(folder / "model.txt")
    return folder, booster


@pytest.mark.slow
def test_a_large_frame_stays_within_a_limit_that_it_breaks_at_once(large, round_, tmp_path):
    folder, booster = large
    base, whole = 300 * MIB, COLUMNS * ROWS
    limit = base + 3 * whole  # of what is decoded; as float32 it takes four times as much
    with new_worker(tmp_path, memory_poll=0.005) as own:

        def predict(artifact, format):
            own.load(artifact, format=format, features=None, timeout=60, memory=limit)
            return own.predict(folder / "live.parquet", None, round_.out, timeout=60, memory=limit)

        assert predict(folder / "model.txt", "lightgbm").rows == ROWS
        answers = round_.answers()
        with pytest.raises(ModelError, match="more than its limit"):
            predict(round_.save(booster), "pickle")
    live = pd.read_parquet(folder / "live.parquet", columns=ALL)
    np.testing.assert_array_equal(answers, booster.predict(live))
