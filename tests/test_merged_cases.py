"""Cases in one test: each runs, and each that fails is named."""

import inspect
import itertools
import os

import pytest
from helpers.merged import in_one_test


def test_each_case_runs_and_each_failure_is_named():
    ran = []

    @in_one_test()
    @pytest.mark.parametrize(("letter", "number"), [("a", 1), ("b", 2)])
    @pytest.mark.parametrize("kind", [int, float])
    def check(kind, letter, number):
        ran.append((kind, letter, number))
        assert (kind, letter) != (float, "a"), "a float"
        with pytest.raises(ValueError, match="b"):
            raise ValueError(letter)

    with pytest.raises(AssertionError) as caught:
        check()
    assert sorted(ran, key=str) == [(float, "a", 1), (float, "b", 2), (int, "a", 1), (int, "b", 2)]
    text = str(caught.value)
    assert text.startswith("2 of 4 cases failed: ")
    for expected in ("[kind=float, letter='a', number=1]", "[kind=int, letter='a', number=1]", "a float", "Regex"):
        assert expected in text
    assert "letter='b'" not in text
    assert str(caught.value.__cause__).splitlines()[0] in text


def test_a_raise_that_does_not_happen_fails_its_case_only():
    ran = []

    @in_one_test()
    @pytest.mark.parametrize("number", range(30))
    def check(number):
        ran.append(number)
        with pytest.raises(ZeroDivisionError):
            assert 1 // (number % 2)

    with pytest.raises(AssertionError, match="15 of 30 cases failed: number=1\n") as caught:
        check()
    assert ran == list(range(30))
    assert all((f"[number={number}]" in str(caught.value)) == number % 2 for number in range(30))


def test_arguments_apart_and_fixtures_remain():
    @in_one_test("dtype", shared=("cells",))
    @pytest.mark.parametrize("case", "ab")
    @pytest.mark.parametrize("dtype", [int, float])
    def check(dtype, case, cells, monkeypatch):
        assert os.environ.get("CASE") is None
        monkeypatch.setenv("CASE", case)

    assert list(inspect.signature(check).parameters) == ["dtype", "cells", "monkeypatch"]
    assert [mark.args[0] for mark in check.pytestmark] == ["dtype"]
    check(dtype=int, cells=None, monkeypatch=None)
    assert os.environ.get("CASE") is None


def test_what_cases_cannot_share_is_refused():
    def of_a_folder(number, tmp_path):
        raise NotImplementedError

    def without(number):
        raise NotImplementedError

    def marked(number):
        raise NotImplementedError

    for function, values, message in (
        (of_a_folder, [1], r"of_a_folder uses \['tmp_path'\]: name in `shared`"),
        (without, [], "no cases"),
        (marked, [pytest.param(1, marks=pytest.mark.skip)], "tests of their own"),
    ):
        with pytest.raises(TypeError, match=message):
            in_one_test()(pytest.mark.parametrize("number", values)(function))


def test_skipping_is_not_hidden():
    @in_one_test(shared=("skipped",))
    @pytest.mark.parametrize("number", [0, 1])
    def check(number, skipped):
        if number in skipped:
            pytest.skip("absent")

    with pytest.raises(pytest.skip.Exception):
        check(skipped=(0, 1))
    for number in (0, 1):
        with pytest.raises(AssertionError, match=f"1 of 2 cases failed: number={number}"):
            check(skipped=(number,))


def test_cases_are_chosen_by_their_names(monkeypatch):
    ran = []

    @in_one_test()
    @pytest.mark.parametrize("name", ["tanh", "relu", "relu6"])
    def check(name):
        ran.append(name)

    monkeypatch.setenv("CASES", "relu|absent")
    check()
    assert ran == ["relu", "relu6"]
    monkeypatch.setenv("CASES", "absent")
    with pytest.raises(pytest.skip.Exception, match="no case matches CASES=absent"):
        check()


def test_all_pairs_of_values_occur():
    ran = []

    @in_one_test("apart", pairs=True)
    @pytest.mark.parametrize("apart", [0])
    @pytest.mark.parametrize("a", range(5))
    @pytest.mark.parametrize(("b", "b_too"), [(0, 0), (1, 1), (2, 2)])
    @pytest.mark.parametrize("c", range(3))
    @pytest.mark.parametrize("d", range(2))
    def check(apart, a, b, b_too, c, d):
        ran.append((a, b, c, d))
        assert b == b_too

    check(apart=0)
    assert len(ran) == len(set(ran)) <= 18  # of 90; 15 are necessary
    for first, second in itertools.combinations(range(4), 2):
        sizes = (5, 3, 3, 2)
        assert len({(case[first], case[second]) for case in ran}) == sizes[first] * sizes[second]


def test_each_test_of_a_class_runs_its_cases():
    ran = []

    @in_one_test()
    @pytest.mark.parametrize("number", [1, 2])
    class TestNumbers:
        def test_alone(self, number):
            ran.append(number)

        @pytest.mark.parametrize("letter", "ab")
        def test_with_letters(self, number, letter):
            ran.append((number, letter))

    TestNumbers().test_alone()
    TestNumbers().test_with_letters()
    assert ran == [1, 2, (1, "a"), (1, "b"), (2, "a"), (2, "b")]
    assert not TestNumbers.pytestmark
