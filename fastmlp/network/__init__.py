"""`Network`: the multi-layer perceptron in NumPy terms, and what it checks."""

from .network import Network

__all__ = ["Network"]
