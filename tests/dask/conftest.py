"""Clusters in this process, and the rows that they train on."""

import numpy as np
import pytest
from helpers.dask_clusters import client_of, start


@pytest.fixture(scope="module")
def alone():
    """A client of one worker."""
    with start(1, processes=False) as cluster, client_of(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def pair():
    """A client of two workers."""
    with start(2, processes=False) as cluster, client_of(cluster) as client:
        yield client


@pytest.fixture(scope="session")
def rows():
    """60 rows of 5 features with three classes that depend on them."""
    random = np.random.RandomState(0)
    X = random.randn(60, 5).astype(np.float32)
    return X, np.digitize(X[:, 0] + 0.1 * random.randn(60), [-0.5, 0.5])
