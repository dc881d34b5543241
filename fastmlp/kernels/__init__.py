"""Compiled kernels: functions of pointers and numbers that import only NumPy, Numba and `compiler`."""
