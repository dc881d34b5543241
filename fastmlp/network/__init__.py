"""`Network` and `NetworkEnsemble`: multi-layer perceptrons on NumPy arrays, independent of scikit-learn."""

from .ensemble import NetworkEnsemble
from .network import Network

__all__ = ["Network", "NetworkEnsemble"]
