"""The values that are drawn, as Python expressions; the first of each pool is the simplest.

They are evaluated in a script that has imported numpy as np, scipy.sparse as sp, and every public name of fastmlp.
"""

from fastmlp.activations import ACTIVATIONS
from fastmlp.initializers import INITIALIZERS
from fastmlp.losses import names_for
from fastmlp.optimizers import OPTIMIZERS

#: What no parameter expects, or few.
HOSTILE = [
    "None", "-1", "0", "1.5", "'x'", "''", "True", "float('nan')", "float('inf')", "10**400", "-0.0", "1e-320", "[]",
    "{}", "[None]", "()", "np.float32(0.5)", "np.int64(3)", "np.array([1, 2])", "np.array(2)", "np.array([])", "b'x'",
    "2 + 1j", "object()", "lambda: 1", "float", "[[1]]", "Adam()", "Huber()", "Cosine(0.1)", "Adam", "'softmax'",
    "np.bool_(True)", "np.str_('relu')", "range(2)", "{1: 2}", "1e308", "10**18",
]  # fmt: skip

SCHEDULES = [
    "Cosine(0.01)", "Cosine(0.01, steps=3)", "OneCycle(0.01)", "Exponential(0.01, 0.9)", "StepDecay(0.01, 2)",
    "WarmUp(Cosine(0.01), 2)", "WarmUp(0.01, 0.5)", "Polynomial(0.01, 5)", "InverseTime(0.01, 2)", "Constant(0.01)",
    "CosineRestarts(0.01, 2)", "LogCosine(0.01)", "FlatCosine(0.01)", "Adaptive(0.01)", "InverseScaling(0.01)",
]  # fmt: skip
ACTIVATION_OBJECTS = ["LeakyReLU(0.3)", "ELU(0.5)", "CELU(2.0)", "SiLU(1.5)", "Softplus(3.0)",
                      "Activation(bent, bent_derivative)"]  # fmt: skip
