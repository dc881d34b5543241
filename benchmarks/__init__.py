"""Benchmarks of fastmlp against its alternatives: ``python -m benchmarks --help``.

================  ==============================================================
file              content
================  ==============================================================
`cases.py`        training problems: rows, network, batch size, and the band of correct losses
`data.py`         the seeded rows of a case
`start.py`        initial weights, row orders and learning rates, the same for all peers
`peers.py`        the libraries that are compared
`peer_torch.py`   PyTorch, eager and compiled
`peer_jax.py`     JAX, an epoch in one scan
`threads.py`      the cores and threads of this process
`harness.py`      timing of fits, peers in turn
`idle_threads.py` a pause before a timed call, in which the threads of the last one come to rest
`calls.py`        timing of calls that take microseconds
`judge.py`        check of a fit's result
`ratios.py`       paired ratios of times, their median and spread
`comparison.py`   fastmlp compared with one peer in one case
`findings.py`     a measured number that is not a ratio of training times
`kernels.py`      compiled loops for the benchmarks
`roofline.py`     arithmetic rate of a step relative to the best tile
`predicting.py`   `predict_proba` compared with scikit-learn and ONNX Runtime
`functions.py`    exp, tanh and log compared with NumPy
`starting.py`     first fit of a process, with a cold and a warm cache
`sweep/`          each call compared with scikit-learn's, over a grid of shapes, types, solvers and inputs
`tables/`         methods for tables of numbers and categories compared by error, log loss and CPU seconds
`defaults.py`     both libraries with their default number of threads, on all cores
`as_it_comes.py`  what the process of `defaults.py` measures
`session.py`      all measurements of one process
`goals.py`        performance goals, and which of them were reached
`second_order.py` solvers with second derivatives compared with Adam (a program of its own)
`dask_speed.py`  two Dask workers compared with a local fit (a program of its own)
`machine.py`      description of the machine
`many_cores.py`   the table of times by number of threads
`report.py`       printed tables
`record.py`       the JSON file
`chart.py`        the chart
================  ==============================================================
"""
