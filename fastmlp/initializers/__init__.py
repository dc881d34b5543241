"""Initial parameters, by name or as an object.

=================  ==========================================  ======  =================================================
name               weights                                     biases  source
=================  ==========================================  ======  =================================================
sklearn            U(−b, b), b = √(6 / (fan_in + fan_out)),    same    as scikit-learn, see `glorot_uniform`
                   √(2 / …) in logistic layers
glorot_uniform     U(−b, b), b = √(6 / (fan_in + fan_out))     0       Glorot and Bengio (2010), "Understanding the
glorot_normal      N(0, 2 / (fan_in + fan_out))                0       difficulty of training deep feedforward networks"
he_uniform         U(−b, b), b = √(6 / fan_in)                 0       He, Zhang, Ren and Sun (2015), "Delving deep into
he_normal          N(0, 2 / fan_in)                            0       rectifiers"
lecun_uniform      U(−b, b), b = √(3 / fan_in)                 0       LeCun, Bottou, Orr and Müller (1998), "Efficient
lecun_normal       N(0, 1 / fan_in)                            0       backprop"; for SELU, Klambauer et al. (2017)
orthogonal         orthonormal rows or columns, times a gain   0       `Orthogonal`
uniform            U(low, high), U(−1, 1) by name              same    `Uniform`
=================  ==========================================  ======  =================================================

fan_in and fan_out are the widths of the layer below and of the layer itself; N(0, v) has variance v. The uniform and
the normal distribution of the same name have the same variance, b² / 3. All numbers are drawn in float64, layer by
layer, weights row by row before biases, and then rounded to the type of the parameters: the same seed gives the same
network in both types.
"""

from __future__ import annotations

from .base import Initializer
from .by_name import INITIALIZERS, as_initializer, glorot_uniform
from .distributions import Orthogonal, Uniform
from .given_arrays import GivenArrays

__all__ = [
    "INITIALIZERS",
    "GivenArrays",
    "Initializer",
    "Orthogonal",
    "Uniform",
    "as_initializer",
    "glorot_uniform",
]
