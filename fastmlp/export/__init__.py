"""Models for other libraries: scikit-learn, PyTorch, C, ONNX.

>>> from sklearn.datasets import load_iris
>>> from fastmlp import MLPClassifier
>>> from fastmlp.export import to_sklearn
>>> X, y = load_iris(return_X_y=True)
>>> model = MLPClassifier((8,), max_iter=5, tol=0, random_state=0).partial_fit(X, y, classes=[0, 1, 2])
>>> bool((to_sklearn(model).predict(X) == model.predict(X)).all())
True

Each function imports its library when it is called, and returns copies: later changes of the model do not reach them.
"""

from ..common.lazy_names import lazy_names

_MODULE_OF = {
    "from_sklearn": ".scikit_learn",
    "to_sklearn": ".scikit_learn",
    "to_torch": ".pytorch",
    "to_c": ".c_code",
    "to_onnx": ".onnx_model",
    "register_converters": ".onnx_converters",
}
__all__ = ["from_sklearn", "register_converters", "to_c", "to_onnx", "to_sklearn", "to_torch"]

__getattr__, __dir__ = lazy_names(__name__, _MODULE_OF)
