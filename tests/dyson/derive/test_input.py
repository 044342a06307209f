"""What cannot be derived or bound: one line that says what came, what was expected and what to do."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import sympy

import dyson
from dyson import derive
from dyson.derive import Gaussian, Noise, library

V = {"v": Gaussian("column")}
VU = {"v": Gaussian("column"), "u": Gaussian("row")}


def equation(**options):
    return derive.matrix_sde(**options).eigenvalue_sde()


LOSSES = {
    "no scalar": (dict(loss="W*v", samples=V), "must be a scalar, but 'W\\*v' is 2 × 1"),
    "exponential of data": (dict(loss="exp(v.T*W.T*W*v)", samples=V), "not polynomial in the samples"),
    "quotient of data": (dict(loss="1/(v.T*W.T*W*v)", samples=V), "has no moments by Wick's theorem"),
    "tanh of data": (dict(loss="Tr(tanh(W*v))", samples=V), "not polynomial"),
    "degree": (dict(loss="(v.T*W.T*W*v)**4", samples=V), "of degree 8 in the samples; at most 6"),
    "three modes": (dict(loss="Tr(W)**3"), "depends on a third mode, by the term"),
    "correlated noise": (dict(loss="(v.T*W.T*W*v)**2", samples=V), "eigenvalues 1 and 2 are correlated"),
    "rotation": (dict(gradient=lambda W: W + sympy.ones(*W.shape)), "rotates the eigenvectors"),
    "repulsion of three": (dict(loss="Tr(W.T*W)", noise=Noise("Tr(W.T*W)")), "repulsion of two modes"),
    "real for complex": (dict(loss="Tr(W.T*W)", beta=2), "use .H, not .T"),
    "asymmetric noise": (dict(loss="Tr(W**2)", noise=Noise(), spectrum="symmetric"), "needs symmetric noise"),
    "negative noise": (dict(loss="Tr(W.T*W)", noise=Noise("-1")), "is negative"),
    "negative variance": (dict(loss="v.T*W.T*W*v", samples={"v": Gaussian("column", "-1")}), "a variance"),
    "chain": (dict(loss="v.T*W.T*W*v", samples={"v": Gaussian(chain="2")}), "between -1 and 1"),
    "frozen chain": (dict(loss="v.T*W.T*W*v", samples={"v": Gaussian(chain="1")}), "between -1 and 1"),
    "covariance shape": (
        dict(loss="Tr(W.T*Y)", samples={"Y": Gaussian("matrix", "A")}, parameters={"A": "mode"}),
        "sample Y, a matrix, must be a scalar, got",
    ),
    "unbalanced": (
        dict(loss="Tr(V.T*V*V.T*V)/4", observable="V*W", weights=("W", "V")),
        "do not stay balanced",
    ),
    "no product": (dict(loss="Tr(V.T*W)", observable="V+2*W", weights=("W", "V")), "must be a product"),
    "gradient scalar": (dict(gradient="1"), "must have the shape of W, got a scalar"),
    "function fails": (dict(loss=lambda W: 1 / 0), "failed at explicit matrices W: ZeroDivisionError"),
    "function gives text": (dict(loss=lambda W: "__import__('os')"), "must be a SymPy scalar"),
    "function gives nan": (dict(loss=lambda W: float("nan")), "infinite or undefined"),
    "function of strangers": (dict(loss=lambda W: sympy.Symbol("q") * (W.T * W).trace()), "brings in 'q'"),
    "memory of several layers": (
        dict(
            loss="Tr((B*A*v).T*(B*A*v))", samples={"v": Gaussian(chain="1/2")}, weights=("A", "B"),
            observable="B*A", memory_drift=True,
        ),
        "for one weight matrix, not for several",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_losses_that_have_no_eigenvalue_equation(name):
    options, words = LOSSES[name]
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        equation(**options)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


DECLARATIONS = [
    (dict(), "exactly one of loss and gradient"),
    (dict(loss="1", gradient="W"), "exactly one"),
    (dict(loss="1", beta=4), "beta must be 1"),
    (dict(loss="1", beta=True), "beta must be 1"),
    (dict(loss="1", spectrum="grams"), "did you mean 'gram'"),
    (dict(loss="1", parameters={"a": "colum"}), "did you mean 'column'"),
    (dict(loss="1", parameters="a"), "parameters must be a mapping"),
    (dict(loss="1", samples={"v": "column"}), "samples must be derive.Gaussian"),
    (dict(loss="1", noise="1"), "noise must be derive.Noise"),
    (dict(loss="1", weights=()), "weights must hold one name"),
    (dict(loss="1", weights=("A", "B")), "observable"),
    (dict(loss="1", parameters={"T": "scalar"}), "the name T is taken"),
    (dict(loss="1", parameters={"x": "mode"}), "kept for the derivation"),
    (dict(loss="1", parameters={"kappa_1": "scalar"}), "kept for the derivation"),
    (dict(loss="1", parameters={"rows": "scalar"}), "kept for the derivation"),
    (dict(loss="1", parameters={"ϑ": "scalar"}), "write 'θ'"),
    (dict(loss="1", samples=V, parameters={"v": "scalar"}), "declared twice"),
    (dict(loss="1", samples={"v": Gaussian(start=("u", "1"))}), "must start at another column sample"),
    (dict(loss="1", samples={**VU, "w": Gaussian(start=("u", "1"))}), "must start at another column sample"),
    (dict(loss="1", trained=("a",)), "must be scalar parameters"),
    (dict(gradient="W", trained=("a",), parameters={"a": "scalar"}), "need a loss"),
    (dict(loss="1", memory_drift=True), "needs a sample that is a persistent chain"),
]


@pytest.mark.parametrize("options, words", DECLARATIONS)
def test_declarations(options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        derive.matrix_sde(**options)


PLACES = {
    "loss": lambda text: dict(loss=text, samples=V),
    "gradient": lambda text: dict(gradient=text, samples=V),
    "K": lambda text: dict(loss="Tr(K)", definitions={"K": text}),
    "u's covariance": lambda text: dict(loss="Tr(W)", samples={**V, "u": Gaussian("row", text)}),
    "u's memory": lambda text: dict(loss="Tr(W)", samples={"u": Gaussian("row", chain=text)}),
    "v's memory": lambda text: dict(
        loss="Tr(W)", samples={"v": Gaussian(start=("w", text)), "w": Gaussian()}
    ),
    "noise": lambda text: dict(loss="Tr(W)", noise=(Noise(), Noise("1", text))),
    "observable": lambda text: dict(loss="Tr(A*B)", weights=("A", "B"), observable=text),
}
TEXTS = {
    "2*": "at character 3: expected a number, a name or '\\(', got the end",
    "2*(3": "at character 5: expected '\\)' to close a parenthesis",
    "2*foo": "at character 3: unknown name 'foo'",
    "expp(2)": "at character 1: unknown function 'expp'; did you mean 'exp'",
    "(2).__class__": "at character 4: only .T and .H may follow a matrix",
    "2 if 1 else 3": "at character 3: expected an operator or the end, got 'if'",
    "__import__('os')": "at character 12: the character .* is not allowed",
    "": "is empty",
    "+".join("2" * 300): "at character 1: more than 400 names, numbers and operations",
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("place", PLACES)
def test_texts_outside_the_language_are_refused_at_once(place, text):
    with pytest.raises(ValueError, match=f"^{place} {TEXTS[text]}") as caught:
        derive.matrix_sde(**PLACES[place](text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options, words",
    [
        (dict(loss=3), "loss must be a string, got 3"),
        (dict(loss="1", definitions={"K": 3}), "K must be a string, got 3"),
        (dict(loss="Tr(K)", definitions={"K": "K"}), "K at character 1: unknown name 'K'"),
        (dict(loss="Tr(K)", definitions={"K": "L", "L": "W"}), "K at character 1: unknown name 'L'"),
        (dict(loss="1", definitions={"noise": "W"}, noise=Noise("nois")), "did you mean 'noise'"),
        (
            dict(loss="v.T*v", samples={"v": Gaussian("column", "v*v.T")}),
            "v's covariance .* unknown name 'v'",
        ),
        (dict(loss="Tr(W.T*W)", noise=Noise("v*v.T"), samples=V), "noise .* unknown name 'v'"),
        (dict(loss=lambda W, q: 1), "unknown argument of the loss 'q'"),
        (dict(loss="1", parameters={"exp": "scalar"}), "got 'exp', a function"),
        (dict(loss="1", samples={"lambda": Gaussian()}), "got 'lambda', a Python keyword"),
    ],
)
def test_names_that_a_text_may_not_use_are_refused_at_once(options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        derive.matrix_sde(**options)


def test_refusing_a_text_needs_no_sympy():
    program = """
