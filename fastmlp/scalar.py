"""Scalar reverse-mode differentiation on a graph that is recorded as numbers are computed.

It is written for learning, and is the reference of the tests: it shares no code with the kernels and imports only the
standard library. A :class:`Value` is a node. Arithmetic on values creates new nodes; ``backward`` walks the graph from
the last node to the first, and stores in each node the derivative of the last node with respect to it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any


def _with_value(method: Callable[[Value, Value], Value]) -> Callable[[Value, Any], Value]:
    """Wrap a binary ``method`` so that its right operand may be a number, which becomes a constant node."""

    @functools.wraps(method)
    def binary(self: Value, other: Any) -> Value:
        if isinstance(other, Real):
            other = Value(float(other), f"{other:g}")
        # Another type, such as a NumPy array of values, may implement the operation itself.
        return method(self, other) if isinstance(other, Value) else NotImplemented

    return binary


def _node(data: float, operation: str, *pairs: tuple[Value, float]) -> Value:
    """Create a node from (parent, local gradient) pairs."""
    parents, local_gradients = zip(*pairs, strict=True)
    return Value(data, operation=operation, parents=parents, local_gradients=local_gradients)


class Value:
    r"""A scalar in a computational graph.

    A node :math:`v` computed from its parents :math:`u_1, \ldots, u_k` stores the local gradients
    :math:`\partial v / \partial u_i`. The derivative of the last node :math:`f` with respect to any node :math:`u` is
    then a sum over the nodes computed from :math:`u`, and so over every path from :math:`u` to :math:`f`:

    .. math:: \frac{\partial f}{\partial u}
              = \sum_{v \text{ computed from } u} \frac{\partial f}{\partial v} \, \frac{\partial v}{\partial u}

    The operators ``+ - * / **`` work between values, and between a value and a plain number; ``-`` and
    ``abs`` on one value.

    Parameters
    ----------
    data : float
        The number. A later change does not recompute the nodes computed from it.
    label : str, default=""
        A name, shown when the graph is printed.
    operation, parents, local_gradients
        How the node was computed. The operators set them; a leaf has none.

    Attributes
    ----------
    data : float
        The value of this node.
    grad : float
        The derivative, with respect to this node, of the node whose ``backward`` was called last; initially 0.
    operation : str
        The operation that computed this node: ``"+"``, ``"tanh"``, ...; empty for a leaf.
    parents : tuple of Value
        The nodes that it was computed from.
    local_gradients : tuple of float
        The derivative of this node with respect to each of its parents.

    Notes
    -----
    At a kink, the derivative of ``relu`` is 0, as in scikit-learn, that of ``abs`` is 0, and that of ``maximum`` is ½
    with respect to each of two equal numbers. Outside a function's domain (the logarithm of a negative number, a
    division by zero, an exponential too large for a float) Python's ``ValueError``, ``ZeroDivisionError`` or
    ``OverflowError`` is raised. Computing all gradients costs about as much as computing the value, for any number of
    leaves.

    References
    ----------
    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", Nature 323 (1986).
    Griewank and Walther, "Evaluating Derivatives", 2nd edition, SIAM (2008), chapter 3.

    Examples
    --------
    >>> from fastmlp.scalar import Value
    >>> x, y, z = Value(-2, "x"), Value(5, "y"), Value(-4, "z")
    >>> f = (x + y) * z
    >>> f.backward()
    >>> f.data, x.grad, y.grad, z.grad
    (-12.0, -4.0, -4.0, 3.0)
    >>> print(f.trace())
    node  made by  value  gradient  local gradients
    x              -2     -4
    y              5      -4
    v2    x + y    3      -4        dv2/dx = 1, dv2/dy = 1
    z              -4     3
    v4    v2 * z   -12    1         dv4/dv2 = -4, dv4/dz = 3

    The gradient of a node that is used twice is the sum over both paths:

    >>> x = Value(3, "x")
    >>> (x * x + 2 * x).backward()
    >>> x.grad
    8.0
    """

    __slots__ = ("data", "grad", "label", "local_gradients", "operation", "parents")

    def __init__(
        self,
        data: float,
        label: str = "",
        *,
        operation: str = "",
        parents: Sequence[Value] = (),
        local_gradients: Sequence[float] = (),
    ) -> None:
        self.data = float(data)
        self.grad = 0.0
        self.label = label
        self.operation = operation
        self.parents = tuple(parents)
        self.local_gradients = tuple(map(float, local_gradients))

    # Arithmetic: each node has a value, the name of the operation, and for each parent the local gradient.

    @_with_value
    def __add__(self, other: Value) -> Value:
        return _node(self.data + other.data, "+", (self, 1), (other, 1))

    @_with_value
    def __sub__(self, other: Value) -> Value:
        return _node(self.data - other.data, "-", (self, 1), (other, -1))

    @_with_value
    def __mul__(self, other: Value) -> Value:
        return _node(self.data * other.data, "*", (self, other.data), (other, self.data))

    @_with_value
    def __truediv__(self, other: Value) -> Value:
        quotient = self.data / other.data
        return _node(quotient, "/", (self, 1 / other.data), (other, -quotient / other.data))

    def __pow__(self, exponent: Any) -> Value:
        if isinstance(exponent, Real):  # a constant: the base may be negative, and has the only local gradient
            exponent = float(exponent)
            power = math.pow(self.data, exponent)  # unlike **, never returns a complex number
            derivative = exponent * math.pow(self.data, exponent - 1) if exponent else 0
            return _node(power, f"** {exponent:g}", (self, derivative))
        if not isinstance(exponent, Value):
            return NotImplemented
        power = math.pow(self.data, exponent.data)
        derivatives = exponent.data * power / self.data, power * math.log(self.data)
        return _node(power, "**", (self, derivatives[0]), (exponent, derivatives[1]))

    def __neg__(self) -> Value:
        return _node(-self.data, "-", (self, -1))

    def __abs__(self) -> Value:
        derivative = math.copysign(1, self.data) if self.data else 0
        return _node(abs(self.data), "abs", (self, derivative))

    # A plain number on the left: 2 - x, 2 ** x

    @_with_value
    def __radd__(self, other: Value) -> Value:
        return other + self

    @_with_value
    def __rsub__(self, other: Value) -> Value:
        return other - self

    @_with_value
    def __rmul__(self, other: Value) -> Value:
        return other * self

    @_with_value
    def __rtruediv__(self, other: Value) -> Value:
        return other / self

    @_with_value
    def __rpow__(self, other: Value) -> Value:
        return other**self

    # Functions

    def exp(self) -> Value:
        """Return exp(x); the derivative is exp(x)."""
        result = math.exp(self.data)
        return _node(result, "exp", (self, result))

    def log(self) -> Value:
        """Return the natural logarithm of a positive number; the derivative is 1/x."""
        return _node(math.log(self.data), "log", (self, 1 / self.data))

    def sqrt(self) -> Value:
        """Return the square root of a positive number; the derivative is 1/(2√x)."""
        result = math.sqrt(self.data)
        return _node(result, "sqrt", (self, 0.5 / result))

    def tanh(self) -> Value:
        """Return the hyperbolic tangent; the derivative is 1 − tanh²(x)."""
        result = math.tanh(self.data)
        return _node(result, "tanh", (self, 1 - result * result))

    def logistic(self) -> Value:
        """Return the logistic function σ(x) = 1/(1 + exp(−x)); the derivative is σ(x)·(1 − σ(x))."""
        small = math.exp(-abs(self.data))  # of the two equal forms, the one that cannot overflow
        result = 1 / (1 + small) if self.data >= 0 else small / (1 + small)
        return _node(result, "logistic", (self, small / (1 + small) ** 2))

    def cos(self) -> Value:
        """Return the cosine; the derivative is −sin(x)."""
        return _node(math.cos(self.data), "cos", (self, -math.sin(self.data)))

    def relu(self) -> Value:
        """Return max(x, 0); the derivative is 1 if x > 0, else 0."""
        return _node(max(self.data, 0.0), "relu", (self, self.data > 0))

    def maximum(self, other: Value | float) -> Value:
        """Return the larger of two; its derivative is 1 for the larger, 0 for the other, ½ each if they are equal."""
        other = other if isinstance(other, Value) else Value(other, f"{other:g}")
        share = 0.5 * ((self.data > other.data) - (self.data < other.data) + 1)
        return _node(max(self.data, other.data), "maximum", (self, share), (other, 1 - share))

    # The graph

    def nodes(self) -> list[Value]:
        """List all nodes that this one was computed from, parents before their children, and this one last.

        Returns
        -------
        list of Value
            A topological order of the graph, each node once.
        """
        order: list[Value] = []
        seen: set[int] = set()
        stack = [(self, False)]
        while stack:  # depth first with an explicit stack: recursion would overflow Python's stack on a long chain
            node, parents_are_listed = stack.pop()
            if parents_are_listed:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((parent, False) for parent in reversed(node.parents))
        return order

    def backward(self) -> None:
        """Set ``grad`` of each node in the graph to the derivative of this node with respect to it.

        Gradients of an earlier call are overwritten.
        """
        order = self.nodes()
        for node in order:
            node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):  # every node comes after all nodes computed from it
            for parent, local_gradient in zip(node.parents, node.local_gradients, strict=True):
                parent.grad += node.grad * local_gradient

    def trace(self) -> str:
        """Describe the graph in one line per node: operation, value, gradient and local gradients.

        Returns
        -------
        str
            A table. A node without a label is named by its position in the list, v0, v1, ...; a constant by its value.
        """
        names: dict[int, str] = {}
        rows = [("node", "made by", "value", "gradient", "local gradients")]
        for place, node in enumerate(self.nodes()):
            name = names[id(node)] = node.label or f"v{place}"
            of = [names[id(parent)] for parent in node.parents]
            made_by = f" {node.operation} ".join(of) if len(of) == 2 else " ".join([node.operation, *of])
            local = zip(of, node.local_gradients, strict=True)
            derivatives = ", ".join(f"d{name}/d{parent} = {derivative:.6g}" for parent, derivative in local)
            rows.append((name, made_by, f"{node.data:.6g}", f"{node.grad:.6g}", derivatives))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
        return "\n".join(lines)

    def __repr__(self) -> str:
        made_by = f", made by {self.operation}" if self.operation else ""
        label = f"{self.label} = " if self.label else ""
        return f"Value({label}{self.data:.6g}, grad {self.grad:.6g}{made_by})"
