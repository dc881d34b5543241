"""The rows of a case: generated from a seed, by a teacher that can be learned.

A teacher decides the labels. For dense rows it is a small random tanh network over a few hidden directions
("latent") of which the features are noisy mixtures, as the pixels of an image are; for sparse rows it is a
linear model in which a few features matter much and most matter little, as words do. Features of texts are words
that are as frequent as those of a language (the law of Zipf and Mandelbrot), in random order, as hashing puts them;
their values are 1 + ln(count), divided by the row's norm, and no array of rows × features is made.

Labels are drawn from the teacher's probabilities, so the best possible loss is well above zero and no case
ends in memorising, where two right answers may lie far apart.
"""

import numpy as np
import scipy.sparse

from .cases import Case

LATENT = 12  # directions that matter, at most
TEACHER_WIDTH = 32
CONFIDENCE = 3.0  # standard deviation of the teacher's logits
COMMON_WORDS = 20  # Mandelbrot's constant: so many words are about as frequent as the first
SEED = 20_250


def make_data(case: Case, dtype: str):
    """Return the training rows of `case`: the same numbers in both types, up to rounding.

    Parameters
    ----------
    case : Case
    dtype : {"float32", "float64"}
        Type of X, and of y in a regression: float64 targets would carry a float32 fit into float64.

    Returns
    -------
    X : ndarray or csr_matrix of shape (rows, features)
    y : ndarray of shape (rows,), classes as int64 or targets in `dtype`
    """
    rng = np.random.default_rng(SEED)
    X, scores = _sparse_rows(case, rng) if case.density else _dense_rows(case, rng)
    scores = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    if case.task == "regression":
        y = (scores + 0.1 * rng.standard_normal(scores.shape)).astype(dtype)
        return X.astype(dtype), y[:, 0] if case.classes == 1 else y
    # The largest of logits + Gumbel noise is a draw from their softmax.
    y = np.argmax(CONFIDENCE * scores + rng.gumbel(size=scores.shape), axis=1)
    return X.astype(dtype), y


def _dense_rows(case: Case, rng):
    """Return dense rows X (rows, features) and the teacher's scores (rows, classes)."""
    latent_size = min(case.features, LATENT)
    latent = rng.standard_normal((case.rows, latent_size))
    mixing = rng.standard_normal((latent_size, case.features)) / np.sqrt(latent_size)
    X = latent @ mixing + 0.1 * rng.standard_normal((case.rows, case.features))
    first = rng.standard_normal((latent_size, TEACHER_WIDTH)) / np.sqrt(latent_size)
    second = rng.standard_normal((TEACHER_WIDTH, case.classes))
    return X, np.tanh(2 * latent @ first) @ second


def _texts(case: Case, rng):
    """Return CSR rows (rows, features) of `case.words` words each, of which some are the same."""
    frequency = 1 / (np.arange(case.features) + COMMON_WORDS)
    drawn = rng.choice(case.features, case.rows * case.words, p=frequency / frequency.sum())
    words = rng.permutation(case.features)[drawn]
    starts = np.arange(0, drawn.size + 1, case.words)
    X = scipy.sparse.csr_matrix((np.ones(drawn.size), words, starts), (case.rows, case.features))
    X.sum_duplicates()
    X.data = 1 + np.log(X.data)
    norms = np.sqrt(X.multiply(X).sum(axis=1))
    X.data /= np.repeat(np.asarray(norms).ravel(), np.diff(X.indptr))
    return X


def _sparse_rows(case: Case, rng):
    """Return CSR rows X (rows, features) and the teacher's scores (rows, classes)."""
    shape = (case.rows, case.features)
    X = _texts(case, rng) if case.words else scipy.sparse.random(*shape, density=case.density, format="csr", rng=rng)
    weight = rng.standard_normal((case.features, case.classes))
    importance = 1 / np.arange(1, case.features + 1) ** 0.5
    return X, X @ (weight * rng.permutation(importance)[:, None])
