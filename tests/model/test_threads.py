"""Work side by side, its results in order."""

import threading

import pytest
from charmer.model.threads import ordered, side_by_side


def test_results_come_in_order_however_long_each_takes():
    last = threading.Event()

    def square(number: int) -> int:
        if number == 0:
            assert last.wait(10)  # the first ends after the second has begun
        last.set()
        return number**2

    with side_by_side(2) as pool:
        assert list(ordered(pool, square, range(5), ahead=2)) == [0, 1, 4, 9, 16]


def test_what_has_not_begun_is_dropped_when_the_caller_leaves():
    begun = []
    with side_by_side(1) as pool:
        results = ordered(pool, begun.append, range(100), ahead=3)
        next(results)
        results.close()
    assert len(begun) <= 5


def test_what_fails_is_raised_where_its_result_is_due():
    with side_by_side(2) as pool:
        results = ordered(pool, lambda number: 1 // number, [1, 0, 2], ahead=2)
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)
