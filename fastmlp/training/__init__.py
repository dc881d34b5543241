"""Training: mini-batch epochs, solvers on the whole gradient, and what hooks into their steps."""
