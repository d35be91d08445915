"""Networks as Keras saves them, and what it predicts from them: ``python keras_files.py FOLDER``.

Runs in a process of its own, because a backend stays for the life of a process and does not like
to be forked.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np

FEATURES = 5
SEED = 3


def write_all(folder: Path) -> None:
    """A network in both kinds of files, its predictions, and others that must not load."""
    import keras

    keras.utils.set_random_seed(SEED)
    layers = keras.layers
    body = [layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dense(1)]
    model = keras.Sequential([keras.Input((FEATURES,)), *body])
    model.compile("adam", "mse")
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    live = np.load(folder / "live.npy").astype(np.float32)
    np.save(folder / "predicted.npy", model.predict(live, verbose=0))
    lambdas = [keras.Input((FEATURES,)), layers.Lambda(lambda x: x * 2), layers.Dense(1)]
    keras.Sequential(lambdas).save(folder / "lambda.keras")
    keras.Sequential([keras.Input((FEATURES,)), Doubled()]).save(folder / "own.keras")
    keras.Sequential([keras.Input((FEATURES, 1)), layers.Flatten()]).save(folder / "deep.keras")
    both = [keras.Input((2,)), keras.Input((3,))]
    keras.Model(both, layers.Concatenate()(both)).save(folder / "two.keras")


def check_batches(folder: Path) -> None:
    """That our loader predicts the same in batches."""
    import pandas as pd

    from job.worker.batches import FEWEST
    from job.worker.formats import load

    model = load(folder / "model.keras", "keras")
    live = pd.DataFrame(np.load(folder / "live.npy"))
    assert len(live) > 2 * FEWEST
    at_once, batched = model.predict(live), model.predict(live, memory=1)
    np.testing.assert_allclose(batched, at_once, rtol=1e-5, atol=1e-6)
    assert model.count == FEATURES


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    import keras as _keras

    class Doubled(_keras.layers.Layer):
        """A layer that only this script knows."""

        def call(self, x):
            """Doubles."""
            return x * 2

    write_all(Path(sys.argv[1]))
    check_batches(Path(sys.argv[1]))
