"""What is chosen in the page, as Python code that makes the same model."""

from __future__ import annotations

from ..optimizers import as_optimizer
from .choices import Choices


def as_code(choices: Choices, is_regression: bool) -> str:
    """Return code that makes an estimator with these choices; X_train and y_train are the user's.

    Examples
    --------
    >>> print(as_code(Choices(l2=0.1), is_regression=False))
    from fastmlp import MLPClassifier, SGD
    <BLANKLINE>
    model = MLPClassifier(
        hidden_layer_sizes=(4, 2),
        activation='tanh',
        solver=SGD(0.03),
        batch_size=10,
        alpha=0.1,
        random_state=0,
    )
    model.fit(X_train, y_train)
    """
    model, optimizer = "MLPRegressor" if is_regression else "MLPClassifier", as_optimizer(choices.solver)
    numbers = {name: getattr(optimizer, name, 0) for name in ("momentum", "nesterov")}
    given = [repr(choices.learning_rate), *(f"{name}={value!r}" for name, value in numbers.items() if value)]
    solver = f"{type(optimizer).__name__}({', '.join(given)})"
    arguments = {
        "hidden_layer_sizes": choices.hidden,
        "activation": choices.activation,
        "batch_size": choices.batch_size,
        "alpha": choices.l2,
        "random_state": choices.seed,
    }
    arguments |= {name: getattr(choices, name) for name in ("l1", "dropout") if getattr(choices, name)}
    lines = [f"    {name}={value!r}," for name, value in arguments.items()]
    lines.insert(2, f"    solver={solver},")
    imports = f"from fastmlp import {model}, {type(optimizer).__name__}"
    return "\n".join([imports, "", f"model = {model}(", *lines, ")", "model.fit(X_train, y_train)"])
