"""How fast fastmlp is beside what people would use instead: ``python -m benchmarks --help``.

===============  ================================================================
file             its one noun
===============  ================================================================
`cases.py`       what is trained: rows, network, batch, and the loss that is right
`data.py`        the seeded rows of a case
`peers.py`       who trains it
`harness.py`     the measurement: peers in turn, each fit timed
`judge.py`       whether a fit gave a right answer
`ratios.py`      what the times say: paired ratios, their median and spread
`goals.py`       what was promised
`machine.py`     where it ran, and the one core it ran on
`report.py`      the table and the JSON file
===============  ================================================================
"""
