"""Demonstration: fastmlp beside scikit-learn
==========================================

fastmlp compared with scikit-learn on real data: ``python examples/demo.py [--data FOLDER | --openml]``.

Handwritten digits come with scikit-learn. Fashion-MNIST is read from FOLDER/fashion_mnist.npz (arrays
X_train, y_train, X_test, y_test of pixels and labels as uint8) or fetched from OpenML.
"""

# sphinx_gallery_thumbnail_path = "images/benchmarks.png"

import argparse
import sys
import warnings
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from sklearn.base import clone
from sklearn.datasets import fetch_openml, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as SklearnMLP
from threadpoolctl import threadpool_limits

from fastmlp import MLPClassifier as FastMLP

SEEDS = (0, 1, 2)
PUBLISHED = 0.883  # test accuracy of this network in Fashion-MNIST's own benchmark of scikit-learn's MLP
FASHION = {"hidden_layer_sizes": (256, 128, 100), "max_iter": 15}


def fit_and_score(name, model, X_train, X_test, y_train, y_test):
    """Train `model`, print its line, and return (seconds to fit, test accuracy)."""
    start = perf_counter()
    model.fit(X_train, y_train)
    seconds = perf_counter() - start
    accuracy = model.score(X_test, y_test)
    how = f"{model.n_iter_} epochs, seed {model.random_state}"
    print(f"  {name:<14}{accuracy:>14.2%}{seconds:>17.2f}    {how}", flush=True)
    return seconds, accuracy


def best_threads(model, X, y):
    """Return the faster number of BLAS threads for scikit-learn, 1 or None for its default, by two epochs of each.

    For small networks or on a busy machine more threads can make it ten times slower.
    """
    seconds = {}
    for threads in (None, 1):
        with threadpool_limits(threads):
            start = perf_counter()
            clone(model).set_params(max_iter=2).fit(X, y)
            seconds[threads] = perf_counter() - start
    return min(seconds, key=seconds.get)


def compare(title, seeds, settings, data):
    """Train fastmlp with each seed and scikit-learn with the first; return fastmlp's accuracies."""
    X_train, X_test = data[:2]
    print(f"\n{title}: {len(X_train):,} training images, {len(X_test):,} test images, {X_train.dtype}")
    print(f"  {'':<14}{'test accuracy':>14}{'seconds to fit':>17}")
    ours = [fit_and_score("fastmlp", FastMLP(**settings, random_state=seed), *data) for seed in seeds]
    peer = SklearnMLP(**settings, random_state=seeds[0])
    threads = best_threads(peer, X_train, data[2])
    with threadpool_limits(threads):
        theirs = fit_and_score("scikit-learn", peer, *data)
    ratio = theirs[0] / median(seconds for seconds, _ in ours)
    print(f"  fastmlp, on one core, was {ratio:.1f} times as fast as scikit-learn with", end=" ")
    print(f"{'one BLAS thread' if threads else 'its default of BLAS threads'} (its faster choice here).")
    return [accuracy for _, accuracy in ours]


def warm_up():
    """Fit ten rows, so that no time below includes compilation."""
    start = perf_counter()
    FastMLP(max_iter=1).fit(np.eye(10, dtype=np.float32), np.arange(10))
    seconds = perf_counter() - start
    print(f"compile or load from cache: {seconds:.2f} s (once a process, not in the times below)")


def digits():
    """Return scikit-learn's 8×8 digits, with a quarter of them as test set."""
    X, y = load_digits(return_X_y=True)
    return train_test_split((X / 16).astype(np.float32), y, random_state=0, stratify=y)


def fashion_from_file(folder):
    """Return Fashion-MNIST from `folder`/fashion_mnist.npz, with pixels divided by 255."""
    path = Path(folder) / "fashion_mnist.npz"
    if not path.is_file():
        sys.exit(
            f"There is no file {path}. Pass the folder that contains fashion_mnist.npz,\n"
            "or fetch the images from OpenML (about 30 MB, stored in scikit-learn's data folder) "
            "with --openml instead of --data."
        )
    with np.load(path) as file:
        X_train, X_test, y_train, y_test = (file[name] for name in ("X_train", "X_test", "y_train", "y_test"))
    return *(pixels(X.reshape(len(X), -1)) for X in (X_train, X_test)), y_train, y_test


def fashion_from_openml():
    """Return Fashion-MNIST from OpenML: the last 10,000 rows are the test set."""
    X, y = fetch_openml("Fashion-MNIST", version=1, return_X_y=True, as_frame=False)
    return pixels(X[:60_000]), pixels(X[60_000:]), y[:60_000], y[60_000:]


def pixels(X):
    return X.astype(np.float32) / np.float32(255)


def main():
    parser = argparse.ArgumentParser(description="fastmlp compared with scikit-learn on real data.")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--data", metavar="FOLDER", help="also Fashion-MNIST, from FOLDER/fashion_mnist.npz")
    source.add_argument("--openml", action="store_true", help="also Fashion-MNIST, fetched from OpenML")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is fixed on purpose
    fashion = fashion_from_file(options.data) if options.data else None
    warm_up()
    compare("Handwritten digits", (0,), {}, digits())
    fashion = fashion_from_openml() if options.openml else fashion
    if fashion:
        accuracy = median(compare("Fashion-MNIST", SEEDS, FASHION, fashion))
        print(f"  Median of fastmlp's three seeds: {accuracy:.2%}. Published for this network: {PUBLISHED:.1%}.")
    else:
        print("\nMore: --data FOLDER with fashion_mnist.npz in it, or --openml to fetch Fashion-MNIST.")


if __name__ == "__main__":
    main()
