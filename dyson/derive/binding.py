"""From symbols to numbers: the compiled `EigenvalueSDE` of a matrix SDE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import numpy as np

from dyson.blocks import BlockKernel
from dyson.derive import cache
from dyson.derive.matrix_sde import MatrixSDE
from dyson.derive.specification import MODE_KINDS
from dyson.sde import EigenvalueSDE
from streams.arguments import count, finite, positive, shown, unknown

TINY, FLAT, LARGEST = 1e-300, 1e-100, 100_000


def bind(
    sde: MatrixSDE,
    noise_level: float | Callable[[float], float],
    n: int | None = None,
    rows: int | None = None,
    target=None,
    parameters=None,
    **values,
) -> EigenvalueSDE:
    """Numbers for the parameters of a matrix SDE: its eigenvalue SDE, compiled, ready for every solver.

    The first call for a loss derives and compiles; later ones, in any process, read the cache.

    Parameters
    ----------
    sde : MatrixSDE
    noise_level : float or callable
        T = learning rate/batch size >= 0, or T(t), a schedule, a function of the time t = Σ learning rates;
        target, rate and g² of the result are those of t = 0.
    n : int, optional
        Number of columns of W; default the length of the parameters given per mode.
    rows : int, optional
        Number of rows of W; default n.
    target : array, optional
        Fixed point x̄_i of every mode; default the largest stable one (0 where nothing flows).
    parameters : mapping, optional
        What the result records as its parameters; default ``values``.
    **values
        A number, or for the kinds "column", "row" and "mode" an array, for each parameter of ``sde``.

    Raises
    ------
    ValueError
        If a parameter is missing, unknown, of the wrong length or out of range, if W must be square, or if
        a mode has no stable fixed point.
    """
    if not isinstance(sde, MatrixSDE):
        raise TypeError(f"sde must be a MatrixSDE, such as derive.library makes, got {shown(sde)}")
    kinds, values = dict(sde.parameters), {**sde.integers, **values}
    for name in values:
        if name not in kinds:
            raise ValueError(unknown("parameter", name, list(kinds)))
    for name in kinds:
        if name not in values:
            raise ValueError(f"no value for the parameter {name}: pass {name}=... ({kinds[name]})")
    schedule = noise_level if callable(noise_level) else None
    if schedule is None:
        initial = positive("noise_level", noise_level, zero=True)
    else:
        initial = _scheduled_value(schedule, 0.0)
    numbers = {name: _number(name, kind, values[name]) for name, kind in kinds.items()}
    columns, m = _sizes(kinds, numbers, n, rows)
    module = load(sde, {k: v for k, v in numbers.items() if kinds[k] == "integer"})
    if columns != m and not module.RECTANGULAR:
        raise ValueError(f"{sde.what} needs a square W, got {m} × {columns}")
    alpha, m_ = values.get("learning_rate", 0.0), values.get("m", 0.0)
    bound = _assemble(sde, module, numbers, initial, columns, m, target, parameters)
    if sde.finite_learning_rate and alpha * float(np.max(bound.rate)) > 4.0 * (1.0 + m_):
        raise ValueError(
            f"the learning rate {alpha:g} is unstable: times the fastest rate it must stay below 2; lower it"
        )
    return bound if schedule is None else _scheduled(bound, len(module.SCALARS), schedule)


def _scheduled(bound: EigenvalueSDE, at: int, schedule: Callable[[float], float]) -> EigenvalueSDE:
    """With the noise level, entry ``at`` of theta, as a function of time."""

    def theta_at(time: float) -> np.ndarray:
        theta = bound.kernel.theta.copy()
        theta[at] = _scheduled_value(schedule, time)
        return theta

    return replace(bound, theta_at=theta_at, noise_level=None)


def _scheduled_value(schedule: Callable[[float], float], time: float) -> float:
    try:
        value = schedule(time)
    except Exception as error:
        raise ValueError(
            f"noise_level, a function of time, failed at t = {time:g}: {type(error).__name__}: {error}"
        ) from error
    return positive(f"noise_level at t = {time:g}", value, zero=True)


def load(sde: MatrixSDE, integers: dict[str, int]) -> ModuleType:
    """The generated module of a matrix SDE, derived only where the cache has none."""

    def text() -> str:
        from dyson.derive.codegen import module_text

        explicit = sde.memory_drift  # moves W in a power of a matrix: the exponent must be a number
        return module_text(sde.eigenvalue_sde(**(integers if explicit else {})), integers)

    description = sde.description()
    if description is None:  # a Python function has no text to know it by: the module's own text is
        written = text()
        return cache.load([written], lambda: written)
    return cache.load([description, integers], text)


def _number(name: str, kind: str, value):
    if kind == "integer":
        return count(name, value)
    if kind == "scalar":
        return positive(name, value)
    if kind == "fraction":
        return positive(name, value, zero=True, below=1.0)
    if kind == "real":
        return float(finite(name, value, ndim=(0,)))
    array = finite(name, value, ndim=(0, 1))
    if not (array > 0).all():
        raise ValueError(f"{name} must be > 0 in every mode, got {array.min():g}")
    return array


def _sizes(kinds, numbers, n: int | None, rows: int | None) -> tuple[int, int]:
    """Columns and rows of W."""
    given = {
        name: len(numbers[name]) for name, kind in kinds.items() if kind in MODE_KINDS and numbers[name].ndim
    }
    by_column = [size for name, size in given.items() if kinds[name] != "row"]
    columns = count("n", n) if n is not None else max(by_column or given.values(), default=0)
    if not columns:
        raise ValueError("how many modes? pass n=..., or one of the parameters as an array")
    by_row = [size for name, size in given.items() if kinds[name] == "row"]
    m = count("rows", rows) if rows is not None else (max(by_row) if by_row else columns)
    for name, size in (("n", columns), ("rows", m)):
        if size > LARGEST:
            raise ValueError(f"{name} must be <= {LARGEST}, got {size}")
    for name, size in given.items():
        expected = {"column": columns, "row": m, "mode": min(columns, m)}[kinds[name]]
        if size != expected:
            raise ValueError(f"{name} must be one number or {expected} of them, got {size}")
    return columns, m


def _assemble(sde, module, numbers, noise_level, columns, m, target, parameters) -> EigenvalueSDE:
    size = min(columns, m)
    p = _placed(module, numbers, noise_level, columns, m, choose=target is None)
    fixed = _target(module, p, size) if target is None else _given_target(sde, module, target, size)
    order = np.argsort(-fixed, kind="stable")
    p.update({name: p[name][order] for name, _ in module.PER_MODE})
    x = np.array(fixed[order], dtype=float)
    rate, g2 = _near(sde, module, p, x)
    head = [*(p[name] for name in module.SCALARS), noise_level, m - size, columns - size]
    arrays = [p[f"{name}{end}"] for end in ("", "_k") for name, _ in module.PER_MODE]
    theta = np.concatenate([head, *arrays]).astype(float)
    return EigenvalueSDE(
        model=sde.name,
        target=x,
        rate=rate,
        g2=g2,
        drift=lambda y: module.drift(np.asarray(y, float), p),
        noise=lambda y: module.noise(np.asarray(y, float), p),
        flow=lambda y: module.flow(np.asarray(y, float), p),
        kernel=BlockKernel(module.block_drift, module.block_noise, theta, module.CONSTANT_NOISE),
        beta=float(module.BETA),
        noise_level=noise_level,
        parameters=_recorded(numbers) if parameters is None else parameters,
        null_modes=columns - size,
        matrix=sde.matrix_name,
        least=-np.inf if module.SPECTRUM == "symmetric" else 0.0,
    )


def _placed(module, numbers, noise_level, columns: int, m: int, choose: bool) -> dict:
    """Parameters as the generated functions read them: ``name`` of the modes, ``name_k`` of the rest."""
    size, most = min(columns, m), max(columns, m)
    lengths = {"column": columns, "row": m, "mode": size}
    p = {"T": noise_level, "rows": m - size, "columns": columns - size}
    p.update({name: float(numbers[name]) for name in module.SCALARS})
    arrays = {
        name: np.broadcast_to(numbers[name], (lengths[kind],)).astype(float) for name, kind in module.PER_MODE
    }
    chosen = np.arange(size)
    by_column = bool(arrays) and all(kind == "column" for _, kind in module.PER_MODE)
    if choose and columns > size and by_column:  # a W of fewer rows learns the modes of largest target
        target = _target(module, {**p, **arrays}, columns)
        chosen = np.sort(np.argsort(-target, kind="stable")[:size])
    rest = np.setdiff1d(np.arange(most), chosen)
    for name, a in arrays.items():
        whole = len(a) > size
        p[name] = a[chosen] if whole else a
        p[f"{name}_k"] = a[rest] if whole else np.full(most - size, np.nan)
    return p


def _near(sde, module, p, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rates and g² at the target; ValueError where they or the noise do not exist."""
    for value in module.constants(p):
        if (np.asarray(value) < 0).any():
            raise ValueError(
                f"a covariance of {sde.what} is negative, or a chain keeps more than everything, with these "
                f"parameters: {np.min(value):g}"
            )
    inside = x if module.SPECTRUM == "symmetric" else np.maximum(x, TINY)
    rate = np.zeros(len(x)) if module.FREE else module.rate(inside, p)
    rate = np.where((x == 0.0) & (np.abs(rate) < FLAT), 0.0, rate)  # a flow of higher order at zero
    g2 = module.noise(x, p)
    for name, value in (("rate", rate), ("noise", g2)):
        sound = np.abs(value) < 1 / FLAT
        if not sound.all():
            mode = int(np.flatnonzero(~sound)[0])
            raise ValueError(
                f"the {name} of mode {mode} is {value[mode]:g} at its target {x[mode]:g}: outside the domain "
                "of the equation, or no smooth one; pass another target or change the parameters"
            )
    return rate, g2