import sys
from dyson import derive
derive.library.rbm("contrastive"), derive.library.deep_linear(3)
try:
    derive.matrix_sde(loss="Tr(W.T*W")
except ValueError as error:
    print(error, "sympy" in sys.modules, sep="|")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    said, loaded = done.stdout.strip().split("|")
    assert said.startswith("loss at character 9: expected ')' to close Tr(") and loaded == "False"


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Gaussian("colum"), "did you mean 'column'"),
        (lambda: Gaussian("column", 1), "covariance must be an expression"),
        (lambda: Gaussian(start="u"), "start must be"),
        (lambda: Noise(1), "row must be an expression"),
        (lambda: Noise("1", symmetric="no"), "symmetric must be True or False"),
        (lambda: library.rbm("persistant"), "did you mean 'persistent'"),
        (lambda: library.rbm(weight_decay="maybe"), "weight_decay must be True or False"),
        (lambda: library.deep_linear(9), "layers must be <= 8"),
        (lambda: library.spectral_potential("X)+Tr(X"), "V at character 2"),
        (lambda: library.rbm("persistent", memory_drift=True).eigenvalue_sde(), "needs a number for k"),
        (lambda: library.rbm().optimiser(momentum=0.9), "momentum must be True or False"),
        (
            lambda: derive.matrix_sde(loss="Tr(m)", definitions={"m": "W"}).optimiser(momentum=True),
            "the name m is taken",
        ),
        (lambda: library.wishart().eigenvalue_sde().linearised(), "pass target"),
    ],
)
def test_other_arguments(make, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make()


RBM = {"noise_level": 0.001, "mu2": 9.0, "s2": 1.0, "kappa": [4.0, 5.0, 6.0]}


@pytest.mark.parametrize(
    "values, words",
    [
        ({"kapa": 3}, "did you mean 'kappa'"),
        ({"mu2": -9.0}, "mu2 must be a finite number > 0"),
        ({"mu2": "9"}, "mu2 must be a number"),
        ({"kappa": [4.0, -5.0]}, "kappa must be > 0 in every mode"),
        ({"kappa": [4.0, np.nan]}, "finite"),
        ({"kappa": 5.0}, "how many modes"),
        ({"n": 4}, "kappa must be one number or 4 of them, got 3"),
        ({"n": 10**9, "kappa": 4.0}, "n must be <= 100000"),
        ({"rows": 0}, "rows must be >= 1"),
        ({"noise_level": -1.0}, "noise_level"),
        ({"noise_level": lambda t: 1 / 0}, "failed at t = 0: ZeroDivisionError"),
        ({"noise_level": lambda t: None}, "noise_level at t = 0 must be a number"),
        ({"target": [3.0, 2.0]}, "target must be one number or 3 of them, got 2"),
        ({"target": -1.0}, "target must be >= 0"),
        ({"target": 20.0}, "outside the domain"),
    ],
)
def test_bind(values, words):
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        derive.bind(library.rbm(), **{**RBM, **values})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "sde, values, words",
    [
        (library.rbm(), {}, "no value for the parameter mu2"),
        (None, {}, "sde must be a MatrixSDE"),
        (
            derive.matrix_sde(loss="Tr(W.T*W)/2", noise=Noise("a"), parameters={"a": "real"}),
            {"a": -1.0, "n": 2},
            "is negative",
        ),
        (library.spectral_potential("-X**2"), {"eps": 1.0, "n": 2}, "no stable fixed point"),
        (
            library.matrix_ou(),
            {"rate": 1.0, "center": 0.0, "eps": 1.0, "n": 2, "rows": 3},
            "needs a square W",
        ),
        (derive.matrix_sde(loss="Tr(W)", noise=Noise()), {"n": 2}, "no smooth one"),
    ],
)
def test_bind_other_models(sde, values, words):
    with pytest.raises((ValueError, TypeError), match=words):
        derive.bind(sde, 0.1, **values)


