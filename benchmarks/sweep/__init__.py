"""The suite `sweep`: calls compared with scikit-learn's, over a grid of shapes, types, solvers and inputs.

==============  ================================================================
file            its one noun
==============  ================================================================
`cells.py`      a call of a model on rows: the values there are, the cells that are always measured
`cost.py`       what a cell takes of scikit-learn's time and of memory, estimated
`grid.py`       which cells are measured: every pair of values, every shape
`inputs.py`     the rows, in each of their layouts and types
`models.py`     both libraries' models with the same weights, and their calls
`judge.py`      whether both gave the same answer
`timing.py`     the times of a cell, and what they say
`walk.py`       all cells in turn, and the summary
==============  ================================================================
"""