def _given_target(sde, module, target, size: int) -> np.ndarray:
    given = finite("target", target, ndim=(0, 1))
    if given.ndim and len(given) != size:
        raise ValueError(f"target must be one number or {size} of them, got {len(given)}")
    if module.SPECTRUM != "symmetric" and (given < 0).any():
        raise ValueError(f"target must be >= 0 (eigenvalues of {sde.matrix_name}), got {given.min():g}")
    return np.broadcast_to(given, (size,))


def _recorded(numbers: dict) -> dict:
    return {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in numbers.items()}


def _target(module, p, size: int) -> np.ndarray:
    """The largest stable fixed point of every mode."""
    if module.FREE:
        return np.zeros(size)
    if module.INTERACTING_FLOW:
        raise ValueError(
            "the noiseless flow couples the modes, so its fixed point has no closed form: pass target=..."
        )
    positive_only = module.SPECTRUM != "symmetric"
    with np.errstate(all="ignore"):
        candidates = [np.broadcast_to(np.asarray(r, float), (size,)) for r in module.roots(p)]
        candidates = candidates or _scanned(module, p, size, positive_only)
        best = np.full(size, -np.inf)
        for x in candidates:
            at = np.maximum(x, TINY) if positive_only else x
            stable = module.rate(at, p) >= 0.0
            allowed = np.isfinite(module.flow(at, p)) & np.isfinite(module.noise(at, {**p, "T": 1.0}))
            allowed &= x >= 0.0 if positive_only else np.isfinite(x)
            best = np.where(stable & allowed & (x > best), x, best)
    if not np.isfinite(best).all():
        mode = int(np.flatnonzero(~np.isfinite(best))[0])
        raise ValueError(
            f"mode {mode} has no stable fixed point with these parameters: pass target=... or change them"
        )
    return best + 0.0


def _scanned(module, p, size: int, positive_only: bool) -> list[np.ndarray]:
    """Sign changes of the flow on a grid, refined by bisection: for flows without roots in closed form."""
    grid = np.logspace(-9, 6, 3001)
    grid = np.r_[0.0, grid] if positive_only else np.r_[-grid[::-1], 0.0, grid]
    values = np.array([module.flow(np.full(size, x), p) for x in grid])
    found = []
    down = (values[:-1] > 0) & (values[1:] <= 0)
    while down.any():
        last = len(down) - 1 - np.argmax(down[::-1], axis=0)
        has = down.any(axis=0)
        low, high = grid[last], grid[last + 1]
        for _ in range(80):
            middle = 0.5 * (low + high)
            above = module.flow(middle, p) > 0
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        found.append(np.where(has, high, np.nan))
        down[last[has], np.flatnonzero(has)] = False
    return [*found, np.zeros(size)]
