"""Saved models: files that hold arrays and names, and that run no code when they are read.

`save` writes an estimator, also one for tables, a `Network` or a `RunningOptimizer`, and `load` reads it. A file is in
the safetensors format: arrays, and a header of JSON, which names activations, losses, optimizers, schedules and
initializers of this package by their classes and fields.

What users have made themselves is named in the file, but not stored, because it is code: `load` takes it from its
arguments.
"""

from .files import FORMAT, load, save

__all__ = ["FORMAT", "load", "save"]
