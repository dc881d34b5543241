"""PyTorch as a peer: eager with its fused Adam, and `torch.compile` of the whole step.

Both take what costs PyTorch least. Eager: one gather an epoch, batches are views of it; the L2 penalty enters as
Adam's `weight_decay`, which is the penalty's gradient inside the fused kernel; ε as `start.Adam` says. Compiled: one
graph for forward, backward and update, which on small nets is five times as fast as compiling the loss and stepping
the fused Adam after it (147 against 793 µs a step on `tiny`); Adam's formulas are written out there, as a graph holds
no optimizer. The graph is static: a short last batch has its own, compiled in the warm-up too.
"""

import importlib
from contextlib import nullcontext

import numpy as np

from .cases import Case
from .peers import Answer
from .start import Adam, Start, rates


class TorchPeer:
    """PyTorch on the CPU."""

    def __init__(self, name: str, threads: int, compiled: bool, autocast: bool = False):
        self.name, self.threads, self.compiled, self.autocast = name, threads, compiled, autocast
        self._compiled_for: tuple | None = None
        self._step = None

    def missing(self) -> str | None:
        try:
            torch = importlib.import_module("torch")
            torch.set_num_threads(self.threads)
            if self.compiled:
                torch.compile(lambda x: x + 1)(torch.zeros(3))
        except Exception as error:  # a compiler that is not there, or fails, raises what it likes
            return f"{type(error).__name__}: {error}".splitlines()[0]
        return None

    def configuration(self) -> dict:
        """What the process was told once, for JSON."""
        torch = importlib.import_module("torch")
        return {"intra-op threads": torch.get_num_threads(), "inter-op threads": torch.get_num_interop_threads()}

    def prepare(self, case: Case, X, y, epochs: int, seed: int):
        if not self.compiled:
            return (AutocastTrial if self.autocast else EagerTrial)(case, X, y, epochs, seed)
        key = (case, X.dtype)
        if self._compiled_for != key:  # another case's graphs would only be guards to check
            torch = importlib.import_module("torch")
            torch._dynamo.reset()
            torch._dynamo.config.fail_on_recompile_limit_hit = True  # or it would run eagerly without a word
            self._step = torch.compile(_make_step(case), dynamic=False, fullgraph=True)
            self._compiled_for = key
        return CompiledTrial(self._step, case, X, y, epochs, seed)


class _TorchTrial:
    """Rows, parameters and batches as tensors."""

    def __init__(self, case: Case, X, y, epochs: int, seed: int):
        import torch

        self.case, self.epochs, self.start = case, epochs, Start(case, X.dtype, seed)
        self.X = torch.from_numpy(X)
        self.y = torch.from_numpy(y)
        if case.task == "regression" or case.outputs == 1:
            self.y = self.y.reshape(len(X), -1).to(self.X.dtype)
        self.weights = [torch.from_numpy(weight.copy()) for weight in self.start.weights]
        self.biases = [torch.from_numpy(bias.copy()) for bias in self.start.biases]
        self.rates = rates(Adam, case.steps(epochs))

    def batches(self):
        import torch

        for order in self.start.orders(self.epochs):
            X, y = self.X, self.y
            if self.case.shuffle:
                rows = torch.from_numpy(order)
                X, y = X[rows], y[rows]
            yield from zip(X.split(self.case.batch), y.split(self.case.batch), strict=True)

    def answer(self) -> Answer:
        weights, biases = ([p.detach().numpy() for p in some] for some in (self.weights, self.biases))
        return Answer(weights, biases, self.epochs)


class EagerTrial(_TorchTrial):
    """`loss.backward()` and the fused Adam."""

    def __init__(self, *arguments):
        import torch

        super().__init__(*arguments)
        for parameter in self.weights + self.biases:
            parameter.requires_grad_()
        groups = [{"params": self.weights}, {"params": self.biases}]
        betas = (Adam.beta_1, Adam.beta_2)
        self.adam = torch.optim.Adam(groups, Adam.learning_rate, betas, weight_decay=0.0, fused=True)
        t = np.arange(1, len(self.rates) + 1)
        self.epsilons = (Adam.epsilon / np.sqrt(1 - Adam.beta_2**t)).tolist()

    def fit(self):
        loss_of, adam, (of_weights, of_biases) = _make_loss(self.case), self.adam, self.adam.param_groups
        for epsilon, (X, y) in zip(self.epsilons, self.batches(), strict=True):
            of_weights["eps"] = of_biases["eps"] = epsilon
            of_weights["weight_decay"] = Adam.l2 / len(X)
            with self.precision():
                loss = loss_of(self.weights, self.biases, X, y)
            loss.backward()
            adam.step()
            adam.zero_grad(set_to_none=True)

    def precision(self):
        """The context of a forward pass."""
        return nullcontext()


class AutocastTrial(EagerTrial):
    """Products in bfloat16, by PyTorch's choice of operations."""

    def precision(self):
        """One for each step: within a context, autocast keeps the rounded weights of its first step."""
        import torch

        return torch.autocast("cpu", torch.bfloat16)


class CompiledTrial(_TorchTrial):
    """One compiled graph a step."""

    def __init__(self, step, *arguments):
        import torch

        super().__init__(*arguments)
        self.step = step
        self.first = [torch.zeros_like(p) for p in self.weights + self.biases]
        self.second = [torch.zeros_like(p) for p in self.weights + self.biases]
        self.rate_of_step = torch.from_numpy(self.rates).to(self.X.dtype).unbind()

    def fit(self):
        for rate, (X, y) in zip(self.rate_of_step, self.batches(), strict=True):
            self.step(self.weights, self.biases, self.first, self.second, rate, X, y)


def _make_loss(case: Case):
    """loss(weights, biases, X, y): the batch's mean, without the penalty, whose gradient the update adds."""
    import torch
    from torch.nn import functional

    names = {"relu": torch.relu, "tanh": torch.tanh, "logistic": torch.sigmoid, "identity": lambda z: z}
    activation, depth = names[case.activation], len(case.hidden)

    def loss(weights, biases, X, y):
        out = X
        for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            out = torch.addmm(bias, out, weight)
            out = activation(out) if number < depth else out
        if case.task == "regression":  # scikit-learn's gradient is that of the sum over targets
            return 0.5 * torch.square(out - y).sum() / len(X)
        if case.outputs == 1:
            return functional.binary_cross_entropy_with_logits(out, y)
        return functional.cross_entropy(out, y)

    return loss


def _make_step(case: Case):
    """step(weights, biases, first, second, rate, X, y): parameters and moments are updated in place."""
    import torch

    loss_of = _make_loss(case)

    def step(weights, biases, first, second, rate, X, y):
        find = torch.func.grad_and_value(lambda both: loss_of(*both, X, y))
        (d_weights, d_biases), loss = find((weights, biases))
        d_weights = [d + (Adam.l2 / len(X)) * weight for d, weight in zip(d_weights, weights, strict=True)]
        for p, d, m, v in zip(weights + biases, d_weights + d_biases, first, second, strict=True):
            m.mul_(Adam.beta_1).add_(d, alpha=1 - Adam.beta_1)
            v.mul_(Adam.beta_2).addcmul_(d, d, value=1 - Adam.beta_2)
            p.sub_(rate * m / (v.sqrt() + Adam.epsilon))
        return loss

    return step
