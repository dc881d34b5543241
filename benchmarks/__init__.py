"""How fast fastmlp is beside what people would use instead: ``python -m benchmarks --help``.

================  ==============================================================
file              its one noun
================  ==============================================================
`cases.py`        what is trained: rows, network, batch, and the loss that is right
`data.py`         the seeded rows of a case
`start.py`        the weights, orders and rates that everyone starts from
`peers.py`        who trains it
`peer_torch.py`   PyTorch, eager and compiled
`peer_jax.py`     JAX, an epoch in one scan
`threads.py`      the cores and threads of this process
`harness.py`      the measurement of a fit: peers in turn, each fit timed
`calls.py`        the measurement of calls that take microseconds
`judge.py`        whether a fit gave a right answer
`ratios.py`       what the times say: paired ratios, their median and spread
`comparison.py`   fastmlp beside one peer in one case
`findings.py`     a number that is no ratio of trainings
`kernels.py`      compiled loops of the benchmarks' own
`roofline.py`     a step's arithmetic over the rate of the best tile
`predicting.py`   `predict_proba` beside scikit-learn and ONNX Runtime
`functions.py`    exp, tanh and log beside NumPy
`starting.py`     a process's first fit, with a cold cache and a warm one
`sweep/`          every call beside scikit-learn's, over a grid of shapes, types, solvers and inputs
`defaults.py`     both libraries as they come, on all cores: the process that nothing limits
`as_it_comes.py`  what that process measures
`session.py`      everything that one process measures
`goals.py`        what was promised, and what of it was reached
`machine.py`      where it ran
`report.py`       the tables
`record.py`       the JSON file, written and read
`chart.py`        the bars
================  ==============================================================
"""
