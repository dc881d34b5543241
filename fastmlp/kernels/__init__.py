"""Compiled kernels: NumPy and Numba alone, free functions on pointers, arrays and numbers."""
