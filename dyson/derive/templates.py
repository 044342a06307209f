"""The functions of a generated module, see ``codegen``."""

from __future__ import annotations

import sympy

from dyson.derive.notation import exchanged
from dyson.derive.printing import Printer
from dyson.derive.source import Source


def indent(lines, by: int) -> list[str]:
    return [" " * by + line for line in lines]


# ---- plain NumPy: the twin of the compiled functions, and what binding needs


def numpy_functions(s: Source) -> list[str]:
    """flow, rate, noise, drift and roots(p) over arrays (..., n); p holds parameters by name."""
    printer = Printer("np", s.names)
    text = printer.doprint

    scalars = [f'p_{n} = p["{n}"]' for n in ("T", *s.scalars)]
    modes = [f'p_{n}_i = p["{n}"]' for n in s.per_mode]
    opaque = []
    for symbol, value in s.opaque.items():
        name = s.names[symbol]
        opaque.append(f"{name} = {text(value)}")
        for needed in s.conditions[symbol]:
            opaque.append(f"{name} = np.where({text(needed)} > 0.0, {name}, np.nan)")
    root = [f"y_i = x_i**(1.0/{s.power}.0)"] if s.power > 1 else []
    clip = ["x_i = np.maximum(x, 0.0)"] if s.positive else ["x_i = np.asarray(x, float)"]
    head = [*scalars, *modes, *clip]
    lines: list[str] = []

    def function(signature, body, result):
        lines.extend(["", "", f"def {signature}:", *indent([*body, f"return {result}"], 4)])

    function("flow(x, p)", head, f"({text(s.flow)}) + 0.0*x_i")
    function("rate(x, p)", head, f"({text(-sympy.diff(s.flow, s.x['i']))}) + 0.0*x_i")
    function("noise(x, p)", [*head, *opaque, *root], f"({text(s.summands['noise'])}) + 0.0*x_i")
    function("constants(p)", [*scalars, *modes], "[" + ", ".join(text(v) for v in s.constants) + "]")
    function("roots(p)", [*scalars, *modes], "[" + ", ".join(text(r) for r in s.roots) + "]")
    pairs = _numpy_pairs(s, text)
    body = [*head, *opaque, *root, f"out = ({text(s.summands['own'])}) + 0.0*x_i", *pairs]
    function("drift(x, p)", body, "out")
    return lines


def _numpy_pairs(s: Source, text) -> list[str]:
    lines = ["rows, columns = p['rows'], p['columns']"]
    for key in ("row", "column"):
        value = s.summands[key]
        if value == 0:
            continue
        spread = [f"p_{n}_k = p['{n}_k'].reshape(-1, *[1]*x_i.ndim)" for n in s.per_mode]
        count = "rows" if key == "row" else "columns"
        lines += [
            f"if {count}:",
            *indent(
                [*spread, f"out = out + np.sum(({text(value)}) + np.zeros(({count}, *x_i.shape)), axis=0)"], 4
            ),
        ]
    moved = [s.names[o] for o in s.lifted] + (["y_i"] if s.power > 1 else [])
    first = ["x_i", *moved]
    lines += [f"{name[:-2]}_j = {name}[..., None, :]" for name in first]
    lines += [f"p_{n}_j = p_{n}_i[None, :]" for n in s.per_mode]
    lines += [f"{name} = {name}[..., :, None]" for name in first]
    lines += [f"p_{n}_i = p_{n}_i[:, None]" for n in s.per_mode]
    lines += [
        "gap = x_i - x_j",
        "inverse = np.zeros(gap.shape)",
        "np.divide(1.0, gap, out=inverse, where=gap != 0.0)",
        f"force = ({text(s.summands['repulsion'])})*inverse",
        f"regular = ({text(s.summands['pair'])}) + 0.0*gap",
        "regular = regular*(1.0 - np.eye(gap.shape[-1]))",
        "out = out + force.sum(-1) + regular.sum(-1)",
    ]
    return lines


# ---- compiled


