"""How fast fastmlp is compared with other libraries: ``python -m benchmarks --help``.

================  ==============================================================
file              contents
================  ==============================================================
`cases.py`        what is trained: rows, network, batch, and the range of correct losses
`data.py`         the seeded data of a case
`start.py`        the initial weights, row orders and learning rates that all peers share
`peers.py`        the libraries that train it
`peer_torch.py`   PyTorch, eager and compiled
`peer_jax.py`     JAX, an epoch in one scan
`threads.py`      the cores and threads of this process
`harness.py`      the measurement of a fit: peers in turn, each fit timed
`calls.py`        the measurement of calls that take microseconds
`judge.py`        whether the result of a fit is correct
`ratios.py`       ratios of paired times, their median and spread
`comparison.py`   fastmlp compared with one peer in one case
`findings.py`     a measured number other than the ratio of two fits
`kernels.py`      compiled loops for the benchmarks
`roofline.py`     a step's arithmetic as a share of the rate of the best tile
`predicting.py`   `predict_proba` compared with scikit-learn and ONNX Runtime
`functions.py`    exp, tanh and log compared with NumPy
`starting.py`     the first fit of a process, with an empty cache and a full one
`sweep/`          every call compared with scikit-learn's, over a grid of shapes, types, solvers and inputs
`defaults.py`     both libraries with default settings on all cores: starts a process without limits
`as_it_comes.py`  what that process measures
`session.py`      everything that one process measures
`goals.py`        the goals, and which of them were reached
`second_order.py` solvers with second derivatives compared with Adam (a program of its own)
`machine.py`      the machine it ran on
`report.py`       the printed tables
`record.py`       the JSON file, written and read
`chart.py`        the bar chart
================  ==============================================================
"""
