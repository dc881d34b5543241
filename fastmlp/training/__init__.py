"""Training: mini-batch epochs, solvers on the whole gradient, and the options of their steps."""