def compiled_functions(s: Source) -> list[str]:
    """``modes`` (what depends on one mode), the pair functions, and the two block functions."""
    return [*_modes(s, drift=True), *_modes(s, drift=False), *_pair(s), *_drift()]


def _loads(s: Source, mode: str) -> list[str]:
    """Parameters of one mode from theta = (scalars, T, rows, columns, per mode, further modes)."""
    base = len(s.scalars) + 3
    return [f"p_{n}_{mode} = theta[{base} + {a}*n + {mode}]" for a, n in enumerate(s.per_mode)]


def _scalars(s: Source) -> list[str]:
    return [f"p_{n} = theta[{a}]" for a, n in enumerate((*s.scalars, "T"))]


def row_names(s: Source) -> list[str]:
    """Rows kept for each mode, after the far field: x ≥ 0, g², variances, root."""
    return ["x", "g2", *(s.names[o][:-2] for o in s.lifted), *(["y"] if s.power > 1 else [])]


def _modes(s: Source, drift: bool) -> list[str]:
    """``modes``, called by ``block_drift``, or ``block_noise`` itself."""
    head = ["@kernel(nogil=True)", "def modes(x, theta, rows, out):"]
    if not drift:
        head = ["@kernel(NOISE_SIGNATURE, nogil=True)", "def block_noise(x, theta, g2):"]
    lines = ["", "", *head, "    n = x.shape[0]", *indent(_scalars(s), 4)]
    body = [*_loads(s, "i"), "rx_ = x[i]"]
    if drift:
        body += [f"r{r}_ = rows[{a}*n + i]" for a, r in enumerate(row_names(s))] + ["rout_ = out[i]"]
    else:
        body += ["rg2_ = g2[i]"]
    inside = ["x_i = max(rx_[lane], 0.0)" if s.positive else "x_i = rx_[lane]"]
    opaque = s.block(list(s.opaque.values()), "i", "_u")
    conditions = s.block([c for needed in s.conditions.values() for c in needed], "i", "_w")
    body += [*opaque.outside, *conditions.outside]
    inside += opaque.inside
    inside += [f"{s.names[o]} = {value}" for o, value in zip(s.opaque, opaque.results, strict=True)]
    inside += conditions.inside
    left = iter(conditions.results)
    for symbol, needed in s.conditions.items():
        least = next(left)
        for _ in needed[1:]:
            least = f"min({least}, {next(left)})"
        inside.append(f"{s.names[symbol]} = {s.names[symbol]} if {least} > 0.0 else math.nan")
    if s.power > 1:
        inside.append("y_i = math.sqrt(x_i)" if s.power == 2 else f"y_i = x_i**(1.0/{s.power}.0)")
    values = [s.summands["noise"], *([s.summands["own"]] if drift else [])]
    block = s.block(values, "i")
    body += block.outside
    inside += [*block.inside, f"g2_i = {block.results[0]}"]
    if drift:
        inside += [f"r{r}_[lane] = {r}_i" for r in row_names(s) if r != "x"]
        inside += ["rclip_[lane] = x_i", f"rout_[lane] = {block.results[1]}"]
        body = [line.replace("rx_ = rows", "rclip_ = rows") for line in body]
    else:
        inside.append("rg2_[lane] = g2_i")
    lines += [
        "    for i in range(n):",
        *indent(body, 8),
        "        for lane in range(LANES):",
        *indent(inside, 12),
    ]
    if drift:
        lines += indent(_further(s), 4)
    return lines


def _further(s: Source) -> list[str]:
    """Loops over further rows or columns of W: eigenvalues pinned at zero repel the others."""
    lines: list[str] = []
    base = len(s.scalars) + 3
    for key, at in (("row", len(s.scalars) + 1), ("column", len(s.scalars) + 2)):
        value = s.summands[key]
        if value == 0:
            continue
        block = s.block([value], "i")
        used = {str(name) for name in value.free_symbols}
        loads = [f"{r}_i = r{r}_[lane]" for r in row_names(s)[2:]]
        further = [
            f"p_{n}_k = theta[{base} + {len(s.per_mode)}*n + {a}*many + k]"
            for a, n in enumerate(s.per_mode)
            if f"{n}_k" in used
        ]
        rows = [f"r{r}_ = rows[{a}*n + i]" for a, r in enumerate(row_names(s))]
        lines += [
            f"many = int(theta[{at}])",
            "for i in range(n if many else 0):",
            *indent([*_loads(s, "i"), *rows, "rout_ = out[i]", "for k in range(many):"], 4),
            *indent([*further, *block.outside, "for lane in range(LANES):"], 8),
            *indent(["x_i = rx_[lane]", *loads, *block.inside, f"rout_[lane] += {block.results[0]}"], 12),
        ]
    return lines


