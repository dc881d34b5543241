"""Python runs this at the start of the processes that `helpers.lanes.environment` is for.

scikit-learn imports `scipy.stats` and, if it is there, pandas, which takes longer than everything else that a fit
needs. Here `scipy.stats` is imported when something of it is used, and pandas counts as not installed.
"""

import importlib.util
import os
import sys
import threading
import types

_loading = threading.RLock()
#: Functions of it that scikit-learn imports by name, and that no fit calls.
_FUNCTIONS = ("gmean", "rankdata")


class _Later(types.ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, name):
        if name == "__path__":
            return [os.path.join(os.path.dirname(importlib.util.find_spec("scipy").origin), "stats")]
        if name in _FUNCTIONS:
            return lambda *arguments, **options: getattr(self._load(), name)(*arguments, **options)
        return getattr(self._load(), name)

    def _load(self):
        with _loading:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
            return importlib.import_module(self.__name__)


class _WithoutPandas:
    """A finder, and no None in `sys.modules`, which scikit-learn reads when it looks for data frames."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=name)


sys.modules["scipy.stats"] = _Later("scipy.stats")
sys.meta_path.insert(0, _WithoutPandas)