HIDDEN_ACTIVATIONS = [repr(name) for name, one in ACTIVATIONS.items() if one.is_elementwise] + ACTIVATION_OBJECTS
SOLVERS = ["'adam'", "'sgd'", "'lbfgs'"]
OTHER_SOLVERS = [
    *(repr(name) for name in OPTIMIZERS), "'newton-cg'", "'levenberg-marquardt'", "Adam(0.01)", "SGD(0.1)",
    "SGD(Cosine(0.1), 0.5)", "AdamW(1e-3, weight_decay=0.1)", "LAMB()", "RMSProp(momentum=0.5)",
    "RMSProp(centred=True)", "LayerWise(Adam(), 0.5)", "LayerWise(SGD(0.01), bias_rates='ntk')",
    "AdamW(WarmUp(OneCycle(1e-2), 2))",
    "SGD(10.0)", "Lion()", "NAdam(1e-2)",
]  # fmt: skip
#: scikit-learn's parameters, with values that both libraries accept.
SHARED = {
    "hidden_layer_sizes": ["(5,)", "()", "(1,)", "(4, 3)", "3", "(17,)", "[8, 1, 8]", "(130,)", "np.array([6, 2])"],
    "activation": ["'relu'", "'tanh'", "'logistic'", "'identity'"],
    "solver": SOLVERS,
    "alpha": ["0.0", "1e-4", "0.1", "10.0"],
    "batch_size": ["'auto'", "1", "3", "8", "1000"],
    "learning_rate": ["'constant'", "'invscaling'", "'adaptive'"],
    "learning_rate_init": ["0.001", "0.01", "0.1", "1.0"],
    "power_t": ["0.5", "0.0", "2.0"],
    "shuffle": ["True", "False"],
    "tol": ["1e-4", "0.0", "10.0"],
    "momentum": ["0.9", "0.0", "1.0"],
    "nesterovs_momentum": ["True", "False"],
    "early_stopping": ["False", "True"],
    "validation_fraction": ["0.1", "0.5", "0.3"],
    "beta_1": ["0.9", "0.0"],
    "beta_2": ["0.999", "0.0"],
    "epsilon": ["1e-8", "0.1"],
    "n_iter_no_change": ["10", "1", "2"],
    "max_fun": ["15000", "1", "3"],
    "warm_start": ["False", "True"],
}
#: Of `MLPClassifier` and `MLPRegressor`, beyond these.
OWN = {
    "activation": [*HIDDEN_ACTIVATIONS, "['tanh']", "['relu', Softplus(2.0)]", "'softmax'", "'exp'"],
    "solver": OTHER_SOLVERS,
    "alpha": ["Exponential(1e-3, 0.9)", "1e3", "0"],
    "learning_rate": SCHEDULES,
    "learning_rate_init": ["1e-30", "1e30"],
    "n_iter_no_change": ["np.inf"],
    "verbose": ["False", "True", "'progress'", "2"],
    "n_jobs": ["None", "1", "2", "-1", "0", "-100", "1000"],
    "output_activation": ["None", *HIDDEN_ACTIVATIONS, "'softmax'"],
    "initializer": [*map(repr, INITIALIZERS), "Uniform(-0.5, 0.5)", "Orthogonal(2.0)", "Uniform(0.0, 0.0)"],
    "weight_decay": ["None", "None", "None", "0.1", "Cosine(0.1)"],
    "l1": ["0.0", "1e-3", "10.0"],
    "dropout": ["0.0", "0.2", "[0.5]", "[0.1, 0.2]", "0.99", "Cosine(0.5)", "[Cosine(0.1)]"],
    "input_dropout": ["0.0", "0.3", "Cosine(0.2)"],
    "max_norm": ["None", "1.0", "1e-6"],
    "clip_norm": ["None", "1.0", "1e-6"],
    "clip_value": ["None", "0.1"],
    "ema": ["None", "0.9", "0.0"],
    "scoring": ["None", "'loss'", "'accuracy'", "'neg_log_loss'", "'r2'", "'f1'", "'roc_auc'"],
    "validation_ties": ["'first'", "'last'"],
    "drop_last": ["False", "True"],
}
OF_CLASSES = {
    "loss": [*map(repr, names_for("classifier")), "LogLoss(label_smoothing=0.1)", "Focal(1.5)", "Huber(0.5)"],
    "class_weight": ["None", "'balanced'", "{0: 2}", "{'a': 3, 'b': 0}", "[{0: 1, 1: 2}]", "{}", "{0: 0, 1: 0}"],
}
OF_NUMBERS = {
    "loss": [
        *map(repr, names_for("regressor")), "Huber(0.5)", "Quantile((0.1, 0.9))", "Tweedie(1.7)", "Focal(1.5)",
        "Quantile((0.1, 0.5, 0.9), crossing=False)", "Loss(quartic, quartic_derivative)",
    ],
}  # fmt: skip
TABLES = {
    "recipe": ["'fast'", "'default'", "'realmlp-td'", "'realmlp-td-s'"],
    "hidden_layer_sizes": ["(5,)", "()", "(1,)", "(4, 3)", "3"],
    "activation": ["None", *HIDDEN_ACTIVATIONS],
    "n_members": ["1", "2", "3"],
    "numeric_encoding": ["None", "'auto'", "'periodic'", "'piecewise-linear'"],
    "n_bins": ["None", "1", "2", "48", "1000"],
    "categorical_features": ["'from_dtype'", "None", "[0]", "[]", "[True, False, True]", "['a']", "[-1]", "[0, 0]"],
    "max_one_hot_categories": ["'auto'", "None", "2", "9"],
    "batch_size": ["'auto'", "1", "7", "1000"],
    "learning_rate": ["None", "0.1", "1e-30", "1e30"],
    "weight_decay": ["None", "0.0", "1.0"],
    "dropout": ["None", "0.0", "0.5", "0.99"],
    "max_seconds": ["None", "1e9"],
    "validation_fraction": ["None", "0.0", "0.3", "0.9"],
    "scoring": ["'loss'", "'accuracy'", "'r2'", "'neg_log_loss'", "'neg_mean_absolute_error'"],
    "refit": ["False", "True"],
    "n_jobs": ["None", "1", "2", "-1", "0"],
    "verbose": ["False", "True"],
    "warm_start": ["False", "True"],
}
TABLES_OF_CLASSES = {**OF_CLASSES, "label_smoothing": ["'auto'", "0.0", "0.1", "0.9"]}