def _pair(s: Source) -> list[str]:
    """``far_pair`` and ``near_pair``: both particles of one pair, with the whole repulsion or, for neighbours
    whose repulsion the solver has, its regular part (keep = 1)."""
    repulsion, pair = s.summands["repulsion"], s.summands["pair"]
    back = exchanged(repulsion)
    symmetric = sympy.expand(repulsion - back) == 0
    block = s.block([repulsion, pair, exchanged(pair), *([] if symmetric else [back])], "ij")
    g_ij, p_ij, p_ji = block.results[:3]
    beta = float(s.equation.beta)
    head = ["n = rows.shape[0] // ROWS", *_scalars(s), *_loads(s, "i"), *_loads(s, "j"), *block.outside]
    for a, r in enumerate(row_names(s)):
        head += [f"r{r}_{m}_ = rows[{a}*n + {m}]" for m in "ij"]
    head += ["out_i, out_j = out[i], out[j]"]
    loads = [f"{r}_{m} = r{r}_{m}_[lane]" for r in row_names(s) if r != "g2" for m in "ij"]
    both = [*loads, *block.inside, "d = x_i - x_j", f"g_ij = {g_ij}"]
    both += ["width = 2.0*g_ij"] if symmetric else [f"g_ji = {block.results[3]}", "width = g_ij + g_ji"]
    other = "g_ij" if symmetric else "g_ji"
    far = [
        f"force = d/(d*d + width*dt/{beta!r} + TINY)",
        f"out_i[lane] += g_ij*force + {p_ij}",
        f"spare[lane] = {other}*force - ({p_ji})",
    ]
    near = [
        f"inverse = d/(d*d + (1.0 - keep)*width*dt/{beta!r} + TINY)",
        f"out_i[lane] += (g_ij - keep*{beta!r}*rg2_i_[lane])*inverse + {p_ij}",
        f"spare[lane] = ({other} - keep*{beta!r}*rg2_j_[lane])*inverse - ({p_ji})",
    ]
    lines = [f"ROWS = {len(row_names(s))}"]
    for name, extra, body in (("far_pair", "", far), ("near_pair", "keep, ", near)):
        lines += ["", "", "@kernel(nogil=True)", f"def {name}(theta, rows, dt, i, j, {extra}out, spare):"]
        lines += [*indent(head, 4), "    for lane in range(LANES):", *indent([*both, *body], 8)]
        lines += ["    for lane in range(LANES):", "        out_j[lane] -= spare[lane]"]
    return lines


def _drift() -> list[str]:
    return """

@kernel(DRIFT_SIGNATURE, nogil=True)
def block_drift(x, theta, dt, mode, out, work):
    n = x.shape[0]
    far, rows, spare = work[:n], work[n : (ROWS + 1) * n], work[(ROWS + 1) * n]
    modes(x, theta, rows, out)
    if mode != SPLIT_KEEPING_FAR:
        far[:] = 0.0
        for i in range(n - NEAR - 1):
            for j in range(i + NEAR + 1, n):
                far_pair(theta, rows, dt, i, j, far, spare)
    for i in range(n - 1):
        for j in range(i + 1, min(i + NEAR + 1, n)):
            keep = 1.0 if mode != WHOLE and j == i + 1 else 0.0
            near_pair(theta, rows, dt, i, j, keep, out, spare)
    for i in range(n):
        row, distant = out[i], far[i]
        for lane in range(LANES):
            row[lane] += distant[lane]
""".splitlines()
