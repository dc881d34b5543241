"""Description of the machine that the numbers were measured on."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from threadpoolctl import threadpool_info

PACKAGES = ("fastmlp", "numpy", "scipy", "scikit-learn", "numba", "llvmlite", "torch", "jax", "onnxruntime")
SIMD = ("sse2", "sse4_2", "avx", "fma", "amx", "neon", "asimd", "sve")  # how the flags begin


def describe_machine() -> dict:
    """Return processor, caches, versions, commit and date, for JSON; None or empty if unknown."""
    info = _cpuinfo()
    flags = (info.get("flags") or info.get("Features") or "").split()
    return {
        "cpu": info.get("model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "simd": sorted(flag for flag in flags if flag.startswith(SIMD)),
        "cores": os.cpu_count(),
        "caches": _caches(),
        "system": f"{platform.system()} {platform.release()}",
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES if _version(name)},
        "blas": _blas(),
        "commit": _commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _cpuinfo() -> dict[str, str]:
    """Return the fields of the first processor in Linux's /proc/cpuinfo."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    fields = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in fields}


def _caches() -> dict[str, str]:
    """Return the size of the first core's caches by level and kind, such as {"L1 Data": "48K"}."""
    caches = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        caches[f"L{level} {kind}"] = size
    return caches


def _blas() -> list[str]:
    """Return each loaded BLAS, such as "openblas 0.3.30 with kernels for Haswell"; variables can select others."""
    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    named = (f"{one['internal_api']} {one['version']} with kernels for {one.get('architecture')}" for one in found)
    return sorted(set(named))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of this working copy, with a plus if files differ from it; None outside of git."""
    if not (head := _git("rev-parse", "--verify", "HEAD")):
        return None
    return head + ("+" if _git("status", "--porcelain") else "")


def _git(*arguments: str) -> str | None:
    here = Path(__file__).parent
    try:
        run = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout.strip() if run.returncode == 0 else None
