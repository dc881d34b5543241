"""Dense and sparse matrix products in register tiles, transposition, and packing in panels."""
