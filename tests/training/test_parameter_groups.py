"""Factors for layers and biases, and schedules of decay and dropout: against plain NumPy, and as bits."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import knobs
from helpers.grouped import DECAY, DROPOUT, L2, check_training
from helpers.merged import in_one_test
from helpers.problems import make_problem
from helpers.regularized import EACH, RULES, make_epoch, results
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmlp.optimizers import SGD, Adam, AdamW, LayerWise
from fastmlp.regularization import Regularization
from fastmlp.schedules import Constant

TYPES = [np.float32, np.float64]
#: Each has other factors, and some layers and biases are frozen.
FACTORS = {
    "rates": {"weight_rates": (0.5, 2.0, 0.25), "bias_rates": (1.0, 0.1, 3.0)},
    "decays": {"weight_decays": (0.5, 2.0, 0.0), "bias_decays": (0.1, 0.0, 1.0)},
    "frozen": {"weight_rates": (0.0, 1.5, 0.0), "bias_rates": (0.5, 0.0, 0.0), "bias_decays": 0.5},
    "ntk": {"weight_rates": "ntk", "bias_rates": 0.1, "weight_decays": 0.5},
}
OPTIONS = {**EACH, "none": {}, "ema": {"ema": 0.8}, "everything": {**EACH["all"], "ema": 0.8}}
#: With every update rule.
SOME = ["none", "l1", "clip_value", "everything"]
SCHEDULED = {**DROPOUT, "ema": 0.8}


@pytest.fixture(autouse=True)
def small_networks_share_their_work(monkeypatch):
    knobs.let_threads_pay(monkeypatch)


def draw(dtype=np.float64, **shape):
    shape = {"features": 9, "hidden": (11, 5), "rows": 40, "weighted": True, **shape}
    return make_problem("softmax log loss", dtype=dtype, **shape)


def with_decay(optimizer, decay=DECAY):
    """The optimizer with a schedule of its decay, if it has one."""
    return replace(optimizer, weight_decay=decay) if hasattr(optimizer, "weight_decay") else optimizer


@in_one_test(pairs=True)
@pytest.mark.parametrize("option", SOME)
@pytest.mark.parametrize("factors", FACTORS)
@pytest.mark.parametrize("rule", RULES)
def test_layer_wise_training_equals_numpy(rule, factors, option):
    """Of every update rule, with schedules of both decays."""
    optimizer = LayerWise(with_decay(RULES[rule]), **FACTORS[factors])
    check_training(draw(), optimizer, L2, Regularization(**OPTIONS[option]), threads=2)


@in_one_test(pairs=True)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("rule", ["momentum", "adamw", "lamb"])
def test_each_option_with_factors(rule, option, dtype):
    for factors in FACTORS.values():
        check_training(draw(dtype), LayerWise(RULES[rule], **factors), 0.05, Regularization(**OPTIONS[option]))


@in_one_test()
@pytest.mark.parametrize("option", SOME)
@pytest.mark.parametrize("rule", RULES)
def test_schedules_of_decay_equal_numpy(rule, option):
    """Without factors: of `alpha`, and of the rule's own decay."""
    check_training(draw(), with_decay(RULES[rule]), L2, Regularization(**OPTIONS[option]))
    check_training(draw(), RULES[rule], L2, Regularization(**OPTIONS[option]))
    check_training(draw(), with_decay(RULES[rule]), 0.05, Regularization(**OPTIONS[option]))


