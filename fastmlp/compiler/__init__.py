"""How kernels become machine code, and where it is kept: `kernel` first, the rest behind it."""
