"""The scalar differentiator compared with worked examples, and on unusual graphs.

Values marked exact are those of `worked_examples.md`, found in float64 by another automatic differentiator.
"""

import ast
import doctest
import inspect
import math
import sys

import numpy as np
import pytest

import fastmlp.scalar
from fastmlp.scalar import Value

EXACT = {"rtol": 1e-9, "atol": 0}


def values_of(array):
    """The array with a `Value` for each number, with which NumPy builds the graph: `@` is a sum of products."""
    return np.vectorize(Value, otypes=[object])(array)


def read(array, field):
    return np.vectorize(lambda node: getattr(node, field), otypes=[float])(array)


def logistic_network(x, coefs, intercepts):
    """(pre-activations, activations), one array for each layer, all logistic."""
    z_of_layers, h_of_layers, h = [], [], values_of(x)
    for coef, intercept in zip(coefs, intercepts, strict=True):
        z = h @ coef + intercept
        h = np.array([kernel.logistic() for kernel in z])
        z_of_layers.append(z)
        h_of_layers.append(h)
    return z_of_layers, h_of_layers


def half_squared_error(y, t):
    return sum(((a - b) ** 2 for a, b in zip(y, t, strict=True)), start=Value(0)) / 2


# Networks worked by hand


def test_two_outputs_three_inputs_worked_example_2():
    w1, b1 = values_of([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]), values_of([0.5, 0.5])
    w2, b2 = values_of([[0.7, 0.8], [0.9, 0.1]]), values_of([0.5, 0.5])
    z, h = logistic_network([1, 4, 5], [w1, w2], [b1, b2])
    loss = half_squared_error(h[1], [0.1, 0.05])
    loss.backward()

    np.testing.assert_allclose(read(z[0], "data"), [4.3, 5.3], **EXACT)
    np.testing.assert_allclose(read(h[0], "data"), [0.9866130821723351, 0.995033198349943], **EXACT)
    np.testing.assert_allclose(read(h[1], "data"), [0.889550613969795, 0.8003996080673895], **EXACT)
    np.testing.assert_allclose(loss.data, 0.593244871903886, **EXACT)
    d_w1 = [
        [0.0019839118724015, 0.0004042893213301],
        [0.0079356474896061, 0.0016171572853203],
        [0.0099195593620076, 0.0020214466066504],
    ]
    d_w2 = [[0.0765351284058738, 0.1182790221280746], [0.0771883071286074, 0.1192884584772252]]
    np.testing.assert_allclose(read(w1, "grad"), d_w1, **EXACT)
    np.testing.assert_allclose(read(w2, "grad"), d_w2, **EXACT)
    np.testing.assert_allclose(read(b1, "grad"), [0.0019839118724015, 0.0004042893213301], **EXACT)
    np.testing.assert_allclose(read(b2, "grad"), [0.0775735998121553, 0.1198838980197248], **EXACT)


def test_two_outputs_two_inputs_worked_example_3():
    w1, b1 = values_of([[0.15, 0.25], [0.20, 0.30]]), values_of([0.35, 0.35])
    w2, b2 = values_of([[0.40, 0.50], [0.45, 0.55]]), values_of([0.60, 0.60])
    z, h = logistic_network([0.05, 0.10], [w1, w2], [b1, b2])
    loss = half_squared_error(h[1], [0.01, 0.99])
    loss.backward()

    np.testing.assert_allclose(read(z[0], "data"), [0.3775, 0.3925], **EXACT)
    np.testing.assert_allclose(read(h[0], "data"), [0.5932699921071872, 0.596884378259767], **EXACT)
    np.testing.assert_allclose(read(h[1], "data"), [0.7513650695523157, 0.7729284653214625], **EXACT)
    np.testing.assert_allclose(loss.data, 0.2983711087600027, **EXACT)
    d_w2 = [[0.0821670405642308, -0.0226025404774751], [0.0826676278475333, -0.0227402422159782]]
    d_w1 = [[0.0004385677344743, 0.0004977127352609], [0.0008771354689487, 0.0009954254705217]]
    np.testing.assert_allclose(read(w2, "grad"), d_w2, **EXACT)
    np.testing.assert_allclose(read(w1, "grad"), d_w1, **EXACT)
    stepped = read(w2, "data") - 0.5 * read(w2, "grad")
    np.testing.assert_allclose(stepped, [[0.35891648, 0.51130127], [0.40866619, 0.56137012]], atol=5e-9)


def test_chain_of_relus_worked_example_6():
    w = [Value(0.1), Value(-0.2), Value(-0.1)]
    b = [Value(0), Value(0.1), Value(0.2)]
    y, z = Value(1), []
    for slope, shift in zip(w, b, strict=True):
        z.append(slope * y + shift)
        y = z[-1].relu()
    y.backward()
    np.testing.assert_allclose([node.data for node in z], [0.1, 0.08, 0.192], **EXACT)
    np.testing.assert_allclose([node.grad for node in w], [0.02, -0.01, 0.08], **EXACT)
    np.testing.assert_allclose([node.grad for node in b], [0.02, -0.1, 1], **EXACT)


# Graphs worked by hand


@pytest.mark.parametrize("x, f, gradient", [(-2, -12, (-4, -4, 3)), (2, -28, (-4, -4, 7))])
def test_sum_times_number_worked_example_8(x, f, gradient):
    x, y, z = Value(x), Value(5), Value(-4)
    result = (x + y) * z
    result.backward()
    assert result.data == f
    assert (x.grad, y.grad, z.grad) == gradient