def test_flow_that_is_flat_at_zero_sets_no_time_scale():
    sde = derive.bind(derive.matrix_sde(loss="Tr(W.T*W*W.T*W)/4", noise=Noise()), 0.1, n=3)
    assert (sde.rate == 0).all()
    with pytest.raises(ValueError, match="relaxes"):
        dyson.integrate(sde, replicas=2, seed=1)


def test_absurd_number_of_steps_is_refused():
    sde = derive.bind(library.wishart(weight_decay=True), 0.1, n=2, eps=1.0, decay=1e30)
    with pytest.raises(ValueError, match="steps between two times"):
        dyson.integrate(sde, times=[0.0, 1.0], replicas=2, seed=1)


def test_scalar_with_any_legal_name_compiles():
    sde = derive.matrix_sde(
        loss="v.T*W.T*W*v/2",
        parameters={"sigma_h": "scalar", "math": "scalar", "lane": "scalar"},
        samples={"v": Gaussian("column", "inv(math + lane + sigma_h*W.T*W)")},
    )
    assert derive.bind(sde, 0.1, n=2, sigma_h=2.0, math=1.0, lane=0.5, target=1.0).n == 2


def test_wide_weights_with_arrays_of_several_kinds():
    sde = library.linear_network(coloured=True)
    values = {"teacher": [2.0, 1.0], "Z": 1.0, "eps": 1.0, "lam": [1.0, 2.0, 3.0]}
    bound = derive.bind(sde, 0.1, rows=2, **values)
    assert bound.n == 2 and bound.null_modes == 1
