"""A number that remembers how it was made: reverse-mode differentiation of any graph, one scalar at a time.

Made for learning, and the tests' oracle: it shares no code with the kernels and imports only the standard
library. A :class:`Value` is a node. Arithmetic on values makes new nodes; ``backward`` walks the graph from
the last node to the first and leaves in every node the derivative of the last with respect to it.
"""

import functools
import math
from numbers import Real


def _with_value(method):
    """Let the right operand of a binary ``method`` be a plain number: it becomes a constant node."""

    @functools.wraps(method)
    def binary(self, other):
        if isinstance(other, Real):
            other = Value(other, f"{other:g}")
        # Whatever else it is (a NumPy array of values, say) may know how to add a value to itself.
        return method(self, other) if isinstance(other, Value) else NotImplemented

    return binary


def _node(data, operation, *pairs):
    """Make a node from (parent, local gradient) pairs."""
    parents, local_gradients = zip(*pairs, strict=True)
    return Value(data, operation=operation, parents=parents, local_gradients=local_gradients)


class Value:
    r"""A scalar in a computational graph.

    A node :math:`v` made from its parents :math:`u_1, \dots, u_k` keeps the local gradients
    :math:`\partial v / \partial u_i`, known as soon as its value is. The derivative of the last node
    :math:`f` with respect to any node :math:`u` is then a sum over everything made from :math:`u`, and so
    over every path that leads from :math:`u` to :math:`f`:

    .. math:: \frac{\partial f}{\partial u}
              = \sum_{v \text{ made from } u} \frac{\partial f}{\partial v} \, \frac{\partial v}{\partial u}

    The operators ``+ - * / **`` work between values, and between a value and a plain number; ``-`` and
    ``abs`` on one value.

    Parameters
    ----------
    data : float
        The number. Changing it later does not recompute the nodes made from it.
    label : str, default=""
        A name, shown when the graph is printed.
    operation, parents, local_gradients
        How the node was made. The operators fill these in; a leaf has none.

    Attributes
    ----------
    data : float
        The value of this node.
    grad : float
        The derivative, with respect to this node, of the node whose ``backward`` was called last; 0 before.
    operation : str
        The operation that made this node: ``"+"``, ``"tanh"``, ...; empty for a leaf.
    parents : tuple of Value
        The nodes it was made from.
    local_gradients : tuple of float
        The derivative of this node with respect to each of its parents.

    Notes
    -----
    Where a function has a corner, ``relu`` takes the slope 0, as scikit-learn does, ``abs`` takes 0, and
    ``maximum`` of two equal numbers gives each half. Outside a function's domain (the logarithm of a negative
    number, a division by zero, an exponential too large for a float) Python's own ``ValueError``,
    ``ZeroDivisionError`` or ``OverflowError`` is raised. All gradients together cost about as much as the
    value, however many leaves there are.

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

    A node that is used twice collects what comes back along both paths:

    >>> x = Value(3, "x")
    >>> (x * x + 2 * x).backward()
    >>> x.grad
    8.0
    """

    __slots__ = ("data", "grad", "label", "local_gradients", "operation", "parents")

    def __init__(self, data, label="", *, operation="", parents=(), local_gradients=()):
        self.data = float(data)
        self.grad = 0.0
        self.label = label
        self.operation = operation
        self.parents = tuple(parents)
        self.local_gradients = tuple(map(float, local_gradients))

    # Arithmetic. Each line says: the value, its name, and for each parent the slope.

    @_with_value
    def __add__(self, other):
        return _node(self.data + other.data, "+", (self, 1), (other, 1))

    @_with_value
    def __sub__(self, other):
        return _node(self.data - other.data, "-", (self, 1), (other, -1))

    @_with_value
    def __mul__(self, other):
        return _node(self.data * other.data, "*", (self, other.data), (other, self.data))

    @_with_value
    def __truediv__(self, other):
        quotient = self.data / other.data
        return _node(quotient, "/", (self, 1 / other.data), (other, -quotient / other.data))

    def __pow__(self, exponent):
        if isinstance(exponent, Real):  # a constant: the base may be negative, and has the only slope
            exponent = float(exponent)
            power = math.pow(self.data, exponent)  # unlike **, never slips into complex numbers
            slope = exponent * math.pow(self.data, exponent - 1) if exponent else 0
            return _node(power, f"** {exponent:g}", (self, slope))
        if not isinstance(exponent, Value):
            return NotImplemented
        power = math.pow(self.data, exponent.data)
        slopes = exponent.data * power / self.data, power * math.log(self.data)
        return _node(power, "**", (self, slopes[0]), (exponent, slopes[1]))

    def __neg__(self):
        return _node(-self.data, "-", (self, -1))

    def __abs__(self):
        slope = math.copysign(1, self.data) if self.data else 0
        return _node(abs(self.data), "abs", (self, slope))

    # A plain number on the left: 2 - x, 2 ** x

    @_with_value
    def __radd__(self, other):
        return other + self

    @_with_value
    def __rsub__(self, other):
        return other - self

    @_with_value
    def __rmul__(self, other):
        return other * self

    @_with_value
    def __rtruediv__(self, other):
        return other / self

    @_with_value
    def __rpow__(self, other):
        return other**self

    # Functions

    def exp(self):
        """The exponential; its slope is itself."""
        result = math.exp(self.data)
        return _node(result, "exp", (self, result))

    def log(self):
        """The natural logarithm of a positive number; slope 1/x."""
        return _node(math.log(self.data), "log", (self, 1 / self.data))

    def sqrt(self):
        """The square root of a positive number; slope 1/(2√x)."""
        result = math.sqrt(self.data)
        return _node(result, "sqrt", (self, 0.5 / result))

    def tanh(self):
        """The hyperbolic tangent; slope 1 − tanh²(x)."""
        result = math.tanh(self.data)
        return _node(result, "tanh", (self, 1 - result * result))

    def logistic(self):
        """The logistic function σ(x) = 1/(1 + exp(−x)); slope σ(x)·(1 − σ(x))."""
        small = math.exp(-abs(self.data))  # of the two equal forms, the one that cannot overflow
        result = 1 / (1 + small) if self.data >= 0 else small / (1 + small)
        return _node(result, "logistic", (self, small / (1 + small) ** 2))

    def relu(self):
        """The larger of x and 0; slope 1 where x > 0, otherwise 0."""
        return _node(max(self.data, 0.0), "relu", (self, self.data > 0))

    def maximum(self, other):
        """The larger of two; slope 1 for the larger, 0 for the other, ½ each when they are equal."""
        other = other if isinstance(other, Value) else Value(other, f"{other:g}")
        share = 0.5 * ((self.data > other.data) - (self.data < other.data) + 1)
        return _node(max(self.data, other.data), "maximum", (self, share), (other, 1 - share))

    # The graph

    def nodes(self):
        """List every node this one was made from, and itself last; parents before what is made from them.

        Returns
        -------
        list of Value
            A topological order of the graph, each node once.
        """
        order, seen, stack = [], set(), [(self, False)]
        while stack:  # depth first with a stack of our own, for Python's would overflow on a long chain
            node, parents_are_listed = stack.pop()
            if parents_are_listed:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((parent, False) for parent in reversed(node.parents))
        return order

    def backward(self):
        """Set ``grad`` of every node in the graph to the derivative of this node with respect to it.

        Gradients left by an earlier call are overwritten, not added to.
        """
        order = self.nodes()
        for node in order:
            node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):  # whatever is made from a node comes back before the node itself
            for parent, local_gradient in zip(node.parents, node.local_gradients, strict=True):
                parent.grad += node.grad * local_gradient

    def trace(self):
        """Describe the graph, one line a node: how it was made, its value, its gradient, its local gradients.

        Returns
        -------
        str
            A table. A node without a label is called by its place in the list, v0, v1, ...; a plain number by
            itself.
        """
        names = {}
        rows = [("node", "made by", "value", "gradient", "local gradients")]
        for place, node in enumerate(self.nodes()):
            name = names[id(node)] = node.label or f"v{place}"
            of = [names[id(parent)] for parent in node.parents]
            made_by = f" {node.operation} ".join(of) if len(of) == 2 else " ".join([node.operation, *of])
            local = zip(of, node.local_gradients, strict=True)
            slopes = ", ".join(f"d{name}/d{parent} = {slope:.6g}" for parent, slope in local)
            rows.append((name, made_by, f"{node.data:.6g}", f"{node.grad:.6g}", slopes))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
        return "\n".join(lines)

    def __repr__(self):
        made_by = f", made by {self.operation}" if self.operation else ""
        label = f"{self.label} = " if self.label else ""
        return f"Value({label}{self.data:.6g}, grad {self.grad:.6g}{made_by})"