#: Changes of standard normal numbers X, drawn by `rng`.
VALUES = [
    "X", "np.round(X)", "X * 0", "X * 1e-3", "X * 1e4", "X * 1e30", "X * 1e-30", "X * 1e-320", "np.exp(10 * X)",
    "np.where(X > 1.5, 1e10, X)", "X + 1e6", "np.where(X > 0, X, 0)", "X - X[:, :1]", "X[np.zeros(len(X), int)]",
]  # fmt: skip
BAD_VALUES = [
    "np.where(X > 1, np.nan, X)", "np.where(X > 1, np.inf, X)", "np.where(X > 1, -np.inf, X)", "X[:, 0]", "X[None]",
    "X[:0]", "X[:, :0]", "X + 1j", "X.astype(str)", "X.astype(object)", "np.where(X > 1, None, X)", "None", "3.0",
    "X.astype('M8[s]')", "X.astype('V8')", "{'a': X}", "X[:1]", "X[:2]", "X * 1e308 * 10", "'text'",
    "[[1, 2], [3]]", "np.ma.masked_array(X, X > 1)", "X.view([('a', X.dtype)])", "X.tolist() + [['x']]",
]  # fmt: skip
DTYPES = ["np.float64", "np.float32", "np.float16", "np.int64", "np.int8", "bool", "'>f8'", "object", "np.longdouble"]
FORMS = [
    "X", "np.asfortranarray(X)", "X.tolist()", "pd.DataFrame(X)", "np.repeat(X, 2, axis=1)[:, ::2]",
    "X[::-1, ::-1].copy()[::-1, ::-1]", "read_only(X)", "sp.csr_array(X)", "sp.csc_array(X)", "sp.coo_array(X)",
    "sp.csr_matrix(X)", "sp.lil_array(X)", "pd.DataFrame(X).add_prefix('x')", "long_indices(sp.csr_array(X))",
    "np.matrix(X)", "unsorted(sp.csr_array(X))", "np.lib.stride_tricks.as_strided(X, X.shape, (X.strides[0], 0))",
]  # fmt: skip
CLASSES = [
    "(signal > 0).astype(int)", "signal > 0", "np.digitize(signal, [-0.5, 0.5])", "np.where(signal > 0, 'b', 'a')",
    "np.array(['a', 'b', 'c'], object)[np.digitize(signal, [-0.5, 0.5])]", "np.digitize(signal, [-0.5, 0.5]) * 2.5",
    "np.stack([signal > 0, noise > 0], axis=1).astype(int)", "(signal > 0).astype(int)[:, None]",
    "(signal > 0).astype(int).tolist()", "np.zeros(len(signal), int)", "np.arange(len(signal))",
    "pd.Series(np.where(signal > 0, 'b', 'a'))", "pd.Categorical(np.where(signal > 0, 'b', 'a'))",
    "(signal > 0).astype(np.int8) - 1", "np.where(signal > 0, 2**62, -3)",
    "np.stack([signal > 0, signal < 9], axis=1).astype(int)",
    "sp.csr_array(np.stack([signal > 0, noise > 0], axis=1).astype(int))", "np.where(signal > 0, b'b', b'a')",
    "pd.Series(signal > 0, dtype='boolean')", "(np.arange(len(signal)) == 0).astype(int)",
]  # fmt: skip
BAD_CLASSES = [
    "signal", "None", "np.where(signal > 0, np.nan, 1.0)", "(signal > 0)[1:]", "np.where(signal > 0, None, 'a')",
    "(signal > 0)[:, None, None]", "np.stack([np.arange(len(signal))] * 2, axis=1)", "3", "'ab'", "signal + 1j",
    "np.where(signal > 0, 1, 'a').astype(object)", "[[0, 1], [1]]", "[{}] * len(signal)",
    "np.where(signal > 0, np.inf, 0)",
    "np.array(['2020'] * len(signal), 'M8[Y]')", "np.array([1, 'a'] * len(signal), object)[:len(signal)]",
]  # fmt: skip
NUMBERS = [
    "signal", "np.stack([signal, -noise], axis=1)", "signal[:, None]", "signal.astype(np.float32)", "abs(signal) + 0.1",
    "np.floor(abs(signal) * 3)", "signal * 1e6", "signal * 1e30", "signal * 1e-30", "signal * 0 + 3",
    "(signal * 5).astype(int)", "signal > 0", "signal.tolist()", "pd.Series(signal)", "np.stack([signal] * 3, axis=1)",
    "np.where(signal > 1, 1e6, signal)", "signal.astype('>f8')", "signal.astype(object)", "np.matrix(signal).T",
    "signal + 1e9",
]  # fmt: skip
BAD_NUMBERS = [
    "None", "np.where(signal > 0, np.nan, 1.0)", "np.where(signal > 0, np.inf, 1.0)", "signal[1:]", "'ab'", "3.0",
    "np.where(signal > 0, 'b', 'a')", "signal[:, None, None]", "signal + 1j", "sp.csr_array(signal[:, None])",
    "[[1.0, 2.0], [1.0]]", "[None] * len(signal)", "signal * 1e308 * 10", "np.stack([signal] * 0 or [signal[:0]])",
]  # fmt: skip
WEIGHTS = [
    "None", "np.ones(len(signal))", "rng.rand(len(signal))", "rng.randint(0, 2, len(signal))",
    "rng.rand(len(signal)) * 1e30",
    "rng.rand(len(signal)) * 1e-300", "rng.rand(len(signal)).tolist()", "pd.Series(rng.rand(len(signal)))",
    "rng.rand(len(signal)).astype(np.float32)", "2.0", "10.0 ** rng.randint(-9, 9, len(signal))",
]  # fmt: skip
BAD_WEIGHTS = [
    "-rng.rand(len(signal))", "np.zeros(len(signal))", "np.full(len(signal), np.nan)", "np.ones(len(signal) + 1)",
    "np.ones((len(signal), 2))", "'x'", "np.full(len(signal), np.inf)", "np.ones(len(signal), complex)",
]  # fmt: skip
#: Columns of a table, of `n` rows.
COLUMNS = [
    "rng.standard_normal(n)", "rng.randint(5, size=n)", "rng.choice(['x', 'y', 'z'], n)", "rng.rand(n) > 0.5",
    "np.where(rng.rand(n) > 0.7, np.nan, rng.standard_normal(n))", "np.full(n, np.nan)", "np.zeros(n)",
    "pd.Categorical(rng.choice(['x', 'y'], n), ['x', 'y', 'never'])", "np.where(rng.rand(n) > 0.7, None, 'x')",
    "[None] * n", "np.array([str(i) for i in range(n)], object)", "pd.array(rng.randint(3, size=n), 'Int64')",
    "pd.array(rng.choice(['x', None, 'y'], n), 'string')", "pd.array(rng.choice([True, None], n), 'boolean')",
    "rng.standard_normal(n) * 1e30", "rng.standard_normal(n) * 1e-30", "np.exp(20 * rng.standard_normal(n))",
    "rng.standard_normal(n).astype(np.float32)", "rng.choice([1, 'x', None, 2.5, True], n).tolist()",
    "rng.choice([0.1, 7, None], n)", "pd.Categorical(rng.randint(3, size=n))", "rng.randint(2**60, size=n)",
    "np.where(rng.rand(n) > 0.9, 1e308, rng.rand(n))", "pd.arrays.SparseArray(rng.randint(2, size=n))",
]  # fmt: skip
BAD_COLUMNS = [
    "np.full(n, np.inf)", "np.array(['2020'] * n, 'M8[D]')", "[[1]] * n", "[{}] * n", "rng.rand(n) + 1j",
    "pd.Series(pd.period_range('2020', periods=n))", "np.array([1] * n, 'm8[s]')", "[object()] * n", "[b'x'] * n",
]  # fmt: skip
TABLE_FORMS = ["X", "X.to_numpy()", "X.to_numpy().tolist()", "X.rename(columns=str)", "X.set_index(X.index[::-1])"]
#: What a fit must refuse, or accept, and not half: rows and parameters of a second fit.
SECOND_FITS = [
    "X=np.ones((3, 2)), y=[1, 2]", "y=None", "X=None", "X=np.full(np.shape(X), np.nan)", "sample_weight=[1.0]",
    "sample_weight='x'", "X_val=X", "y_val=y", "X_val=np.ones((2, 77)), y_val=[0, 1]", "max_iter=0", "max_iter='x'",
    "hidden_layer_sizes=(0,)", "hidden_layer_sizes=(-1, 2)", "hidden_layer_sizes='x'", "activation='no'",
    "activation='softmax'", "loss='no'", "loss='gamma'", "loss='hinge'", "solver=3", "n_jobs=0", "n_jobs='x'",
    "random_state='x'", "validation_fraction=2", "batch_size=0", "dropout=[0.1] * 9", "learning_rate=1e30",
    "learning_rate_init=1e30, solver='sgd'", "scoring='no'", "scoring=fails",
    "class_weight={'no': 1}", "class_weight='x'", "early_stopping=True, validation_fraction=0.999", "n_members=0",
    "recipe='no'", "categorical_features=[99]", "label_smoothing=2", "tol=None", "y=np.full(len(signal), np.nan)",
    "output_activation='exp', loss='log_loss'", "alpha=-1",
]  # fmt: skip
