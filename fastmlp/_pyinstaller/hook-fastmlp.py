"""What PyInstaller cannot see: modules that are imported by name when they are first used, and Numba's version."""

import importlib.util
import pkgutil

from PyInstaller.utils.hooks import copy_metadata

_package = importlib.util.find_spec("fastmlp")
assert _package is not None
hiddenimports = [
    found.name
    for found in pkgutil.walk_packages(_package.submodule_search_locations, "fastmlp.")
    if "._pyinstaller" not in found.name
]
#: Part of the key of compiled code, which is asked for without importing Numba.
datas = copy_metadata("numba")
