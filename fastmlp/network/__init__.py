"""`Network`: a multi-layer perceptron on NumPy arrays, independent of scikit-learn."""

from .network import Network

__all__ = ["Network"]
