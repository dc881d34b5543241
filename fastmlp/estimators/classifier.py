"""`MLPClassifier`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels

from ..losses import as_loss, names_for
from ..losses.base import BaseLoss, name_of
from ..losses.margin import MarginLoss
from .base import BaseMLP, is_stochastic
from .frames import validate_rows
from .parameters import gives_margins, gives_probabilities
from .validation import fit_labels


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier: `sklearn.neural_network.MLPClassifier`, compiled from end to end.

    With layers a⁰ = x, aˡ = f(aˡ⁻¹ Wˡ + bˡ), it minimises by mini-batches the log loss of the outputs (softmax for
    several classes; logistic for two, and for each label of a multi-label problem) plus an L2 penalty::

        loss = (Σᵢ wᵢ · −log p(yᵢ | xᵢ) + ½ α Σ W²) / Σᵢ wᵢ

    The same `random_state` draws scikit-learn's weights, shuffles and splits, and gives the same model.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(100,)
        Width of each hidden layer; an empty list is no hidden layer, a number is one.
    activation : str, Activation or list of these, default='relu'
        Of the hidden layers: one for all, or one for each. 'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu',
        'selu', 'celu', 'gelu', 'gelu_tanh', 'silu', 'mish', 'softplus', 'softsign', 'relu6', 'hard_sigmoid',
        'hard_tanh', 'hard_swish', or an object: ``LeakyReLU(0.1)``, ``Activation(f, derivative)``.
    solver : str or Optimizer, default='adam'
        Batch by batch: 'sgd', 'adam' (with the parameters below), 'momentum', 'nesterov', 'adagrad', 'adadelta',
        'rmsprop', 'amsgrad', 'adamax', 'nadam', 'radam', 'adamw', 'lion', 'lamb' (with `learning_rate_init` and
        their papers' numbers), or an object with numbers of its own: ``AdamW(1e-3, weight_decay=1e-2)``. On all rows at
        each step: 'lbfgs', 'newton-cg' (exact Hessian-vector products), 'levenberg-marquardt' (squared errors of
        small networks).
    alpha : float, default=0.0001
        Strength of the L2 penalty on weights (not on biases), divided by the rows of the batch.
    batch_size : int or 'auto', default='auto'
        Rows of a mini-batch; 'auto' is min(200, n).
    learning_rate : {'constant', 'invscaling', 'adaptive'} or Schedule, default='constant'
        For solvers named by a string but 'adam': constant; divided by (rows seen + 1) ** power_t; or a fifth at each
        plateau. A schedule, such as ``OneCycle(1e-2, steps=1000)``, is for 'adam' too, and stands
        in place of `learning_rate_init`: another value than its default beside it is refused.
    learning_rate_init : float, default=0.001
        First learning rate of every solver that is named by a string.
    power_t : float, default=0.5
        Exponent of 'invscaling'.
    max_iter : int, default=200
        Epochs at the most ('lbfgs': iterations).
    shuffle : bool, default=True
        Whether to draw a new order of the rows in each epoch.
    random_state : int, RandomState instance or None, default=None
        Initial weights, split and shuffles.
    tol : float, default=1e-4
        An epoch that improves loss (or validation score) by less is no improvement.
    verbose : bool, default=False
        Whether to print the loss of each epoch.
    warm_start : bool, default=False
        Whether `fit` goes on from the last solution.
    momentum : float, default=0.9
        For 'sgd', in [0, 1].
    nesterovs_momentum : bool, default=True
        Whether the momentum looks ahead.
    early_stopping : bool, default=False
        Whether to set `validation_fraction` of the rows aside, stop when their score no longer improves, and keep
        the weights that scored best: by accuracy with scikit-learn's loss (log_loss without smoothing, with its own
        output activation), and with every other one by that loss itself, without penalties. The split is stratified
        for two classes.
    validation_fraction : float, default=0.1
        In [0, 1).
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of Adam's moments, in [0, 1).
    epsilon : float, default=1e-8
        Keeps Adam's denominator from zero.
    n_iter_no_change : int, default=10
        Epochs without improvement that are put up with.
    max_fun : int, default=15000
        Evaluations of the loss at the most, for 'lbfgs'.
    n_jobs : int or None, default=None
        Threads; the result has the same bits for any number. None is as many as pay for this network and these rows
        (one where the work is small), as scikit-learn's BLAS would take them: of the cores that the process may use
        (affinity, cgroup quota, ``LOKY_MAX_CPU_COUNT``), within ``OMP_NUM_THREADS``,
        ``threadpoolctl.threadpool_limits`` and ``joblib.parallel_config(n_jobs=...)``; in a worker of joblib,
        of multiprocessing or of a thread pool its share of them, or one. 1 is one thread, a larger number at most so
        many (and at most 256, or all cores if there are more), -1 all cores that the process may use, -2 all but one.
    loss : str or Loss, default='log_loss'
        'log_loss', 'focal', 'hinge', 'squared_hinge', 'perceptron', or an object: ``LogLoss(label_smoothing=0.1)``,
        ``Loss(value, derivative)``. Margins ('hinge', …) have a `decision_function` in place of probabilities.
    output_activation : str or Activation, default=None
        Of the output layer; None is the one that goes with loss and targets.
    initializer : str or Initializer, default='sklearn'
        Initial weights: 'sklearn' draws scikit-learn's numbers (of several activations each layer has the scale of its
        own, the output layer that of the last hidden one); 'glorot_uniform', 'glorot_normal', 'he_uniform',
        'he_normal', 'lecun_uniform', 'lecun_normal', 'orthogonal', 'uniform', or an object: ``Uniform(-0.1, 0.1)``.
    weight_decay : float, default=None
        Decoupled decay, for the solvers that have one ('adamw', 'lion', 'lamb'); None is their own.
    l1 : float, default=0.0
        Strength of the L1 penalty on weights, divided by the rows of the batch as `alpha` is. Weights that nothing
        needs become exactly zero, by a proximal step after each update: w ← sign(w) max(|w| − τ, 0), with
        τ = η l1 / rows for plain descent; see `fastmlp.regularization.Regularization` for other solvers.
    dropout : float or list of float, default=0.0
        Rate at which outputs of hidden layers are left out in training, in [0, 1): one for all, or one for each.
    input_dropout : float, default=0.0
        The same for inputs.
    max_norm : float, default=None
        Longest vector of weights that comes into a unit.
    clip_norm, clip_value : float, default=None
        Largest norm of the whole gradient; largest size of each of its entries.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    coefs_, intercepts_ : list of ndarray
        Weights (fan_in, fan_out) and biases (fan_out,) of each layer, in the type of X. They may be edited or
        replaced: the next prediction uses what they hold then.
    loss_ : float
        Loss of the last epoch, of the last step of 'lbfgs'.
    loss_curve_ : list of float
        Mean loss of each epoch.
    best_loss_ : float or None
        The smallest of them; None with early stopping.
    validation_scores_, best_validation_score_ : list of float and float, or None
        With early stopping: after each epoch, and at best, the accuracy on the rows set aside or the negative of their
        loss; the greater the better.
    validation_metric_ : {'accuracy', 'neg_loss'} or None
        Which of the two they are.
    n_iter_, t_ : int
        Epochs of the last fit; rows seen since the first.
    n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn: `out_activation_`, too, may be set by hand, and then holds for predictions and for training
        that goes on (the delta of squared errors is a − y behind it, whatever its derivative).

    Raises
    ------
    ValueError
        For input that cannot be fitted, for parameters that have no effect beside the solver (scikit-learn's own
        solvers and numbers excepted), for predictions after `loss` or `output_activation` was set anew, and when
        training diverges. A fit that is refused leaves the model as it was.

    Notes
    -----
    Arithmetic is in the type of X, float32 or float64 (everything else becomes float64); sums of losses in float64.

    References
    ----------
    Rumelhart, Hinton and Williams (1986), "Learning representations by back-propagating errors".
    Kingma and Ba (2014), "Adam: A method for stochastic optimization".

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from fastmlp import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier(random_state=0, max_iter=500).fit(X[:1500] / 16, y[:1500])
    >>> model.predict(X[1500:1505] / 16)
    array([1, 7, 4, 6, 3])
    >>> bool(model.score(X[1500:] / 16, y[1500:]) > 0.9)
    True
    """

    _parameter_constraints: dict = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(names_for("classifier"))), BaseLoss],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        n_jobs=None,
        loss="log_loss",
        output_activation=None,
        initializer="sklearn",
        weight_decay=None,
        l1=0.0,
        dropout=0.0,
        input_dropout=0.0,
        max_norm=None,
        clip_norm=None,
        clip_value=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.n_jobs = n_jobs
        self.loss = loss
        self.output_activation = output_activation
        self.initializer = initializer
        self.weight_decay = weight_decay
        self.l1 = l1
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.max_norm = max_norm
        self.clip_norm = clip_norm
        self.clip_value = clip_value

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, n_features)
        y : array-like of shape (n,), or (n, n_labels) for several labels at once: 0 where one is absent
        sample_weight : array-like of shape (n,), default=None

        Returns
        -------
        self : MLPClassifier
        """
        return self._fit(X, y, sample_weight, incremental=False)

    @available_if(is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Go once over the rows, from where the last call ended. Absent for solvers on all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, n_features)
        y : array-like of shape (n,) or (n, n_labels)
        sample_weight : array-like of shape (n,), default=None
        classes : array-like of shape (n_classes,), default=None
            All classes that any call will bring; required in the first.

        Returns
        -------
        self : MLPClassifier
        """
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def predict(self, X):
        """The class of each row, or its labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, n_features)

        Returns
        -------
        y : ndarray of shape (n,) or (n, n_labels)
        """
        model = self._as_it_is()
        return model._decode(model._forward(X))

    @available_if(gives_probabilities)
    def predict_proba(self, X):
        """The probability of each class in the order of `classes_`, or of each label. Absent with losses of margins.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n, n_classes)
        """
        model = self._as_it_is()
        return model._forward(X, both_classes=model._has_one_output())

    @available_if(gives_probabilities)
    def predict_log_proba(self, X):
        """The logarithm of `predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, n_features)

        Returns
        -------
        log_probabilities : ndarray of shape (n, n_classes)
        """
        probabilities = self.predict_proba(X)
        return np.log(probabilities, out=probabilities)

    @available_if(gives_margins)
    def decision_function(self, X):
        """How far each row lies on the side of the second class, or of each class. For losses of margins alone.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, n_features)

        Returns
        -------
        outputs : ndarray of shape (n,) for two classes, else (n, n_classes)
        """
        outputs = self._as_it_is()._forward(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def _encode(self, X: Any, y: Any, incremental: bool, first: bool, classes: Any) -> tuple[Any, np.ndarray]:
        if incremental and _check_partial_fit_first_call(self, classes):
            multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if multilabel else classes)
        X, y = validate_rows(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=(np.float64, np.float32), reset=first
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = fit_labels(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_known_classes(y)
        multilabel = self._label_binarizer.y_type_.startswith("multilabel")
        if multilabel != (np.ndim(y) == 2):
            was, now = ("several labels", "one class") if multilabel else ("one class", "several labels")
            raise ValueError(
                f"The object was {'' if multilabel else 'not '}fitted with multilabel input: it was fitted with {was} "
                f"a row, and now `y` has {now} a row. Fit anew (warm_start=False) to change that."
            )
        if multilabel:  # whatever stands for true
            return X, (self._label_binarizer.transform(y) != 0).astype(X.dtype)
        return X, self._encode_classes(y, X.dtype, first)

    def _encode_plain(self, X: np.ndarray, y: Any, classes: Any) -> np.ndarray | None:
        known = self.classes_
        same = type(y) is np.ndarray and y.shape == (X.shape[0],) and y.dtype == known.dtype and y.dtype.kind in "biuU"
        if not same or self._label_binarizer.y_type_.startswith("multilabel"):
            return None
        if not (known.take(np.searchsorted(known, y), mode="clip") == y).all():
            return None
        if classes is not None and not np.array_equal(np.unique(classes), known):
            return None
        if self.warm_start and np.unique(y).size != known.size:
            return None
        return self._encode_classes(y, X.dtype, first=False)

    def _encode_classes(self, y: np.ndarray, dtype: np.dtype, first: bool) -> np.ndarray:
        """Class numbers, or a column of zeros and ones for each output, as the loss reads them."""
        two = len(self.classes_) == 2
        codes = y == self.classes_[1] if two else np.searchsorted(self.classes_, y)
        n_outputs, output, loss = self._output(1, first)
        if loss.n_targets(output, n_outputs) > 1:
            return (codes[:, np.newaxis] == np.arange(n_outputs)).astype(dtype)
        return codes.astype(dtype)[:, np.newaxis]

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        """Labels for the network's outputs."""
        if self._label_binarizer.y_type_.startswith("multilabel"):
            return self._label_binarizer.inverse_transform(outputs, self._threshold())
        codes = outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > self._threshold()).astype(np.intp)
        return self._label_binarizer.classes_.take(codes, mode="clip")  # a single class is always the answer

    def _has_one_output(self) -> bool:
        """Whether there is one output for two classes (or for one label), by the last layer's own biases."""
        intercepts = self.__dict__.get("intercepts_") or [()]
        return np.shape(intercepts[-1]) == (1,)

    def _threshold(self) -> float:
        """Outputs above it say yes."""
        margins = isinstance(as_loss(self.loss), MarginLoss) and name_of(self.out_activation_) != "step"
        return 0.0 if margins else 0.5

    def _check_known_classes(self, y: np.ndarray) -> None:
        classes = unique_labels(y)
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _task(self, n_targets: int) -> tuple[str, int]:
        kind = self._label_binarizer.y_type_
        if kind.startswith("multilabel"):
            return "multi-label", n_targets
        return ("multi-class", len(self.classes_)) if kind == "multiclass" else ("binary", 1)

    def _score_outputs(self, outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None) -> float:
        """Accuracy, of several labels all must be right; NaN where an output is not finite."""
        if not np.isfinite(outputs).all():
            return float("nan")
        if len(self.classes_) == 1:
            right = np.ones(len(y), bool)  # a single class is always the answer
        elif outputs.shape[1] > 1 and not self._label_binarizer.y_type_.startswith("multilabel"):
            right = outputs.argmax(axis=1) == (y[:, 0] if y.shape[1] == 1 else y.argmax(axis=1))
        else:
            right = ((outputs > self._threshold()) == y).all(axis=1)
        return float(np.average(right, weights=sample_weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
