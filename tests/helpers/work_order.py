"""The order in which workers of pytest-xdist begin the tests."""


def begin_with_long(items, n_workers):
    """The items in another order: each worker begins with files of tests marked `long`.

    With ``--dist worksteal`` each worker starts with an equal part of the list, and takes from the end of another's
    when it has done its own. The files of long tests go, one each in turn, to the beginnings of the parts; everything
    else keeps its order.
    """
    files, others = {}, []
    for item in items:
        if item.get_closest_marker("long"):
            files.setdefault(item.path, []).append(item)
        else:
            others.append(item)
    beginnings = [[] for _ in range(n_workers)]
    for number, file in enumerate(files.values()):
        beginnings[number % n_workers] += file
    ordered, n_left = [], len(items)
    for number, beginning in enumerate(beginnings):
        size = n_left // (n_workers - number)  # as xdist cuts the list
        n_left -= size
        n_others = max(0, size - len(beginning))
        ordered += beginning + others[:n_others]
        del others[:n_others]
    return ordered + others
