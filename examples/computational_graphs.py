"""Computational graphs
====================

Reverse-mode differentiation of computational graphs: two formulas step by step, and skip connections.

`fastmlp.Network` is for layered networks; `fastmlp.scalar.Value` differentiates any graph of numbers. Run it:
``python examples/computational_graphs.py``.
"""

import math

from side_by_side import SideBySide

from fastmlp.scalar import Value


def product_of_a_sum():
    """f(x, y, z) = (x + y) z."""
    table = SideBySide("f = (x + y) z")
    for at, value, gradient in (((-2, 5, -4), -12, (-4, -4, 3)), ((2, 5, -4), -28, (-4, -4, 7))):
        x, y, z = (Value(number, name) for number, name in zip(at, "xyz", strict=True))
        f = (x + y) * z
        f.backward()
        table.exact(f"f{at}", f.data, value)
        table.exact("gradient", [x.grad, y.grad, z.grad], gradient)
    print(f.trace())
    return table.rows


def logistic_unit():
    """σ(w₀x₀ + w₁x₁ + w₂), with a node for each operation; the product of the local gradients is σ (1 − σ) x."""
    table = SideBySide("One logistic unit, step by step")
    w = [Value(number, f"w{i}") for i, number in enumerate((2, -3, -3))]
    x = [Value(number, f"x{i}") for i, number in enumerate((-1, -2))]
    f = 1 / (1 + (-(w[0] * x[0] + w[1] * x[1] + w[2])).exp())
    f.backward()
    print(f.trace())
    sigma = 1 / (1 + math.exp(-1))  # 2 · (−1) + (−3) · (−2) − 3 = 1
    slope = sigma * (1 - sigma)
    table.exact("f", f.data, sigma)
    table.exact("df/dw", [weight.grad for weight in w], [slope * -1, slope * -2, slope])
    table.exact("df/dx", [inp.grad for inp in x], [slope * 2, slope * -3])
    return table.rows


def skip_connections():
    """Edges a→c, a→d, b→d, d→e, and c, d, e→y: the gradient is a sum over the paths from y to a."""
    table = SideBySide("Skip connections: dy/da is a sum over three paths")
    a, b = Value(0.5, "a"), Value(-1.0, "b")
    w = {name: Value(number, name) for name, number in
         {"ac": 0.3, "ad": -0.7, "bd": 0.4, "de": 1.1, "cy": 0.9, "dy": -0.5, "ey": 0.6}.items()}  # fmt: skip
    c = (w["ac"] * a).logistic()
    d = (w["ad"] * a + w["bd"] * b).logistic()
    e = (w["de"] * d).logistic()
    y = w["cy"] * c + w["dy"] * d + w["ey"] * e
    y.backward()

    slope_c, slope_d, slope_e = (node.data * (1 - node.data) for node in (c, d, e))
    number = {name: weight.data for name, weight in w.items()}
    paths = {
        "y c a": number["cy"] * slope_c * number["ac"],
        "y d a": number["dy"] * slope_d * number["ad"],
        "y e d a": number["ey"] * slope_e * number["de"] * slope_d * number["ad"],
    }
    for name, value in paths.items():
        table.note(f"along {' <- '.join(name.split())}: {value:.10f}")
    table.exact("dy/da", a.grad, sum(paths.values()))
    through_d = (number["dy"] + number["ey"] * slope_e * number["de"]) * slope_d
    table.exact("dy/db", b.grad, through_d * number["bd"])
    table.exact("dy/dw(ad)", w["ad"].grad, through_d * 0.5)
    table.exact("dy/dw(de)", w["de"].grad, number["ey"] * slope_e * d.data)
    return table.rows


def main():
    return product_of_a_sum() + logistic_unit() + skip_connections()


if __name__ == "__main__":
    main()