def test_logistic_unit_step_by_step_worked_example_8():
    w, x = values_of([2.0, -3.0, -3.0]), values_of([-1.0, -2.0])
    products = w[:2] * x
    z = products[0] + products[1] + w[2]
    steps = [z, -z, (-z).exp()]
    steps.append(1 + steps[2])
    steps.append(1 / steps[3])
    f = steps[4]
    f.backward()

    e = math.exp(-1)
    slope = e / (1 + e) ** 2
    np.testing.assert_allclose([step.data for step in steps], [1, -1, e, 1 + e, 1 / (1 + e)], **EXACT)
    assert f.operation == "/"
    assert f.parents[1] is steps[3]
    np.testing.assert_allclose(f.local_gradients[1], -1 / (1 + e) ** 2, **EXACT)
    np.testing.assert_allclose(steps[3].local_gradients, [1, 1], **EXACT)
    np.testing.assert_allclose(steps[2].local_gradients, [e], **EXACT)
    np.testing.assert_allclose(products[0].local_gradients, [-1, 2], **EXACT)
    np.testing.assert_allclose(read(w, "grad"), np.multiply(slope, [-1, -2, 1]), **EXACT)
    np.testing.assert_allclose(read(x, "grad"), np.multiply(slope, [2, -3]), **EXACT)
    in_one = (w[0] * x[0] + w[1] * x[1] + w[2]).logistic()
    np.testing.assert_allclose(in_one.data, f.data, **EXACT)
    np.testing.assert_allclose(in_one.local_gradients, [slope], **EXACT)


def test_skip_connections_sum_over_paths_worked_example_8():
    """a and b feed d, a feeds c, d feeds e; c, d and e feed y:  y = u·c + v·d + w·e."""
    a, b = Value(0.7, "a"), Value(-1.3, "b")
    c = (2 * a).tanh()
    d = (0.5 * a - b).logistic()
    e = (3 * d).tanh()
    y = 1.1 * c - 0.4 * d + 0.9 * e
    y.backward()

    c_slope = 2 * (1 - math.tanh(1.4) ** 2)
    d_value = 1 / (1 + math.exp(-1.65))
    d_slope = d_value * (1 - d_value)
    e_slope = 3 * (1 - math.tanh(3 * d_value) ** 2)
    np.testing.assert_allclose(d.grad, -0.4 + 0.9 * e_slope, **EXACT)  # directly to y, and through e
    np.testing.assert_allclose(a.grad, 1.1 * c_slope + d.grad * d_slope * 0.5, **EXACT)
    np.testing.assert_allclose(b.grad, -d.grad * d_slope, **EXACT)


# Graphs


def test_chain_of_fifty_thousand_nodes():
    """There is no recursion, neither in `backward` nor when the graph is freed."""
    assert sys.getrecursionlimit() < 50_000
    first = node = Value(0.5)
    for _ in range(25_000):
        node = node * 1.0001 + 0.25
    node.backward()
    assert len(node.nodes()) == 1 + 25_000 * 4  # the product, the sum and the two numbers
    np.testing.assert_allclose(first.grad, 1.0001**25_000, **EXACT)


def test_paths_double_at_every_node():
    """2⁶⁰ paths in 61 nodes: each node is visited once."""
    first = node = Value(1)
    for _ in range(60):
        node = node + node
    node.backward()
    assert len(node.nodes()) == 61
    assert first.grad == 2.0**60


def test_backward_overwrites_what_an_earlier_call_left():
    x = Value(3)
    square, cube = x * x, x * x * x
    square.backward()
    square.backward()
    assert x.grad == 6
    cube.backward()
    assert x.grad == 27


def test_parents_come_before_their_children():
    x, y = Value(2), Value(3)
    f = (x * y + x).tanh() * y
    order = f.nodes()
    place = {id(node): number for number, node in enumerate(order)}
    assert order[-1] is f
    assert all(place[id(parent)] < place[id(node)] for node in order for parent in node.parents)


def test_numpy_numbers_and_arrays_mix_with_values():
    x = Value(3)
    assert isinstance(np.float64(2) * x, Value)
    assert [node.data for node in x * np.array([1.0, 2.0])] == [3, 6]
    assert [node.data for node in np.array([1.0, 2.0]) - x] == [-2, -1]
    assert type((x + np.float32(0.5)).data) is float


def test_each_node_can_be_read():
    w, x = Value(2, "w"), Value(-1, "x")
    f = (w * x + 3).relu()
    f.backward()
    assert f.trace().splitlines() == [
        "node  made by  value  gradient  local gradients",
        "w              2      -1",
        "x              -1     2",
        "v2    w * x    -2     1         dv2/dw = -1, dv2/dx = 2",
        "3              3      1",
        "v4    v2 + 3   1      1         dv4/dv2 = 1, dv4/d3 = 1",
        "v5    relu v4  1      1         dv5/dv4 = 1",
    ]
    assert repr(w) == "Value(w = 2, grad -1)"
    assert repr(f) == "Value(1, grad 1, made by relu)"


def test_the_docstrings_run():
    assert doctest.testmod(fastmlp.scalar).failed == 0


def test_imports_only_the_standard_library():
    nodes = list(ast.walk(ast.parse(inspect.getsource(fastmlp.scalar))))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)
