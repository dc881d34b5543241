"""Products of matrices, dense and sparse, in register tiles; transposes and packed panels."""