@in_one_test()
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("rule", ["plain", "adamw", "lamb"])
def test_schedules_of_dropout_equal_numpy(rule, dtype, sparse):
    optimizer = RULES.get(rule, SGD(0.002))
    check_training(draw(dtype, sparse=sparse), optimizer, 0.05, Regularization(**SCHEDULED), threads=2)
    optimizer = LayerWise(with_decay(optimizer), **FACTORS["rates"])
    check_training(draw(dtype, sparse=sparse), optimizer, L2, Regularization(**SCHEDULED, l1=0.2))


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    rule=st.sampled_from(["momentum", "adamw", "lamb", "nadam"]),
    hidden=st.lists(st.integers(1, 70), min_size=2, max_size=2),
    features=st.integers(1, 35),
    activation=st.sampled_from(["tanh", "relu"]),
    factors=st.sampled_from(sorted(FACTORS)),
    option=st.sampled_from(sorted(OPTIONS)),
    batch_size=st.integers(1, 40),
    threads=st.integers(1, 4),
    sparse=st.booleans(),
)
def test_shapes(rule, hidden, features, activation, factors, option, batch_size, threads, sparse):
    problem = draw(hidden=hidden, features=features, activation=activation, sparse=sparse)
    optimizer = LayerWise(with_decay(RULES[rule]), **FACTORS[factors])
    check_training(problem, optimizer, L2, Regularization(**OPTIONS[option]), batch_size, threads)


@in_one_test()
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("option", ["none", "everything"])
@pytest.mark.parametrize("rule", ["adamw", "lamb"])
def test_wide_layers(rule, option, dtype, monkeypatch):
    """Several tiles a layer, and weight copies in panels."""
    knobs.set_panel_bytes(monkeypatch)
    problem = draw(dtype, features=130, hidden=(270, 33), rows=24)
    optimizer = LayerWise(with_decay(RULES[rule]), **FACTORS["frozen"])
    check_training(problem, optimizer, L2, Regularization(**OPTIONS[option]), 24, 3)


@pytest.mark.parametrize("rule", ["adamw", "lamb"])
def test_a_large_batch_in_microbatches(rule, monkeypatch):
    knobs.set_large_batch_rows(monkeypatch, 100)
    problem = draw(features=19, hidden=(33, 5), rows=260)
    optimizer = LayerWise(with_decay(RULES[rule]), **FACTORS["frozen"])
    epoch = check_training(problem, optimizer, L2, Regularization(**SCHEDULED, l1=0.2), 131, 3)
    assert epoch.workspace.task["microbatch_rows"]


# Bits


@in_one_test(pairs=True)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("option", SOME)
@pytest.mark.parametrize("rule", RULES)
def test_factors_of_one_change_no_bit(rule, option, dtype):
    """Nor does a schedule that is constant."""
    regularization = Regularization(**OPTIONS[option])
    plain = results(draw(dtype), regularization, rule)
    assert results(draw(dtype), regularization, LayerWise(RULES[rule])) == plain
    if hasattr(RULES[rule], "weight_decay"):
        constant = replace(RULES[rule], weight_decay=Constant(RULES[rule].weight_decay))
        assert results(draw(dtype), regularization, constant) == plain


@in_one_test()
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("l2", [0.05, Constant(0.05)], ids=str)
@pytest.mark.parametrize("dropout", [{}, {"dropout": 0.4, "input_dropout": 0.3}], ids=str)
def test_constant_schedules_change_no_bit(dropout, l2, dtype):
    found = []
    for constant in (False, True):
        rates = {name: Constant(rate) if constant else rate for name, rate in dropout.items()}
        problem = draw(dtype)
        epoch = make_epoch(problem, Regularization(**rates), "momentum", 16)
        found.append(([epoch.run(l2 if constant else 0.05) for _ in range(2)], problem.network.params.tobytes()))
    assert found[0] == found[1]


@in_one_test(pairs=True)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("rule", ["momentum", "adamw", "lamb"])
def test_threads_change_no_bit(rule, option, dtype):
    found = []
    optimizer = LayerWise(with_decay(RULES[rule]), (0.5, 0.0, 2.0), (1.0, 0.1, 0.0), (1.0, 2.0, 0.5), 0.25)
    for threads in (1, 2, 3, 7):
        problem = draw(dtype, features=70, hidden=(131, 67), rows=130)
        epoch = make_epoch(problem, Regularization(**OPTIONS[option]), optimizer, 64, threads)
        assert epoch.team.size == threads
        found.append(([epoch.run(L2) for _ in range(2)], problem.network.params.tobytes(), epoch.state.tobytes()))
    assert found[0] == found[1] == found[2] == found[3]


