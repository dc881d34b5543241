"""`MLPClassifier`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels

from ..activations import Activation
from ..engine.sample_weights import check_sum_of_weights
from ..initializers import Initializer
from ..losses import as_loss, names_for
from ..losses.base import BaseLoss
from ..losses.margin import MarginLoss
from ..losses.outputs import name_of
from ..optimizers import Optimizer
from ..schedules import Schedule
from .base import BaseMLP, is_stochastic
from .checks import fit_labels
from .class_weights import weights_of_rows
from .inputs import validate_rows
from .parameters import gives_margins, gives_probabilities


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier, compatible with `sklearn.neural_network.MLPClassifier`.

    With layers a⁰ = x, aˡ = f(aˡ⁻¹ Wˡ + bˡ), training minimizes the mean loss, weighted by `sample_weight` w, plus an
    L2 penalty::

        (Σᵢ wᵢ loss(aᴸ(xᵢ), yᵢ) + ½ α Σ W²) / Σᵢ wᵢ

    The default loss is −log p(yᵢ | xᵢ), with p from softmax outputs for several classes, and from logistic outputs for
    two classes and for each label of a multi-label problem. The same `random_state` draws the same initial weights,
    shuffles and validation split as scikit-learn, and leads to the same model.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int or int, default=(100,)
        Number of units in each hidden layer. An empty list means no hidden layer, a number one hidden layer.
    activation : str, Activation or list of these, default='relu'
        Activation function of the hidden layers: one for all, or a list with one for each. By name: 'identity',
        'logistic', 'tanh', 'relu', 'leaky_relu', 'elu', 'selu', 'celu', 'gelu', 'gelu_tanh', 'silu', 'mish',
        'softplus', 'softsign', 'relu6', 'hard_sigmoid', 'hard_tanh', 'hard_swish'. As an object: ``LeakyReLU(0.1)``,
        ``Activation(f, derivative)``.
    solver : str or Optimizer, default='adam'
        The solver for weight optimization.

        - With mini-batches, by name: 'sgd' and 'adam' use the parameters below; 'momentum', 'nesterov', 'adagrad',
          'adadelta', 'rmsprop', 'amsgrad', 'adamax', 'nadam', 'radam', 'adamw', 'lion' and 'lamb' use
          `learning_rate_init` and the defaults of their papers.
        - With mini-batches, as an object with its own parameters: ``AdamW(1e-3, weight_decay=1e-2)``;
          ``LayerWise(Adam(), weight_rates=(0, 1))`` gives each layer a learning rate of its own, or freezes it.
        - With all rows in each step: 'lbfgs', 'newton-cg' (exact Hessian-vector products) and 'levenberg-marquardt'
          (squared errors of small networks).
    alpha : float or Schedule, default=0.0001
        Strength of the L2 regularization term, which covers weights but not biases. It is divided by the number of
        rows of the batch when added to the loss. A schedule is the strength as a function of the step; `LayerWise`
        gives layers, and biases, strengths of their own.
    batch_size : int or 'auto', default='auto'
        Size of mini-batches. 'auto' is ``min(200, n_samples)``. Not used by solvers with all rows in each step.
    learning_rate : {'constant', 'invscaling', 'adaptive'} or Schedule, default='constant'
        Learning rate schedule for weight updates.

        - 'constant' uses `learning_rate_init`.
        - 'invscaling' divides it by ``(rows seen + 1) ** power_t`` after each epoch.
        - 'adaptive' divides it by 5 each time the loss (or validation score) has not improved by `tol` for
          `n_iter_no_change` epochs.
        - A schedule such as ``OneCycle(1e-2)``, which lasts as long as the training, or ``OneCycle(1e-2, steps=1000)``
          replaces `learning_rate_init`, which must then keep its default.

        The three names are used by solvers named by a string other than 'adam', schedules by 'adam' too.
    learning_rate_init : float, default=0.001
        The initial learning rate of solvers named by a string.
    power_t : float, default=0.5
        The exponent of 'invscaling'.
    max_iter : int, default=200
        Maximum number of epochs; of iterations for solvers with all rows in each step.
    shuffle : bool, default=True
        Whether to shuffle the rows in each epoch.
    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the initial weights, the validation split, shuffling and dropout.
    tol : float, default=1e-4
        Tolerance for the optimization. Training stops when the loss (or validation score) has not improved by at least
        `tol` for `n_iter_no_change` consecutive epochs.
    verbose : bool or 'progress', default=False
        Whether to print the loss of each epoch to stdout; 'progress' draws a bar in a terminal or notebook, with loss,
        validation, learning rate and the time left (by rich, if it is installed), and nothing in a pipe.
    warm_start : bool, default=False
        Whether `fit` continues from the solution of the previous call.
    momentum : float, default=0.9
        Momentum of 'sgd', in [0, 1].
    nesterovs_momentum : bool, default=True
        Whether 'sgd' uses Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to set aside `validation_fraction` of the rows, stop when their score is not improving, and restore the
        weights with the best score; see `scoring`. The split is stratified for two classes. If `fit` is given
        validation data, that is used and no rows are set aside.
    validation_fraction : float, default=0.1
        The proportion of rows to set aside for early stopping, in [0, 1).
    beta_1, beta_2 : float, default=0.9, 0.999
        Exponential decay rates of the moment estimates in 'adam', in [0, 1).
    epsilon : float, default=1e-8
        Value for numerical stability in 'adam'.
    n_iter_no_change : int, default=10
        Maximum number of consecutive epochs without an improvement of at least `tol`.
    max_fun : int, default=15000
        Maximum number of loss function calls of 'lbfgs'.
    n_jobs : int or None, default=None
        Number of threads; the result has the same bits for any number.

        - None uses as many threads as make this training or prediction faster, at most the number of cores that the
          process may use. That number respects affinity, cgroup quotas, ``LOKY_MAX_CPU_COUNT``, ``OMP_NUM_THREADS``,
          ``threadpoolctl.threadpool_limits`` and ``joblib.parallel_config(n_jobs=...)``; workers of joblib,
          multiprocessing and thread pools use their share.
        - A positive number is the maximum number of threads (and at most 256, or all cores if there are more).
        - -1 uses all cores that the process may use, -2 all but one.
    loss : str or Loss, default='log_loss'
        The loss function: 'log_loss', 'focal', 'hinge', 'squared_hinge', 'perceptron', or an object such as
        ``LogLoss(label_smoothing=0.1)`` or ``Loss(value, derivative)``. With the margin losses ('hinge',
        'squared_hinge', 'perceptron') there is a `decision_function` instead of `predict_proba`.
    output_activation : str or Activation, default=None
        Activation function of the output layer. None is the default of the loss for these targets.
    initializer : str or Initializer, default='sklearn'
        Distribution of the initial weights. 'sklearn' draws scikit-learn's numbers; if the hidden layers have different
        activations, the scale of each layer follows its own, and that of the output layer follows the last hidden one.
        Other names: 'glorot_uniform', 'glorot_normal', 'he_uniform', 'he_normal', 'lecun_uniform', 'lecun_normal',
        'orthogonal', 'uniform'. As an object: ``Uniform(-0.1, 0.1)``, ``Orthogonal(gain)``,
        ``GivenArrays(coefs, intercepts)``.
    weight_decay : float or Schedule, default=None
        Decoupled weight decay of the solvers that have one: 'adamw', 'lion', 'lamb'. None is the solver's default.
    l1 : float, default=0.0
        Strength of the L1 regularization term on weights, divided by the number of rows of the batch as `alpha` is.
        Weights become exactly zero by a proximal step after each update: w ← sign(w) max(|w| − τ, 0), with
        τ = η l1 / rows for plain gradient descent; see `fastmlp.regularization.Regularization` for other solvers.
    dropout : float, Schedule, or list of these, default=0.0
        Dropout rate of the outputs of hidden layers, in [0, 1): one for all layers, or a list with one for each. A
        schedule is the rate as a function of the step.
    input_dropout : float or Schedule, default=0.0
        Dropout rate of the inputs, in [0, 1).
    max_norm : float, default=None
        Maximum Euclidean norm of the weights into each unit. None is no limit.
    clip_norm : float, default=None
        Maximum Euclidean norm of the whole gradient. None is no limit.
    clip_value : float, default=None
        Maximum absolute value of each entry of the gradient. None is no limit.
    ema : float, default=None
        Decay in [0, 1) of an exponential moving average of all weights, such as 0.999: what is evaluated after each
        epoch, and kept in the end in place of the weights of the last step. Not supported by `partial_fit`.
    scoring : str or callable, default=None
        What is computed on the validation rows after each epoch, the greater the better. Only used with early stopping
        or with validation data.

        - None is the accuracy for scikit-learn's loss ('log_loss' without label smoothing, with the default output
          activation), else 'loss'.
        - 'loss' is the negative loss without penalties.
        - The name of a scorer (see `sklearn.metrics.get_scorer_names`) or a callable ``scorer(estimator, X, y)``.
    validation_ties : {'first', 'last'}, default='first'
        Which of several epochs with the best validation score early stopping keeps.
    drop_last : bool, default=False
        Whether the last mini-batch of each epoch is left out if it has fewer than `batch_size` rows. Without `shuffle`
        its rows are never trained on.
    class_weight : dict, list of dict or 'balanced', default=None
        Weights by which the sample weights of the classes' rows are multiplied, also those of validation rows.

        - A dict from class to weight. Classes missing from it have weight 1; a dict that leaves classes out may contain
          only classes of y.
        - 'balanced' is ``n_samples / (n_classes * np.bincount(y))``. `partial_fit` refuses it.
        - For multi-label problems 'balanced', or a list with a dict from 0 and 1 for each label; the weights of the
          labels are multiplied.
    matmul_precision : {'float32', 'bfloat16_3x', 'bfloat16'}, default='float32'
        How many bits of each number products of matrices read, for models in float32 (X is float32). Sums, weights and
        everything else are float32.

        - 'bfloat16' is 8 significant bits.
        - 'bfloat16_3x' is a sum of two such numbers, 17 bits, nearly float32's 24.
        - Products with sparse X read all bits.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    coefs_ : list of ndarray
        Weights of each layer, (fan_in, fan_out), in the dtype of X. Entries and arrays may be changed or replaced; the
        next prediction uses the new values.
    intercepts_ : list of ndarray
        Biases of each layer, (fan_out,). They may be changed like `coefs_`.
    loss_ : float
        The loss of the last epoch, or of the last step of a solver with all rows in each step.
    loss_curve_ : list of float
        The mean loss of each epoch. Not set by solvers with all rows in each step.
    best_loss_ : float or None
        The minimum of `loss_curve_`; None with early stopping.
    validation_loss_curve_ : list of float or None
        With early stopping or validation data, the loss on the validation rows after each epoch, without penalties.
    validation_scores_ : list of float or None
        With early stopping, or with validation data and `scoring`, the validation score after each epoch.
    best_validation_score_ : float or None
        With early stopping, the maximum of `validation_scores_`.
    validation_metric_ : str or None
        With validation rows, the kind of score: 'accuracy', 'neg_loss' or the name of the scorer.
    best_epoch_ : int or None
        With early stopping, the epoch of the last fit, counted from 1, whose weights were kept; 0 if they are those
        that it began with.
    n_iter_ : int
        The number of epochs (or iterations) of the last fit.
    t_ : int
        The number of rows seen by the solver in all epochs.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had names that are all strings.
    n_layers_ : int
        Number of layers, the input included.
    n_outputs_ : int
        Number of outputs.
    out_activation_ : str or Activation
        Activation function of the output layer. It may be replaced, and is then used by predictions and by further
        training. As in scikit-learn, the delta of squared errors is then a − y, without the activation's derivative.

    Raises
    ------
    ValueError
        If the input is invalid; if a parameter has no effect with the chosen solver (scikit-learn's parameters with
        scikit-learn's solvers excepted); if training diverges; and by predictions after `loss` or `output_activation`
        was changed. A `fit` or `partial_fit` that is refused leaves the model unchanged.

    Notes
    -----
    Computations use the dtype of X, float32 or float64; other types are converted to float64. Sums of losses use
    float64.

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

    classes_: np.ndarray

    _parameter_constraints: dict[str, list[Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(names_for("classifier"))), BaseLoss],
        "class_weight": [None, dict, list, StrOptions({"balanced"})],
    }

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (100,),
        activation: str | Activation | Sequence[str | Activation] = "relu",
        *,
        solver: str | Optimizer = "adam",
        alpha: float | Schedule = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str | Schedule = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int | str = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        n_jobs: int | None = None,
        loss: str | BaseLoss = "log_loss",
        output_activation: str | Activation | None = None,
        initializer: str | Initializer = "sklearn",
        weight_decay: float | Schedule | None = None,
        l1: float = 0.0,
        dropout: float | Schedule | Sequence[float | Schedule] = 0.0,
        input_dropout: float | Schedule = 0.0,
        max_norm: float | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        ema: float | None = None,
        scoring: str | Callable[..., float] | None = None,
        validation_ties: str = "first",
        drop_last: bool = False,
        class_weight: dict[Any, float] | list[dict[int, float]] | str | None = None,
        matmul_precision: str = "float32",
    ) -> None:
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
        self.ema = ema
        self.scoring = scoring
        self.validation_ties = validation_ties
        self.drop_last = drop_last
        self.class_weight = class_weight
        self.matmul_precision = matmul_precision

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Fit the model to data matrix X and targets y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The class labels; for multi-label problems an indicator matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        X_val : {array-like, sparse matrix} of shape (n_validation_samples, n_features), default=None
            Validation data, whose loss is computed after each epoch (see `validation_loss_curve_`). Early stopping
            decides by it and sets no rows of X aside. A `Pipeline` transforms it with ``transform_input=["X_val"]``.
        y_val : array-like of shape (n_validation_samples,) or (n_validation_samples, n_labels), default=None
            Its targets.
        sample_weight_val : array-like of shape (n_validation_samples,), default=None
            Its sample weights.

        Returns
        -------
        self : MLPClassifier
            The fitted model.
        """
        given = X_val, y_val, sample_weight_val
        return self._fit(X, y, sample_weight, incremental=False, given=given)

    @available_if(is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Update the model with a single epoch over the given data.

        Only available for solvers with mini-batches.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The class labels; for multi-label problems an indicator matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        classes : array-like of shape (n_classes,), default=None
            Classes across all calls to `partial_fit`. Required in the first call.

        Returns
        -------
        self : MLPClassifier
            The updated model.
        """
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, which would count the classes of one batch: "
                "compute the weights from all targets with sklearn.utils.compute_class_weight('balanced', "
                "classes=classes, y=y), and pass class_weight=dict(zip(classes, weights))."
            )
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def predict(self, X: Any) -> np.ndarray:
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The predicted classes.
        """
        return self._from_one_state(lambda model, X: model._decode(model._forward(X)), X)

    @available_if(gives_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Estimate probabilities. Not available for margin losses.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y_prob : ndarray of shape (n_samples, n_classes)
            The probability of each class, in the order of `classes_`; for multi-label problems that of each label.
        """
        return self._from_one_state(lambda model, X: model._forward(X, model._has_one_output()), X)

    @available_if(gives_probabilities)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the log of probability estimates. Not available for margin losses.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        log_y_prob : ndarray of shape (n_samples, n_classes)
            Equivalent to ``log(predict_proba(X))``.
        """
        probabilities: np.ndarray = self.predict_proba(X)
        np.log(probabilities, out=probabilities)
        return probabilities

    @available_if(gives_margins)
    def decision_function(self, X: Any) -> np.ndarray:
        """Predict confidence scores. Only available for margin losses.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The signed distance of each row, positive for the second of two classes, or one distance for each class.
        """
        outputs: np.ndarray = self._from_one_state(lambda model, X: model._forward(X), X)
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
            self._check_known_classes(y, all_of_them=self.warm_start)
        return X, self._encode_labels(y, X.dtype, first)

    def _encode_known(self, X: Any, y: Any) -> tuple[Any, np.ndarray]:
        X, y = validate_rows(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=(np.float64, np.float32), reset=False
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._check_known_classes(y, all_of_them=False)
        return X, self._encode_labels(y, X.dtype, first=False)

    def _encode_labels(self, y: np.ndarray, dtype: np.dtype, first: bool) -> np.ndarray:
        """Return known labels as the loss reads them, (n, n_targets)."""
        multilabel = self._is_multilabel()
        if multilabel != (np.ndim(y) == 2):
            was, now = ("several labels", "one class") if multilabel else ("one class", "several labels")
            raise ValueError(
                f"The object was {'' if multilabel else 'not '}fitted with multilabel input: it was fitted with {was} "
                f"per row, but `y` has {now} per row. Use such a `y`, or fit with warm_start=False."
            )
        if multilabel:  # any non-zero number means true
            indicators: np.ndarray = (self._label_binarizer.transform(y) != 0).astype(dtype)
            return indicators
        return self._encode_classes(y, dtype, first)

    def _is_multilabel(self) -> bool:
        return bool(self._label_binarizer.y_type_.startswith("multilabel"))

    def _codes(self, encoded: np.ndarray) -> np.ndarray:
        """Return the number of each row's class, (n,); with several labels 0 and 1, (n, n_labels)."""
        if self._is_multilabel():
            return encoded.astype(np.intp)
        return encoded[:, 0].astype(np.intp) if encoded.shape[1] == 1 else encoded.argmax(axis=1)

    def _targets(self, encoded: np.ndarray) -> np.ndarray:
        codes = self._codes(encoded)
        targets: np.ndarray = codes if self._is_multilabel() else self.classes_.take(codes)
        return targets

    def _weigh(self, y: np.ndarray, sample_weight: np.ndarray | None, reference: np.ndarray) -> np.ndarray | None:
        if self.class_weight is None:
            return sample_weight
        weights = weights_of_rows(self.class_weight, self.classes_, self._codes(y), self._codes(reference))
        if sample_weight is not None:
            weights *= sample_weight
        check_sum_of_weights(weights, y.dtype, "class_weight (times sample_weight)")
        return weights

    def _encode_plain(self, X: np.ndarray, y: Any, classes: Any) -> np.ndarray | None:
        known = self.classes_
        same = type(y) is np.ndarray and y.shape == (X.shape[0],) and y.dtype == known.dtype and y.dtype.kind in "biuU"
        if not same or self._label_binarizer.y_type_.startswith("multilabel"):
            return None
        if not (known.take(np.searchsorted(known, y), mode="clip") == y).all():
            return None
        if classes is not None:
            given = np.asarray(classes)
            if given.dtype == object or not np.array_equal(np.unique(given), known):
                return None
        if self.warm_start and np.unique(y).size != known.size:
            return None
        return self._encode_classes(y, X.dtype, first=False)

    def _encode_classes(self, y: np.ndarray, dtype: np.dtype, first: bool) -> np.ndarray:
        """Return class numbers (n, 1), or indicators (n, n_outputs), as the loss reads them."""
        two = len(self.classes_) == 2
        codes: np.ndarray = y == self.classes_[1] if two else np.searchsorted(self.classes_, y)
        n_outputs, output, loss = self._output(1, first)
        if loss.n_targets(output, n_outputs) > 1:
            codes = codes[:, np.newaxis] == np.arange(n_outputs)
            return codes.astype(dtype)
        return codes.astype(dtype)[:, np.newaxis]

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the labels for outputs (n, n_outputs)."""
        labels: np.ndarray
        if self._is_multilabel():
            labels = self._label_binarizer.inverse_transform(outputs, self._threshold())
            return labels
        codes = outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > self._threshold()).astype(np.intp)
        labels = self._label_binarizer.classes_.take(codes, mode="clip")  # a single class is always predicted
        return labels

    def _has_one_output(self) -> bool:
        """Whether two classes (or one label) share one output, by the shape of the last biases."""
        intercepts = self.__dict__.get("intercepts_") or [()]
        return bool(np.shape(intercepts[-1]) == (1,))

    def _threshold(self) -> float:
        """Return the number above which an output means the second class, or that a label is present."""
        margins = isinstance(as_loss(self.loss), MarginLoss) and name_of(self.out_activation_) != "step"
        return 0.0 if margins else 0.5

    def _check_known_classes(self, y: np.ndarray, all_of_them: bool) -> None:
        classes = unique_labels(y)
        if all_of_them:
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
        """Return the accuracy; NaN if an output is not finite. Of several labels per row all must be right."""
        if not np.isfinite(outputs).all():
            return float("nan")
        if len(self.classes_) == 1:
            right = np.ones(len(y), bool)  # a single class is always predicted
        elif outputs.shape[1] > 1 and not self._label_binarizer.y_type_.startswith("multilabel"):
            right = outputs.argmax(axis=1) == (y[:, 0] if y.shape[1] == 1 else y.argmax(axis=1))
        else:
            right = ((outputs > self._threshold()) == y).all(axis=1)
        return float(np.average(right, weights=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
