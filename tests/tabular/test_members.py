"""Splits, members with their schedules and best epochs, and time budgets."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import knobs
from helpers.tables import CLASSES, draw_rows, make_empty
from oracles import reference_losses, reference_tables
from oracles.reference_tables import Network, params_of

from fastmlp.engine.dataset import Dataset
from fastmlp.tabular import budget
from fastmlp.tabular.ensemble import train_members
from fastmlp.tabular.member import Member, ValidationRows
from fastmlp.tabular.recipes import Recipe
from fastmlp.tabular.scores import ValidationScore
from fastmlp.tabular.splits import positions, split_of

RECIPE = Recipe(
    1, (8, 7), "mish", 0.02, max_iter=6, batch_size=16, weight_decay=0.1, dropout=0.1, label_smoothing=0.1,
)  # fmt: skip
DEEP = Network(4, 3, (5,), (8, 7), 3, "mish", True, **CLASSES)


# Splits


def test_each_row_is_held_out_once_by_five_members():
    rng = np.random.RandomState(0)
    for n_rows, n_classes in ((5, 1), (23, 2), (1000, 7), (10_000, 1)):
        codes = rng.randint(n_classes, size=n_rows)
        for stratified in (None, codes):
            places = positions(stratified, n_rows, np.random.RandomState(1))
            assert np.all((places >= 0) & (places < 1))
            held = [split_of(places, member, 0.2) for member in range(5)]
            assert np.array_equal(np.sort(np.concatenate([rows for _, rows in held])), np.arange(n_rows))
            for training, rows in held:
                assert np.array_equal(np.union1d(training, rows), np.arange(n_rows)) and rows.dtype == np.int64
                assert training.size + rows.size == n_rows
                if stratified is None:
                    assert abs(rows.size - n_rows / 5) < 1
                else:
                    shares = np.bincount(codes[rows], minlength=n_classes) - np.bincount(codes) / 5
                    assert np.all(abs(shares) < 1)
    again = split_of(places, 5, 0.2)[1]
    assert np.array_equal(again, held[0][1])
    assert len(np.unique(positions(None, 50, np.random.RandomState(1)).argsort()[:10] // 10)) > 1  # no stretch of rows


# Members


def make_member(recipe=RECIPE, seed=1, score=None, n_threads=1, network=DEEP, validated=True):
    rng = np.random.RandomState(9)
    X, y, weights = draw_rows(network, 90, np.float32, rng, weighted=True)
    dataset = Dataset(X, y, weights)
    model = make_empty(network, np.float32)
    rows, held = np.arange(0, 70), np.arange(70, 90)
    validation = ValidationRows(dataset, held, score) if validated else None
    return Member(model, dataset, rows, recipe, seed, validation, n_threads)


def train(member, epochs=RECIPE.max_iter):
    """The parameters after each epoch."""
    after = []
    for _ in range(epochs):
        member.run_epoch()
        after.append(member.model.params.copy())
    return after


def test_the_last_of_equally_good_epochs_is_kept():
    for scores, best in (
        ([3, 1, 3, 2, 3, 1], 5),
        ([1, 1, 1, 1, 1, 1], 6),
        ([5, 4, 3, 2, 1, 0], 1),
        ([0, 2, 2, 1, 1, 1], 3),
    ):
        given = iter(scores)
        member = make_member(score=lambda outputs, rows, given=given: next(given))
        after = train(member)
        assert member.best_epoch == best and member.scores == scores
        assert len(member.loss_curve) == len(member.validation_losses) == 6
        assert np.array_equal(member.end().params, after[best - 1])
    assert np.array_equal(member.model.params, member.best)


def test_validation_loss_is_the_weighted_mean():
    seen = []
    member = make_member(score=lambda outputs, rows: seen.append((outputs.copy(), rows.copy())) or 0.0)
    member.run_epoch()
    data, rows = member.validation.dataset, member.validation.rows
    X, y, weights = (array[rows].astype(np.float64) for array in (data.X, data.y, data.sample_weight))
    z = reference_tables.forward(DEEP, params_of(member.model), X)[-1]
    a, losses, _ = reference_losses.through(DEEP.loss, DEEP.output, z, y)
    np.testing.assert_allclose(member.validation_losses, [(losses[:, 0] * weights).sum() / weights.sum()], rtol=1e-5)
    np.testing.assert_allclose(seen[0][0], a, rtol=1e-4)
    assert np.array_equal(seen[0][1], rows)
    by_loss = make_member()
    after = train(by_loss)
    assert by_loss.scores == [-loss for loss in by_loss.validation_losses]
    best = 6 - int(np.argmax(by_loss.scores[::-1]))
    assert by_loss.best_epoch == best and np.array_equal(by_loss.end().params, after[best - 1])


def test_validation_rows_without_weight_are_refused():
    member = make_member()
    dataset, validation = member.validation.dataset, member.validation
    dataset.sample_weight[validation.rows] = 0
    before = member.model.params.copy()
    with pytest.raises(ValueError, match="All validation rows of a member have sample_weight 0"):
        Member(member.model, dataset, np.arange(70), RECIPE, 1, validation)
    assert np.array_equal(member.model.params, before)


class Judge:
    """As much of an estimator as a score needs; its scorer calls the score again while it computes its own."""

    def __init__(self):
        self.scoring, self.again = self._score_twice, None

    def fit(self, X, y):
        raise NotImplementedError

    def predict(self, X):
        return self._outputs(X)[:, 0]

    def _score_twice(self, model, X, y):
        if self.again is not None:
            score, self.again = self.again, None
            score(np.full((len(X), 1), 100.0))
        return -abs(model.predict(X) - y).sum()


def test_members_score_at_the_same_time():
    judge = Judge()
    score = ValidationScore(judge, np.zeros((2, 2)), np.array([1.0, 3.0]), None, np.zeros(1))
    assert score(np.array([[1.0], [2.5]])) == -0.5
    judge.again = score
    assert score(np.array([[1.0], [2.5]])) == -0.5


def test_without_validation_rows_the_last_epoch_is_kept():
    member = make_member(validated=False)
    after = train(member)
    assert member.best_epoch == 6 and not member.validation_losses
    assert np.array_equal(member.end().params, after[-1])


def test_divergence_keeps_the_best_epoch_and_ends_the_member():
    member = make_member(score=iter_scores([1, 2, 0]))
    after = train(member, 3)
    member.model.params[0] = np.inf
    member.run_epoch()
    assert member.diverged and len(member.loss_curve) == 4 and len(member.scores) == 3
    member.run_epoch()
    assert len(member.loss_curve) == 4
    assert member.best_epoch == 2 and np.array_equal(member.end().params, after[1])
    first = make_member()
    start = first.model.params.copy()
    first.model.params[0] = np.nan
    first.run_epoch()
    assert first.diverged and first.best_epoch == 0 and np.array_equal(first.end().params, start)


def iter_scores(scores):
    given = iter(scores)
    return lambda outputs, rows: next(given)


def test_a_refit_repeats_the_steps_up_to_its_last_epoch():
    """The same schedules, cut off: as the first epochs of a training that goes on."""
    whole = train(make_member(validated=False))
    member = make_member(validated=False)
    member.last_epoch = 4
    train(member)
    assert member.best_epoch == len(member.loss_curve) == 4
    assert np.array_equal(member.end().params, whole[3])


@pytest.mark.filterwarnings("error")
def test_bits_of_a_member_do_not_depend_on_threads_and_other_members(monkeypatch):
    knobs.let_threads_pay(monkeypatch)
    alone = {}
    for seed in range(5):
        member = make_member(seed=seed)
        train(member)
        alone[seed] = member.end().params.tobytes(), member.loss_curve, member.validation_losses
    assert len({params for params, *_ in alone.values()}) == 5
    for n_members in (1, 2, 5):
        for n_threads in (1, 2, 3, 5):
            members = [make_member(seed=seed, n_threads=max(1, n_threads // n_members)) for seed in range(n_members)]
            epochs = []
            train_members(members, 6, n_threads, lambda epoch, epochs=epochs: epochs.append(epoch))
            assert epochs == [1, 2, 3, 4, 5, 6]
            for seed, member in enumerate(members):
                found = member.end().params.tobytes(), member.loss_curve, member.validation_losses
                assert found == alone[seed], (n_members, n_threads, seed)
    members = [make_member(seed=seed) for seed in range(2)]
    train_members(members, 6, 2, lambda epoch: epoch == 3)
    assert [len(member.loss_curve) for member in members] == [3, 3]


def test_a_member_continues_with_its_parameters():
    first = make_member()
    train(first, 2)
    model = first.model
    before = model.params.copy()
    validation = first.validation
    member = Member(model, validation.dataset, np.arange(70), RECIPE, 2, validation, continues=True)
    assert np.array_equal(model.params, before)
    member.run_epoch()
    assert not np.array_equal(model.params, before)


def test_schedules_end_at_zero_after_the_recipes_epochs():
    """In units of what the last step would change, and without the last, incomplete batch of 70 rows."""
    member = make_member()
    optimizer = member.runner.optimizer.optimizer
    assert member.runner.steps == 4
    assert optimizer.learning_rate(np.arange(25))[[0, 24]].tolist() == [0, 0]
    assert optimizer.weight_decay([0, 12, 24]).tolist() == [0.1, 0.1, 0]
    assert member.runner.options.mask_numbers(1) is not None
    plain = make_member(replace(RECIPE, dropout=0.0, weight_decay=0.0))
    assert plain.runner.options.mask_numbers(1) is None
    assert plain.runner.optimizer.optimizer.weight_decay == 0.0


# Time


class Clocked:
    """Stands for a member whose epochs take a second each, and the first ten.

    There are as many as the recipe has, or as it takes until the member has diverged: further ones take no time.
    """

    def __init__(self, clock, recipe, diverges=None):
        self.clock, self.recipe, self.epochs, self.last = clock, recipe, 0, diverges

    @property
    def diverged(self):
        return self.epochs == self.last

    def run_epoch(self):
        if self.epochs == self.recipe.max_iter or self.diverged:
            return
        self.clock[0] += 1.0 if self.epochs else 10.0
        self.epochs += 1


def test_epochs_and_members_fit_into_seconds(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(budget.time, "perf_counter", lambda: clock[0])
    recipe = replace(RECIPE, n_members=4, max_iter=100)
    #: seconds, threads → members, epochs: 11 seconds are spent on the probe.
    for seconds, threads, members, epochs in [
        (1e308, 1, 4, 100), (10_000, 1, 4, 100), (431, 1, 4, 100), (331, 1, 4, 80), (330, 1, 3, 100), (211, 1, 2, 100),
        (111, 1, 2, 50), (110, 1, 1, 99), (36, 1, 1, 25), (21, 1, 1, 10), (12, 1, 1, 1), (5, 1, 1, 1), (61, 2, 2, 50),
        (59, 2, 2, 48), (61, 4, 4, 50), (61, 8, 4, 50), (31, 3, 3, 20),
    ]:  # fmt: skip
        clock[0] = 0.0
        chosen = budget.fit_to_seconds(recipe, seconds, threads, lambda of: Clocked(clock, of))
        assert (chosen.n_members, chosen.max_iter) == (members, epochs), (seconds, threads)
        assert replace(chosen, n_members=4, max_iter=100) == recipe
    monkeypatch.setattr(budget, "LEAST_SECONDS", 3.0)
    one = replace(recipe, n_members=1)
    for diverges, epochs in ((None, 18), (3, 18), (2, 19), (1, 2)):  # 12, 12, 11 and 10 of 30 seconds are spent
        clock[0] = 0.0
        chosen = budget.fit_to_seconds(one, 30, 1, lambda of, last=diverges: Clocked(clock, of, last))
        assert chosen.max_iter == epochs, diverges
    clock[0] = 0.0
    one_epoch = budget.fit_to_seconds(replace(recipe, max_iter=1), 13, 1, lambda of: Clocked(clock, of))
    assert (one_epoch.n_members, one_epoch.max_iter) == (2, 1)
