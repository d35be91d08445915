"""What a model imports, replaces or sets in its process is not met by the next one."""

from __future__ import annotations

import importlib
import logging
import random
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from worker_round import WIDE, first_feature, new_worker, pid_of, process_id

from job.errors import Exit, ModelError, UnavailableError

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def folder_of(path: Path, text: str, file: str = "features.py") -> str:
    (path / file).parent.mkdir(parents=True)
    (path / file).write_text(text)
    return str(path)


def importing(folder: str, module: str) -> Callable:
    """A model that answers with the SCALE of a module in its own folder."""

    def predict(live_features):
        sys.path.insert(0, folder)
        scale = importlib.import_module(module).SCALE
        return pd.Series(float(scale), index=live_features.index)

    return predict


def answered(worker, round_, model) -> float:
    round_.predict(worker, model)
    return float(round_.answers().iloc[0])


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("features.py", "features"),
        ("package/__init__.py", "package"),
        ("namespace/inner.py", "namespace.inner"),
    ],
)
def test_two_models_with_a_module_of_one_name_each_get_their_own(
    worker, round_, tmp_path, file, module
):
    first = folder_of(tmp_path / "a", "SCALE = 0.25", file)
    second = folder_of(tmp_path / "b", "SCALE = 0.75", file)
    pid = pid_of(worker, round_)
    assert answered(worker, round_, importing(first, module)) == 0.25
    assert answered(worker, round_, importing(second, module)) == 0.75
    assert answered(worker, round_, importing(first, module)) == 0.25
    assert pid_of(worker, round_) == pid


def test_a_module_that_a_failing_model_imported_is_forgotten_too(worker, round_, tmp_path):
    first = folder_of(tmp_path / "a", "SCALE = 'none'")
    second = folder_of(tmp_path / "b", "SCALE = 0.75")
    round_.fails(worker, importing(first, "features"))
    assert answered(worker, round_, importing(second, "features")) == 0.75


def test_a_module_of_a_model_that_never_predicted_is_forgotten_too(worker, round_, tmp_path):
    class Loading:
        def __reduce__(self):
            code = f"__import__('sys').path.insert(0, {first!r}) or __import__('features').predict"
            return eval, (code,)

    first = folder_of(tmp_path / "a", "SCALE = 0.25\ndef predict(live): ...")
    second = folder_of(tmp_path / "b", "SCALE = 0.75")
    path = round_.save(Loading(), "loading.pkl")
    worker.load(path, format="pickle", features=None, timeout=30, memory=None)
    assert answered(worker, round_, importing(second, "features")) == 0.75


def test_modules_and_attributes_that_a_model_makes_up_go_with_it(worker, round_):
    def makes_up(live_features):
        module = types.ModuleType("features")
        sys.modules["features"] = module
        sys.modules["aliased"] = np
        sys.modules["__main__"].Secret = module
        sys.modules["__main__"].main = None
        sys.meta_path.insert(0, type("Finder", (), {"find_spec": lambda *_: None})())
        return first_feature(live_features)

    def counts(live_features):
        left = sum(name in sys.modules for name in ("features", "aliased"))
        main = sys.modules["__main__"]
        left += hasattr(main, "Secret") + (main.main is None)
        left += sum(type(finder).__name__ == "Finder" for finder in sys.meta_path)
        return pd.Series(float(left), index=live_features.index)

    pid = pid_of(worker, round_)
    assert answered(worker, round_, counts) == 0
    round_.predict(worker, makes_up)
    assert answered(worker, round_, counts) == 0
    assert pid_of(worker, round_) == pid


def test_libraries_stay_imported(worker, round_, caplog):
    def imports(live_features):
        before = "sklearn.linear_model" in sys.modules
        importlib.import_module("sklearn.linear_model")
        return pd.Series(float(before), index=live_features.index)

    caplog.set_level(logging.INFO, "job")
    pid = pid_of(worker, round_)
    assert answered(worker, round_, imports) == 0
    assert answered(worker, round_, imports) == 1
    assert pid_of(worker, round_) == pid
    assert caplog.messages == []


def replaces_to_numpy(live_features):
    pd.Series.to_numpy = lambda self, *_, **__: np.full(len(self), 0.5)
    return process_id(live_features)


def replaces_numpy(live_features):
    np.asarray = np.mean = lambda *_, **__: 0.5
    return process_id(live_features)


def replaces_a_builtin(live_features):
    sys.modules["builtins"].sum = lambda *_: 0
    return process_id(live_features)


def replaces_a_module(live_features):
    sys.modules["pandas"] = types.ModuleType("pandas")
    return process_id(live_features)


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (replaces_to_numpy, "replaced pandas.Series.to_numpy"),
        (replaces_numpy, "replaced numpy.asarray, replaced numpy.mean"),
        (replaces_a_builtin, "replaced builtins.sum"),
        (replaces_a_module, "replaced the module pandas"),
    ],
)
def test_a_replaced_function_spoils_no_answer_and_ends_with_the_process(
    own_worker, round_, caplog, model, what
):
    caplog.set_level(logging.INFO, "job")
    pid = pid_of(own_worker, round_)
    assert answered(own_worker, round_, model) == pid
    said = caplog.messages[-1].replace("pandas.core.series.", "pandas.")
    assert said == f"a model {what}: the next one gets a new process"
    assert pid_of(own_worker, round_) != pid
    round_.predict(own_worker, first_feature)
    live = pd.read_parquet(round_.live)
    assert round_.answers().tolist() == (live[WIDE[0]] / 4).tolist()


