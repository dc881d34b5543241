"""What all kernels use: records, pointers, calls through addresses, vectors, the barrier, subnormal numbers."""
