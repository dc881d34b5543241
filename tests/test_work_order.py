"""The order of the tests: long ones begin, on every worker."""

from typing import NamedTuple

import pytest
from helpers.merged import in_one_test
from helpers.work_order import begin_with_long


class Item(NamedTuple):
    path: str
    number: int
    long: bool

    def get_closest_marker(self, name):
        return self.long if name == "long" else None


#: Five files of three tests; all of the last two are long, and the first of file "b".
ITEMS = [Item(path, n, path in "de" or (path, n) == ("b", 0)) for path in "abcde" for n in range(3)]


def test_each_worker_begins_with_long_tests():
    first, second = begin_with_long(ITEMS, 2)[:7], begin_with_long(ITEMS, 2)[7:]
    assert [(item.path, item.number) for item in first if item.long] == [("b", 0), ("e", 0), ("e", 1), ("e", 2)]
    assert [(item.path, item.number) for item in second if item.long] == [("d", 0), ("d", 1), ("d", 2)]
    for part in (first, second):
        assert [item.long for item in part] == sorted((item.long for item in part), reverse=True)


@in_one_test()
@pytest.mark.parametrize("n_workers", [1, 2, 3, 4, 8, 15, 40])
def test_no_test_is_lost_and_the_others_keep_their_order(n_workers):
    ordered = begin_with_long(ITEMS, n_workers)
    assert sorted(ordered) == sorted(ITEMS)
    assert [item for item in ordered if not item.long] == [item for item in ITEMS if not item.long]
