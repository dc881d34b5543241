"""Cells of the sweep for tests of its parts."""

from benchmarks.sweep.cells import Cell

CALLS = {
    "labels": Cell("predict", "10 classes", 30, 6, (7,), "float32", "tanh"),
    "values": Cell("predict", "3 targets", 5, 6, (7,), "float64", "logistic"),
    "probabilities": Cell("predict_proba", "2 classes", 5, 6, (4, 3), "float32"),
    "accuracy": Cell("score", "2 classes", 200, 6, (7,), "float64"),
    "R²": Cell("score", "1 target", 9, 6, (), "float32", "identity"),
    "sgd": Cell("fit", "2 classes", 40, 6, (7,), "float64", solver="sgd", option="sample_weight"),
    "adam": Cell("fit", "3 targets", 40, 6, (7,), "float32", solver="adam", option="early_stopping"),
    "lbfgs": Cell("fit", "10 classes", 40, 6, (7,), "float64", solver="lbfgs", inputs="csr"),
    "batches of rows": Cell("partial_fit", "1 target", 8, 6, (7,), "float64", solver="adam"),
    "batches of classes": Cell("partial_fit", "10 classes", 8, 6, (7,), "float32", solver="sgd", inputs="csr"),
}
