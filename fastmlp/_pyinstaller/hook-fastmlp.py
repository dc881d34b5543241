"""What PyInstaller cannot see: modules that are imported by name, data, Numba's version, and the kernels' sources."""

import importlib.util
import pkgutil

from PyInstaller.utils.hooks import collect_data_files, copy_metadata

_package = importlib.util.find_spec("fastmlp")
assert _package is not None
hiddenimports = [
    found.name
    for found in pkgutil.walk_packages(_package.submodule_search_locations, "fastmlp.")
    if "._pyinstaller" not in found.name
]
#: The machine code of a wheel, and the playground's page; the version of Numba is part of the key of compiled code, and
#: asked for without importing it.
datas = [*collect_data_files("fastmlp"), *copy_metadata("numba")]
#: With sources of what determines machine code: a program uses that of a wheel only if it was compiled from its own.
module_collection_mode = {"fastmlp.kernels": "pyz+py", "fastmlp.compiler": "pyz+py"}