def test_a_function_replaced_while_loading_serves_its_model_and_no_other(own_worker, round_):
    class Patching:
        def __init__(self, predict):
            self.predict = predict

        def __setstate__(self, state):
            self.__dict__.update(state)
            np.mean = lambda *_: 0.5

    means = Patching(lambda live: pd.Series(np.mean([0.25]), index=live.index))
    limits = {"timeout": 30, "memory": None}
    assert answered(own_worker, round_, lambda live: means.predict(live)) == 0.5
    assert answered(own_worker, round_, lambda live: first_feature(live) * 0 + np.mean([0.25])) == (
        0.25
    )
    before = pid_of(own_worker, round_)
    own_worker.load(round_.save(means), format="pickle", features=WIDE, **limits)
    assert pid_of(own_worker, round_) != before  # it never predicted


def test_options_and_random_numbers_are_put_back_in_the_same_process(worker, round_):
    def draws(live_features):
        sum_ = random.random() + np.random.random() + pd.get_option("display.max_columns")
        return pd.Series(sum_, index=live_features.index)

    def sets(live_features):
        random.seed(1)
        np.random.seed(1)
        pd.set_option("display.max_columns", 777)
        return process_id(live_features)

    pid = pid_of(worker, round_)
    drawn = answered(worker, round_, draws)
    round_.predict(worker, sets)
    assert answered(worker, round_, draws) == drawn
    assert pid_of(worker, round_) == pid


def test_another_generator_of_random_numbers_ends_with_the_process(own_worker, round_):
    def swaps(live_features):
        np.random.set_bit_generator(np.random.PCG64(1))
        return process_id(live_features)

    pid = pid_of(own_worker, round_)
    assert answered(own_worker, round_, swaps) == pid
    assert pid_of(own_worker, round_) != pid


def test_looking_for_what_a_model_changed_takes_less_than_2_ms(worker, round_):
    def times(live_features):
        importlib.import_module("sklearn.ensemble")
        package = sys.modules["numerai_worker.surroundings"]
        modules, patches = package.Modules(), package.Patches()
        took = []
        for _ in range(20):
            began = time.perf_counter()
            patches.undo()
            patches.undo()
            modules.restore()
            took.append(time.perf_counter() - began)
        return pd.Series(min(took), index=live_features.index)

    assert answered(worker, round_, times) < 0.002


@pytest.mark.parametrize("fault", ["gone", "truncated"])
def test_data_that_cannot_be_read_is_no_fault_of_the_model(worker, round_, tmp_path, fault):
    live = tmp_path / "live.parquet"
    if fault == "truncated":
        live.write_bytes(round_.live.read_bytes()[:5000])
    limits = {"timeout": 30, "memory": None}
    worker.load(round_.save(first_feature), format="pickle", features=None, **limits)
    with pytest.raises(UnavailableError) as caught:
        worker.predict(live, None, round_.out, **limits)
    assert caught.value.exit_code == Exit.UNAVAILABLE
    assert caught.value.what == "the round's data cannot be read"
    assert answered(worker, round_, process_id) > 0


def test_a_column_that_live_lacks_is_the_models_fault(worker, round_):
    path, limits = round_.save(first_feature), {"timeout": 30, "memory": None}
    worker.load(path, format="pickle", features=["feature_999"], **limits)
    with pytest.raises(ModelError, match="live lacks 1 of the model's"):
        worker.predict(round_.live, None, round_.out, **limits)


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, round_):
    def fills_the_disk(live_features):
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        return first_feature(live_features)

    with new_worker(tmp_path) as own, pytest.raises(UnavailableError, match="cannot be written"):
        round_.predict(own, fills_the_disk)
    assert not list(round_.out.parent.glob(".out.csv*"))
    assert not round_.out.exists()


class Classifier:
    def __init__(self, labels):
        self.labels = labels

    def predict(self, live_features):
        return np.resize(self.labels, len(live_features))

    def predict_proba(self, live_features):
        return np.full((len(live_features), 2), 0.5)


def test_class_labels_are_submitted_with_a_warning(worker, round_, caplog):
    predicted = round_.predict(worker, Classifier([0, 1]), features=WIDE)
    said = "predict gives class labels; a wrapper around predict_proba may be meant"
    assert predicted.warnings == (said,)
    assert caplog.messages == [f"model.pkl: {said}"]
    assert set(round_.answers()) == {0, 1}


def test_other_answers_are_submitted_without_a_warning(worker, round_, caplog):
    assert round_.predict(worker, Classifier([0.25, 1.0]), features=WIDE).warnings == ()
    assert round_.predict(worker, lambda live: (live[[WIDE[0]]] > 1) * 1).warnings == ()
    assert caplog.messages == []
