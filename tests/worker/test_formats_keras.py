"""Networks of Keras predict as Keras does, and are not trusted."""

from __future__ import annotations

import numpy as np
import pytest
from keras_files import FEATURES
from worker_round import WIDE

from job.errors import ModelError


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_network_predicts_as_keras_does(worker, round_, networks, name):
    features = WIDE[:FEATURES]
    round_.predict(worker, networks / name, format="keras", features=features)
    expected = np.load(networks / "predicted.npy")[:, 0].astype(float)
    np.testing.assert_allclose(round_.answers(), expected, rtol=1e-5, atol=1e-6)


def test_features_are_asked_for_and_counted(worker, round_, networks):
    error = round_.fails(worker, networks / "model.keras", format="keras")
    assert error.what == "the model does not know its feature names"
    assert error.why == ("it takes 5 features and has no names for them",)
    error = round_.fails(worker, networks / "model.keras", format="keras", features=WIDE[:3])
    assert error.what == "the model takes 5 features, `features` has 3"


@pytest.mark.parametrize(
    ("name", "what", "hint"),
    [
        ("lambda.keras", "a layer of Python code (Lambda)", "format `python`"),
        ("own.keras", "uses `Doubled`, which is not part of Keras", "format `python`"),
        ("deep.keras", "takes rows of shape (5, 1)", "Reshape"),
        ("two.keras", "2 inputs and 1 outputs", "one input of all features"),
    ],
)
def test_a_network_that_cannot_run_here_says_why(worker, round_, networks, name, what, hint):
    error = round_.fails(worker, networks / name, format="keras", features=WIDE[:FEATURES])
    assert what in error.what
    assert hint in error.hint


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_truncated_network_is_called_damaged(worker, round_, networks, name):
    broken = round_.folder / name
    broken.write_bytes((networks / name).read_bytes()[:3000])
    error = round_.fails(worker, broken, format="keras", features=WIDE[:FEATURES])
    assert "likely damaged, or not of this format" in error.why


def test_a_network_under_another_name_is_asked_for_its_suffix(worker, round_, networks):
    renamed = round_.folder / "model.bin"
    renamed.write_bytes((networks / "model.keras").read_bytes())
    with pytest.raises(ModelError) as caught:
        round_.predict(worker, renamed, format="keras", features=WIDE[:FEATURES])
    assert caught.value.what == "Keras does not read model.bin"
    assert ".keras, .h5" in caught.value.hint
