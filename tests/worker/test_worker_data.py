"""Only the columns asked for are decoded, once, and nobody gets the original."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from job.worker.data import NEUTRALIZERS, Frames
from job.worker.faults import Fault

TWO = ("feature_cedar", "feature_amber")


@pytest.fixture
def frames() -> Frames:
    return Frames(sets=2, max_bytes=1 << 20, threads=1)


def test_columns_come_in_the_order_asked_for(frames, live_path, live_frame):
    read = frames.read(live_path, TWO, key="id").frame
    pd.testing.assert_frame_equal(read, live_frame[list(TWO)], check_index_type=False)


def test_without_columns_the_whole_frame_comes_in_file_order(frames, live_path, live_frame):
    read = frames.read(live_path, None, key="id").frame
    assert list(read.columns) == list(live_frame.columns)
    assert read.index.name == "id"


def test_int8_features_lie_in_one_block(frames, live_path):
    read = frames.read(live_path, None, key="id").copy()
    features = read.drop(columns="era")
    assert set(features.dtypes) == {np.dtype(np.int8)}
    assert np.shares_memory(features.iloc[:, 0].to_numpy(), features.to_numpy())


def test_a_column_set_is_decoded_once(frames, live_path):
    assert [frames.read(live_path, TWO, key="id").cached for _ in range(3)] == [False, True, True]


def test_a_changed_file_is_decoded_again(frames, live_frame, tmp_path):
    path = tmp_path / "live.parquet"
    live_frame.to_parquet(path)
    frames.read(path, TWO, key="id")
    live_frame.head(3).to_parquet(path)
    again = frames.read(path, TWO, key="id")
    assert not again.cached
    assert len(again.frame) == 3


def test_the_least_recently_used_set_goes_first(frames, live_path):
    sets = [("feature_amber",), ("feature_birch",), ("feature_amber",), ("feature_cedar",)]
    for columns in sets:
        frames.read(live_path, columns, key="id")
    assert frames.read(live_path, ("feature_amber",), key="id").cached
    assert not frames.read(live_path, ("feature_birch",), key="id").cached


def test_a_frame_larger_than_the_bound_is_not_kept(live_path):
    frames = Frames(sets=3, max_bytes=10, threads=1)
    assert not frames.read(live_path, TWO, key="id").cached
    assert not frames.read(live_path, TWO, key="id").cached


def test_a_copy_shares_neither_values_nor_labels(frames, live_path, live_frame):
    copy = frames.read(live_path, None, key="id").copy()
    copy.iloc[:, 1:] = 9
    copy.index.name = "changed"
    for labels in (copy.index, copy.columns):
        values = labels.to_numpy()
        if values.flags.writeable:
            values[0] = "changed"
    pd.testing.assert_frame_equal(
        frames.read(live_path, None, key="id").frame, live_frame, check_index_type=False
    )


def test_id_as_a_plain_column_becomes_the_index(frames, live_frame, tmp_path):
    path = tmp_path / "plain.parquet"
    live_frame.reset_index().to_parquet(path)
    read = frames.read(path, TWO, key="id").frame
    assert list(read.index) == list(live_frame.index)
    assert list(read.columns) == list(TWO)


def test_another_key_is_another_index(frames, live_frame, tmp_path):
    path = tmp_path / "crypto.parquet"
    live_frame.rename_axis("symbol").to_parquet(path)
    assert frames.read(path, TWO, key="symbol").frame.index.name == "symbol"


def test_a_file_without_id_is_refused(frames, live_frame, tmp_path):
    path = tmp_path / "live.parquet"
    live_frame.reset_index(drop=True).to_parquet(path)
    with pytest.raises(Fault) as caught:
        frames.read(path, TWO, key="id")
    assert caught.value.what == "live.parquet has no `id`"


def test_a_feature_that_live_lacks_is_named_with_its_nearest(frames, live_path):
    with pytest.raises(Fault) as caught:
        frames.read(live_path, ("feature_amber", "feature_cedra"), key="id")
    assert caught.value.what == "live lacks 1 of the model's 2 columns"
    assert caught.value.why == ("`feature_cedra` (nearest: `feature_cedar`)",)


def test_era_is_left_out_where_live_has_none(frames, live_frame, tmp_path):
    path = tmp_path / "live.parquet"
    live_frame.drop(columns="era").to_parquet(path)
    assert list(frames.read(path, ("era", *TWO), key="id").frame.columns) == list(TWO)


def test_values_of_a_row_lie_side_by_side_in_every_copy(frames, live_path, live_frame):
    read = frames.read(live_path, TWO, key="id")
    first, second = read.copy(), read.copy()
    assert first.to_numpy().flags.c_contiguous
    assert not np.shares_memory(first.to_numpy(), second.to_numpy())
    first.iloc[:, :] = 0
    pd.testing.assert_frame_equal(second, live_frame[list(TWO)], check_index_type=False)


def test_columns_to_neutralize_against_are_missed_as_such(frames, live_path):
    columns = ("feature_amber", "feature_cedra", "feature_x", "feature_y", "feature_z")
    with pytest.raises(Fault) as caught:
        frames.read(live_path, columns, key="id", whose=NEUTRALIZERS)
    assert caught.value.what == "live lacks 4 of the 5 columns to neutralize against"
    assert caught.value.why[0].startswith("`feature_cedra` (nearest: `feature_cedar`)")
    assert caught.value.why[0].endswith("and 1 more")
    assert "trained" not in caught.value.hint


def test_no_columns_are_an_index(frames, live_path, live_frame):
    read = frames.read(live_path, (), key="id").copy()
    assert read.shape == (len(live_frame), 0)
    assert list(read.index) == list(live_frame.index)
