"""Which machine code computes on the CPU: libraries choose it when they are loaded, by variables of
the environment.

Sums of other instructions, or in another order, differ in their last bits, and training makes
percent of them. `portable` is one instruction set and one path through the libraries, which every
x86-64 processor with AVX2 has; `native` is what they choose on this machine. See docs/numbers.md.
"""

from functools import cache
from pathlib import Path

from bench.config.spec import NATIVE, PORTABLE, TrainConfig

# NumPy, SciPy and scikit-learn: in all processes of the suite, whatever the runs' arithmetic.
ARRAYS = {
    "OPENBLAS_CORETYPE": "Haswell",
    # All of its versions' names; the ones that a version does not know say nothing to it.
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL "
    "AVX512_ICL AVX512_SPR",
}
TENSORS = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "COMPATIBLE",  # the only branch that it has for processors of other makers too
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
FAMILIES = ("ATEN_", "MKL_", "ONEDNN_", "DNNL_", "OPENBLAS_", "NPY_", "OMP_", "KMP_", "GOMP_")
NEEDED = {"avx2", "fma"}  # as Linux calls them
LACKING = (
    "this processor has no AVX2, which portable arithmetic needs: runs on it take what its "
    "libraries choose, and their results say native."
)


def arrays() -> dict[str, str]:
    """Variables for every process of the suite."""
    return ARRAYS if capable() else {}


def variables(config: TrainConfig, inherited: dict[str, str]) -> dict[str, str | None]:
    """Changes of the inherited environment for a process that trains; None takes a variable out.

    Nothing that was set for the libraries counts beside portable arithmetic.
    """
    if config.arithmetic == NATIVE or not capable():
        return {}
    others = {name: None for name in inherited if name.startswith(FAMILIES)}
    return others | ARRAYS | TENSORS | dict.fromkeys(THREADS, str(config.threads))


def of_process(device: str, inherited: dict[str, str]) -> str:
    """What computes in a process of this environment, on a device of this type."""
    pinned = ARRAYS | TENSORS
    if device == "cpu" and capable() and pinned.items() <= inherited.items():
        return PORTABLE
    return NATIVE


def capable() -> bool:
    return set(cpu_facts().get("flags", "").split()) >= NEEDED


@cache
def cpu_facts() -> dict[str, str]:
    """What Linux says of the first processor; nothing elsewhere."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return {}
    lines = info.read_text().partition("\n\n")[0].splitlines()
    parts = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in parts}
