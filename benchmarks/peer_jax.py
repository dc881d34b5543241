"""JAX as a peer: jit, the whole epoch in one `lax.scan`, parameters and moments donated.

A short last batch is one more step in the same compiled function. Where the rows are not shuffled nothing has to come
from outside between epochs, and all of them are one call.
"""

import functools
import importlib
import os

import numpy as np

from .cases import Case
from .peers import Answer
from .start import Adam, Start, rates

CALLED_TOGETHER = 1_000  # epochs in one call where nothing is shuffled: Ctrl-C is served in between


class JaxPeer:
    """JAX on the CPU; XLA reads its threads once, from XLA_FLAGS and the process's cores (see `threads.py`)."""

    def __init__(self, name: str, threads: int):
        self.name, self.threads = name, threads

    def missing(self) -> str | None:
        try:
            jax = importlib.import_module("jax")
            jax.config.update("jax_enable_x64", True)  # float32 arrays stay what they are
            jax.config.update("jax_platforms", "cpu")
            jax.devices()
        except Exception as error:  # jaxlib of another version, no CPU back end …
            return f"{type(error).__name__}: {error}".splitlines()[0]
        return None

    def configuration(self) -> dict:
        """What the process was told once, for JSON."""
        return {"XLA_FLAGS": os.environ.get("XLA_FLAGS", ""), "x64": True}

    def prepare(self, case: Case, X, y, epochs: int, seed: int) -> "JaxTrial":
        return JaxTrial(case, X, y, epochs, seed)


class JaxTrial:
    """Rows, parameters and moments as JAX arrays."""

    def __init__(self, case: Case, X, y, epochs: int, seed: int):
        import jax
        import jax.numpy as jnp

        self.case, self.epochs, self.start = case, epochs, Start(case, X.dtype, seed)
        if case.task == "regression" or case.outputs == 1:
            y = y.reshape(len(X), -1).astype(X.dtype)
        self.X, self.y = jnp.asarray(X), jnp.asarray(y)
        params = [(jnp.array(w), jnp.array(b)) for w, b in zip(self.start.weights, self.start.biases, strict=True)]
        self.state = params, *(jax.tree.map(jnp.zeros_like, params) for _ in range(2))
        self.rates = rates(Adam, case.steps(epochs)).astype(X.dtype).reshape(epochs, -1)
        self.losses: list = []

    def fit(self):
        if self.case.shuffle:
            run = _epoch(self.case)
            for rate, order in zip(self.rates, self.start.orders(self.epochs), strict=True):
                # XLA may read NumPy's memory later: it gets an array that nobody shuffles again.
                self.state, loss = run(self.state, self.X, self.y, order.astype(np.int32), rate)
                self.losses.append(loss)
        else:
            run = _epochs_together(self.case)
            for first in range(0, self.epochs, CALLED_TOGETHER):
                rate = self.rates[first : first + CALLED_TOGETHER]
                self.state, loss = run(self.state, self.X, self.y, rate)
                self.losses.append(loss)
        for weight, bias in self.state[0]:
            weight.block_until_ready()
            bias.block_until_ready()

    def answer(self) -> Answer:
        weights, biases = zip(*self.state[0], strict=True)
        return Answer([np.asarray(w) for w in weights], [np.asarray(b) for b in biases], self.epochs)


def _make_loss(case: Case):
    """loss(params, X, y): the batch's mean, and the penalty."""
    import jax
    import jax.numpy as jnp

    names = {"relu": jax.nn.relu, "tanh": jnp.tanh, "logistic": jax.nn.sigmoid, "identity": lambda z: z}
    activation = names[case.activation]

    def loss(params, X, y):
        out = X
        for number, (weight, bias) in enumerate(params):
            out = out @ weight + bias
            out = activation(out) if number < len(params) - 1 else out
        penalty = 0.5 * Adam.l2 / len(X) * sum(jnp.vdot(weight, weight) for weight, _ in params)
        if case.task == "regression":  # scikit-learn's gradient is that of the sum over targets
            return 0.5 * jnp.square(out - y).sum() / len(X) + penalty
        if case.outputs == 1:
            return jnp.mean(jax.nn.softplus(out) - y * out) + penalty
        of_label = jnp.take_along_axis(out, y[:, None], axis=1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(out, axis=1) - of_label) + penalty

    return loss


def _make_step(case: Case):
    """step(state, X, y, rate): the state after the step, and the loss before it."""
    import jax
    import jax.numpy as jnp

    find = jax.value_and_grad(_make_loss(case))

    def step(state, X, y, rate):
        params, first, second = state
        loss, gradient = find(params, X, y)
        first = jax.tree.map(lambda m, g: Adam.beta_1 * m + (1 - Adam.beta_1) * g, first, gradient)
        second = jax.tree.map(lambda v, g: Adam.beta_2 * v + (1 - Adam.beta_2) * g * g, second, gradient)
        move = functools.partial(lambda rate, p, m, v: p - rate * m / (jnp.sqrt(v) + Adam.epsilon), rate)
        return (jax.tree.map(move, params, first, second), first, second), loss

    return step


@functools.cache
def _epoch(case: Case):
    """epoch(state, X, y, order, rates), compiled: full batches in a scan, then the short one."""
    import jax

    step = _make_step(case)
    full = case.rows // case.batch

    def epoch(state, X, y, order, rates):
        def one(state, batch):
            rows, rate = batch
            return step(state, X[rows], y[rows], rate)

        batches = order[: full * case.batch].reshape(full, case.batch)
        state, losses = jax.lax.scan(one, state, (batches, rates[:full]))
        if full * case.batch == case.rows:
            return state, losses.mean()
        rest = order[full * case.batch :]
        state, loss = step(state, X[rest], y[rest], rates[full])
        return state, (losses.sum() * case.batch + loss * len(rest)) / case.rows

    return jax.jit(epoch, donate_argnums=0)


@functools.cache
def _epochs_together(case: Case):
    """epochs(state, X, y, rates (epochs, 1)), compiled: full batches in the order of the rows, epoch after epoch."""
    import jax

    if case.batch != case.rows:
        raise ValueError(f"{case.name}: rows that are not shuffled come in one batch, not in batches of {case.batch}")
    step = _make_step(case)

    def epochs(state, X, y, rates):
        return jax.lax.scan(lambda state, rate: step(state, X, y, rate[0]), state, rates)

    return jax.jit(epochs, donate_argnums=0)
