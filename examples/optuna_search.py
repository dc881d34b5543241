"""Hyper-parameters by Optuna
==========================

A search over hyper-parameters, which ends unpromising trainings early, through a callback.

Run it: ``pip install optuna``, then ``python examples/optuna_search.py``. It takes about twenty seconds. The data are
scikit-learn's digits, which are installed with it.
"""

# sphinx_gallery_thumbnail_path = "images/numbers.png"

import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from fastmlp import MLPClassifier
from fastmlp.callbacks import Callback


class Pruning(Callback):
    """Report the validation score of each epoch to a trial, and end the fit if the trial is to be pruned.

    Parameters
    ----------
    trial : optuna.Trial

    Attributes
    ----------
    pruned : bool
        Whether the fit was ended.
    """

    def __init__(self, trial):
        self.trial, self.pruned = trial, False

    def on_epoch_end(self, estimator):
        self.trial.report(estimator.validation_scores_[-1], estimator.n_iter_)
        self.pruned = self.trial.should_prune()
        return self.pruned


def import_optuna():
    """Return Optuna.

    Raises
    ------
    SystemExit
        If it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise SystemExit("This example needs Optuna, which is not installed: pip install optuna") from None
    return optuna


def make_model(trial):
    """Return a model with parameters that the trial suggests."""
    return MLPClassifier(
        hidden_layer_sizes=(trial.suggest_int("width", 16, 128, log=True),),
        activation=trial.suggest_categorical("activation", ["relu", "tanh", "gelu"]),
        learning_rate_init=trial.suggest_float("learning_rate_init", 1e-4, 1e-1, log=True),
        alpha=trial.suggest_float("alpha", 1e-6, 10.0, log=True),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        early_stopping=True, scoring="neg_log_loss", max_iter=40, random_state=0,
    )  # fmt: skip


def main(n_trials=40):
    """Print how many trials were pruned, the best parameters, and their accuracy on rows that no trial has seen."""
    optuna = import_optuna()
    X, y = load_digits(return_X_y=True)
    X_rest, X_test, y_rest, y_test = train_test_split(X / 16, y, random_state=0)
    X_train, X_val, y_train, y_val = train_test_split(X_rest, y_rest, random_state=0)

    def objective(trial):
        pruning = Pruning(trial)
        model = make_model(trial).set_callbacks(pruning).fit(X_train, y_train, X_val=X_val, y_val=y_val)
        if pruning.pruned:
            raise optuna.TrialPruned
        return model.best_validation_score_

    warnings.simplefilter("ignore", ConvergenceWarning)  # 40 epochs are not always enough
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=3)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0), pruner=pruner)
    study.optimize(objective, n_trials)
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
    print(f"{n_trials} trials, of which {pruned} were pruned")
    print("best parameters:", ", ".join(f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
                                        for name, value in study.best_params.items()))  # fmt: skip
    model = make_model(study.best_trial).fit(X_train, y_train, X_val=X_val, y_val=y_val)
    print(f"log loss on the validation rows: {-study.best_value:.3f}")
    print(f"accuracy on the test rows: {model.score(X_test, y_test):.3f}")
    return study


if __name__ == "__main__":
    main()
