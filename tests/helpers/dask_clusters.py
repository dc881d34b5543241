"""Dask clusters of this machine, for tests."""


def start(n_workers, **options):
    """Start a cluster, one thread for each worker; its pages are at any port that is free."""
    import distributed

    return distributed.LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=":0", **options)


def client_of(cluster):
    """Return a client that nobody finds who was not given it."""
    import distributed

    return distributed.Client(cluster, set_as_default=False)
