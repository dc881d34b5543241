"""scikit-learn's checks of an estimator, all of them in one test."""

from sklearn.utils.estimator_checks import check_estimator


def assert_checks_pass(estimator):
    """Run every check, whatever the ones before it did, and name those that fail."""
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    failed = {one["check_name"]: one["exception"] for one in results if one["status"] == "failed"}
    lines = [f"{name}: {type(error).__name__}: {error}" for name, error in failed.items()]
    if failed:
        raise AssertionError("\n".join([f"{len(failed)} checks fail", *lines])) from next(iter(failed.values()))
    assert sum(one["status"] == "passed" for one in results) > 40