@in_one_test(pairs=True)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("option", SOME)
@pytest.mark.parametrize("rule", RULES)
def test_frozen_layers_keep_their_bits(rule, option, dtype):
    """Weights that other steps would change: negative zeros, tiny ones, and some beyond max-norm."""
    problem = draw(dtype)
    network = problem.network
    network.coefs[0][:2], network.coefs[0][2], network.coefs[0][3] = -0.0, np.finfo(dtype).tiny, 1e3
    network.intercepts[0][:3] = -0.0
    before = [array.copy() for array in (*network.coefs, *network.intercepts)]
    optimizer = LayerWise(with_decay(RULES[rule]), (0, 1, 0), (0, 0, 1), bias_decays=1.0)
    epoch = make_epoch(problem, Regularization(**OPTIONS[option]), optimizer, 16)
    for _ in range(2):
        epoch.run(L2)
    moved = [
        old.tobytes() != new.tobytes() for old, new in zip(before, (*network.coefs, *network.intercepts), strict=True)
    ]
    assert moved == [False, True, False, False, False, True]
    if epoch.average is not None:
        kept = network.layout.coefs(epoch.average)[0], network.layout.intercepts(epoch.average)[0]
        assert kept[0].tobytes() == before[0].tobytes() and kept[1].tobytes() == before[3].tobytes()


@in_one_test()
@pytest.mark.parametrize("rule", RULES)
def test_a_rate_of_zero_is_no_nan(rule):
    """Everything frozen, and a schedule that ends at zero."""
    problem = draw()
    before = problem.network.params.tobytes()
    make_epoch(problem, Regularization(**OPTIONS["everything"]), LayerWise(RULES[rule], 0, 0), 16).run(L2)
    assert problem.network.params.tobytes() == before


def test_unused_groups_cost_nothing():
    """No kernel, no memory, no address in the records."""
    epoch = make_epoch(draw(), Regularization(), AdamW(), 16)
    epoch.run(0.05)
    names = ("set_groups", "n_groups", "group_rates", "before_step", "penalties")
    assert not any(epoch.workspace.task[name] for name in names)
    assert epoch.step_rates.group_rates.size == 0
    assert not any(epoch.workspace.layers[name].any() for name in ("rule_offset", "frozen_weights", "frozen_biases"))
    assert "penalties" not in epoch.workspace.buffers


def test_decay_of_an_own_rule_stays_its_own():
    """A user's rule may give the kernel another decay than its attribute says."""

    class Doubled(AdamW):
        def hyperparameters(self):
            return replace(AdamW(), weight_decay=2 * self.weight_decay).hyperparameters()

    def decayed(optimizer):
        params = np.ones(3)
        optimizer.begin().step(params, np.zeros(3))
        problem = draw()
        make_epoch(problem, Regularization(), LayerWise(optimizer), 16).run(0.0)
        return params.tobytes(), problem.network.params.tobytes()

    assert decayed(Doubled(0.1, weight_decay=0.2)) == decayed(AdamW(0.1, weight_decay=0.4))


def test_a_schedule_of_alpha_keeps_the_decay_of_biases_of_an_own_rule():
    class OfAll(AdamW):
        def hyperparameters(self):
            numbers = super().hyperparameters()
            return np.stack([numbers[0]] * 2)

    def trained(l2):
        problem = draw()
        make_epoch(problem, Regularization(), OfAll(0.1, weight_decay=0.4), 16).run(l2)
        return problem.network.params.tobytes()

    assert trained(Constant(0.05)) == trained(0.05)


@pytest.mark.parametrize("name", ["weight_rates", "bias_rates", "weight_decays", "bias_decays"])
def test_another_number_of_factors_is_refused(name):
    with pytest.raises(ValueError, match=rf"{name}=\(1.0, 2.0\) has 2 entries, but there are 3 layers"):
        make_epoch(draw(), Regularization(), LayerWise(Adam(), **{name: (1, 2)}))
