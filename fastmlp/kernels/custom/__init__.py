"""Users' own functions of numbers, compiled into kernels."""
