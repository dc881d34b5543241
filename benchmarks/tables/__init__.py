"""The suite `tables`: methods compared on tables of numbers and categories by error, log loss and CPU seconds.

==============  ================================================================
file            its one noun
==============  ================================================================
`options.py`    what is measured: the options of the command line
`sets.py`       a table with its target and its split: of a folder, or of scikit-learn
`inputs.py`     the rows as a method is given them: a data frame, or an array
`methods.py`    the estimators that are compared, with their parameters
`pipelines.py`  preprocessing for estimators that take only numbers
`scores.py`     the error and the log loss of a prediction
`fit.py`        what the child process of one set and one method measures
`results.py`    a measured fit, a measured compilation
`cache.py`      the JSON file of all results
`walk.py`       all sets and methods in turn, and the findings
`summary.py`    medians over seeds, shifted geometric means, wins and losses
`report.py`     the printed tables
`picture.py`    shifted geometric mean of the errors over CPU seconds
==============  ================================================================
"""
