"""The playground's data sets, built in and from CSV files."""

import numpy as np
import pytest
from helpers.merged import in_one_test

from fastmlp.playground.choices import DATA_SETS, OWN_DATA
from fastmlp.playground.csv_data import MAX_CHARACTERS, MAX_ROWS, as_plane_data, read_csv
from fastmlp.playground.data_sets import EDGE, GENERATORS, SPREAD, make_data


def of_csv(text, test_share=0.5, seed=0):
    return as_plane_data(read_csv(text), test_share, seed)


def test_every_data_set_has_a_generator():
    assert set(DATA_SETS) == {*GENERATORS, OWN_DATA}


@in_one_test()
@pytest.mark.parametrize("name", GENERATORS)
def test_built_in_data(name):
    data = make_data(name, rows=200, noise=0.1, test_share=0.3, seed=0)
    assert data.X_train.shape == (140, 2) and data.X_test.shape == (60, 2)
    X, y = np.concatenate([data.X_train, data.X_test]), np.concatenate([data.y_train, data.y_test])
    assert np.abs(X).max() < EDGE
    assert np.abs(y).max() <= 1 if data.is_regression else set(y) == {0, 1}
    again, other = (make_data(name, rows=200, noise=0.1, test_share=0.3, seed=seed) for seed in (0, 1))
    assert (again.X_train == data.X_train).all() and (other.X_train != data.X_train).any()
    noisy = make_data(name, rows=200, noise=0.9, test_share=0.3, seed=0)
    assert (noisy.X_train != data.X_train).any() or (noisy.y_train != data.y_train).any()


@pytest.mark.parametrize("share, tests", [(0.1, 1), (0.5, 2), (0.9, 3)])
def test_both_parts_have_a_row(share, tests):
    assert len(of_csv("1,2,0\n2,3,1\n3,4,0\n4,5,1\n", share).y_test) == tests


def test_csv_with_two_classes():
    data = of_csv("height,width,kind\n10,-1,b\n20,1,a\n30,3,b\n40,5,a\n")
    assert data.names == ("height", "width", "kind") and data.labels == ("a", "b") and not data.is_regression
    X, y = np.concatenate([data.X_train, data.X_test]), np.concatenate([data.y_train, data.y_test])
    order = np.argsort(X[:, 0])
    np.testing.assert_allclose(X[order, 0], np.linspace(-SPREAD, SPREAD, 4))
    assert y[order].tolist() == [1, 0, 1, 0]
    middle, unit = data.scales[0]
    np.testing.assert_allclose(middle + unit * X[order, 0], [10, 20, 30, 40])


@pytest.mark.parametrize("text", ["1;2;0\n2;3;1\n3;4;0\n4;5;1", "1\t2\t0\r\n2\t3\t1\r\n\r\n3\t4\t0\r\n4\t5\t1\r\n",
                                  '\ufeffa,b,c\n"1", 2 ,0\n2,3,1.0\n3,4,0\n4,5,1\n'])  # fmt: skip
def test_csv_separators_and_marks(text):
    data = of_csv(text)
    assert data.labels == ("0", "1")
    assert sorted([*data.y_train, *data.y_test]) == [0, 0, 1, 1]


def test_csv_with_numbers_as_targets():
    data = of_csv("1,2,100\n2,3,200\n3,4,300\n4,5,250\n")
    assert data.is_regression and data.labels == ("100", "300")
    assert sorted([*data.y_train, *data.y_test]) == [-1, 0, 0.5, 1]


ROWS = "1,2,0\n2,3,1\n3,4,0\n"


@in_one_test()
@pytest.mark.parametrize(
    "text, message",
    [
        ("", "0 rows of values, but 4 to"),
        ("a,b,c\n" + ROWS, "3 rows of values"),
        (ROWS + "1,2\n", "Line 4 has 2 values"),
        (ROWS + "1,2,3,4\n", "Line 4 has 4 values"),
        (ROWS + "one,2,0\n", "Line 4 has the feature 'one'"),
        (ROWS + "nan,2,0\n", "Line 4 has the feature 'nan'"),
        (ROWS + "1e999,2,0\n", "Line 4 has the feature '1e999'"),
        ("1,2,0\n2,3,0\n3,4,0\n4,5,0", "'target' has the value 0 in all rows"),
        ("1,2,0\n1,3,1\n1,4,0\n1,5,1", "'x₁' has the value 1 in all rows"),
        ("1,2,a\n2,3,b\n3,4,c\n4,5,a", "has 3 different values, such as 'a'"),
        ("1,2,a\n2,3,a\n3,4,a\n4,5,a", "has 1 different value, such as 'a'"),
        ("1,2,0\n2,3,1\n3,4,2\n4,5,nan", "has 4 different values, such as 'nan'"),
        ("1,2,0\n" * (MAX_ROWS + 1), "5001 rows"),
        ("1" * (MAX_CHARACTERS + 1), "at most 500000"),
        (ROWS + '1,"' + "2" * 200_000 + '",0', "cannot be read as CSV: field larger than field limit"),
        ("\x00\x01\x02", "Line 1 has 1 value,"),
        ("1,2,a\n2,3,b\n3,4,\n4,5,b\n", "Line 3 has no target"),
        ("1,2,1\n2,3,1\n3,4,1\n\n4,5,\n", "Line 5 has no target"),
    ],
)
def test_csv_that_is_refused(text, message):
    with pytest.raises(ValueError) as error:
        of_csv(text)
    assert message in str(error.value) and len(str(error.value)) < 300


def test_a_huge_range_is_scaled():
    data = of_csv("-1e308,2,0\n1e308,3,1\n0,4,0\n4,5,1\n")
    assert np.isfinite(data.X_train).all() and np.isfinite(data.X_test).all()
