"""Derivatives of a whole network in NumPy: recorded forward passes, Jacobians, Hessian-vector products."""
