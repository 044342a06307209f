"""Somebody else's ensembles: read right, refused right."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import warnings
import zipfile

import numpy as np
import pytest

from compare.layout.schema import validate
from compare.measure.statistics import statistics
from compare.readers import npz
from compare.readers.foreign import FIELDS, FORMATS, read_npz
from compare.studies.published import study as published
from compare.studies.published.study import import_files, read_tree
from compare.verdict.checks import check
from compare.verdict.surmise import surmise
from dyson.linear.quenched import epoch_map, gram_matrices
from dyson.linear.shared_data import TeacherStudent, _after, _moments
from tests.compare.published_files import KAPPA, NOISE, train, write
from tests.oracles import assert_mean

BATCHES = {"batches": 100}
MAPPING = {
    "weight": "W",
    "matrix": "W",
    "learning_rate": "lr",
    "batch_size": 16,
    "step": [0, 200, 400],
    "target": 2.0,
}


@pytest.fixture
def file(tmp_path):
    return write(tmp_path)


def refused(call, path, *words):
    """A ValueError of one line that names the file and holds the words, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError) as caught:
            call(path)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 500, text
    assert str(path) in text, text
    for word in words:
        assert word in text, text
    return text


# ---------------------------------------------------------------- reading


def test_published_layout(file):
    run = read_npz(file, BATCHES, format="teacher-student")
    validate(run)
    raw = np.load(file, allow_pickle=False)["W"]
    np.testing.assert_array_equal(run.weight, raw)
    np.testing.assert_allclose(run.eigenvalue.sum("mode"), np.trace(raw, axis1=2, axis2=3), atol=1e-12)
    np.testing.assert_array_equal(run.step, [0, 200, 400])
    np.testing.assert_allclose(run.time, [0, 40, 80])
    np.testing.assert_array_equal(run.target, [KAPPA, KAPPA])
    assert (float(run.learning_rate), int(run.batch_size)) == (0.2, 16)
    assert float(run.noise_level) == 0.2 / 16
    assert json.loads(run.attrs["parameters"]) == {"batches": 100, "initial_std": 0.1, "noise": NOISE}
    assert run.attrs["matrix"] == "W" and run.attrs["model"] == "teacher_student"
    assert np.isnan(run.diverged).all()


def test_symmetric_part_is_as_far_apart_as_singular_values(file):
    run = read_npz(file, BATCHES, format="teacher-student").isel(time=-1)
    asymmetry = run.weight.values - run.weight.values.swapaxes(-1, -2)
    assert np.abs(asymmetry).max() > 1e-4  # mini-batches keep W from being symmetric
    singular = np.linalg.svd(run.weight.values, compute_uv=False)
    apart = run.eigenvalue[:, 0] - run.eigenvalue[:, 1]
    np.testing.assert_allclose(apart, singular[:, 0] - singular[:, 1], rtol=1e-9)


@pytest.mark.parametrize(
    "clock",
    [
        {"step": [0, 200, 400]},
        {"time": [0.0, 40.0, 80.0]},
        {"epochs": "epochs", "record_every": 2, "batches": 100},
        {"epochs": "4", "record_every": "save_int", "batches": "100"},
    ],
)
def test_a_mapping_says_what_a_format_would(file, clock):
    known = read_npz(file, BATCHES, format="teacher-student")
    mapping = {k: v for k, v in MAPPING.items() if k != "step"} | clock
    run = read_npz(file, mapping)
    for name in ("eigenvalue", "weight", "time", "step", "target", "noise_level"):
        np.testing.assert_allclose(run[name], known[name])
    assert run.attrs["model"] == "unknown"


def test_last_epoch_is_recorded_also_out_of_turn(tmp_path):
    path = tmp_path / "uneven.npz"
    np.savez(path, **train(epochs=5, save_int=2, replicas=3))
    np.testing.assert_array_equal(read_npz(path, BATCHES, "teacher-student").step, [0, 200, 400, 500])


def test_eigenvalues_instead_of_weights(tmp_path):
    x = np.random.default_rng(0).standard_normal((7, 3, 4)).astype(np.float32)
    path = tmp_path / "spectra.npz"
    np.savez(path, x=x, t=np.array([0.0, 0.51, 1.0]), a=np.array([0.1]), kappa=np.arange(4))
    mapping = {"eigenvalue": "x", "time": "t", "learning_rate": "a", "batch_size": 8, "target": "kappa"}
    run = read_npz(path, {**mapping, "matrix": "WTW"})
    np.testing.assert_array_equal(run.eigenvalue, -np.sort(-x.astype(float), axis=-1))
    np.testing.assert_array_equal(run.target, [3, 2, 1, 0])
    assert run.attrs["matrix"] == "WᵀW" and "weight" not in run and "step" not in run.coords


@pytest.mark.parametrize(("rows", "cols"), [(3, 5), (5, 3), (4, 4)])
def test_gram_matrix_of_any_shape(tmp_path, rows, cols):
    weight = np.random.default_rng(1).standard_normal((6, 2, rows, cols))
    path = tmp_path / "rectangular.npz"
    np.savez(path, W=weight)
    run = read_npz(
        path,
        {"weight": "W", "matrix": "WᵀW", "learning_rate": 1, "batch_size": 1, "step": [0, 1], "target": 1},
    )
    exact = np.linalg.eigvalsh(weight.swapaxes(-1, -2) @ weight)[..., ::-1]
    np.testing.assert_allclose(run.eigenvalue, exact, atol=1e-12)


def test_only_mapped_arrays_are_read(tmp_path):
    """A pickle beside the mapped arrays is never looked at."""
    path = tmp_path / "mixed.npz"
    np.savez(path, **train(), notes=np.array([{"a": 1}], dtype=object))
    assert read_npz(path, BATCHES, "teacher-student").sizes["replica"] == 200
    refused(lambda p: read_npz(p, {**MAPPING, "target": "notes"}), path, "pickle", "'notes'")


# ---------------------------------------------------------------- against theory


def test_ensemble_agrees_with_its_own_data_set():
    """The exact moments on the one data set of an ensemble; those of level pair are refuted."""
    alpha, size, replicas = 0.5, 8, 20_000
    model = TeacherStudent(alpha, size, NOISE, batches=100)
    sets = [gram_matrices(size, 100, 1, seed) for seed in range(5)]
    exact = [_moments(*_after(model, 1, *epoch_map(gram, alpha, NOISE, size))) for gram in sets]
    seed = int(np.argmax([abs(m["spacing"][0] - np.sqrt(np.pi) * model.width) for m in exact]))
    weight = train(alpha, size, replicas, batches=100, epochs=1, save_int=1, seed=seed)["W"][:, -1]
    moments = exact[seed]
    spacing = -np.diff(np.linalg.eigvalsh(weight / 2 + weight.swapaxes(-1, -2) / 2)[:, ::-1]).ravel()
    assert_mean(spacing, moments["spacing"][0])
    with pytest.raises(AssertionError):
        assert_mean(spacing, np.sqrt(np.pi) * model.width)


def test_shared_data_is_never_called_a_difference(tmp_path):
    """Levels matrix and pair carry the spread between data sets: of many data sets none "differs" in size.

    Batches of the published size. At |B| = 4 the widths of data sets have a heavy tail, and 4 of 60 differ.
    """
    found = []
    for seed in range(12):
        path = tmp_path / f"{seed}.npz"
        np.savez(path, **train(0.5, 16, 1000, batches=50, seed=seed))
        result = check(read_tree(path, "teacher-student", {"batches": 50}))
        sizes = [r for r in result.rows if r.quantity in ("width", "mean spacing")]
        found += [(r.level, r.verdict) for r in sizes]
    assert {verdict for _, verdict in found} <= {"agrees", "cannot tell"}


def test_surmise_predicts_a_pair_from_its_own_width(file):
    run = read_npz(file, BATCHES, "teacher-student")
    level, measured = surmise(run), statistics(run)
    validate(level)
    np.testing.assert_allclose(level.mean_spacing, np.sqrt(np.pi) * measured.width)
    np.testing.assert_allclose(level.mean_eigenvalue.mean(), measured.mean_eigenvalue.mean())
    np.testing.assert_allclose(-np.diff(level.mean_eigenvalue), level.mean_spacing)


def test_surmise_leaves_single_modes_out(tmp_path):
    x = np.random.default_rng(0).normal([5, 0, 0], 1, (50, 2, 3))
    path = tmp_path / "three.npz"
    np.savez(path, x=x)
    mapping = {"eigenvalue": "x", "matrix": "W", "learning_rate": 1, "batch_size": 1, "step": [0, 1]}
    tree = read_tree(path, None, {**mapping, "target": [5, 0, 0]})
    level = tree["theory/surmise"]
    np.testing.assert_array_equal(np.isnan(level["mean_eigenvalue"]), [True, False, False])
    rows = [r for r in check(tree).rows if r.quantity == "mean eigenvalue" and r.index == 0]
    assert [r.verdict for r in rows] == ["cannot tell"]


def test_theory_says_what_it_does_not_cover(tmp_path):
    path = write(tmp_path, W=np.zeros((5, 3, 3, 3)) + np.eye(3))
    refused(lambda p: read_tree(p, "teacher-student", BATCHES), path, "2 x 2")


# ---------------------------------------------------------------- refusing


def known(path):
    return read_npz(path, BATCHES, format="teacher-student")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["empty"]),
        (b"hello", ["not an .npz"]),
        (pickle.dumps({"W": 1}), ["pickle"]),
        (b"\x93NUMPY\x01\x00" + b"\x00" * 100, [".npy"]),
        (b"PK\x05\x06" + b"\x00" * 18, ["is empty"]),
        (b"PK\x03\x04" + b"\x00" * 500, ["cut-short"]),
    ],
)
def test_not_an_npz_file(tmp_path, content, words):
    path = tmp_path / "f.npz"
    path.write_bytes(content)
    refused(known, path, *words)


def test_a_zip_file_of_something_else(tmp_path):
    path = tmp_path / "f.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(known, path, "readme.txt", "np.savez")


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*nothing\.npz"):
        known(tmp_path / "nothing.npz")
    refused(known, tmp_path, "is a folder")
    with pytest.raises(TypeError, match="expected the path"):
        known(7)


def test_a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    refused(known, tmp_path / "pipe.npz", "not a regular file")


@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_anywhere(tmp_path, compressed):
    """Whatever is cut off the end, and wherever bytes are flipped: an error or the same numbers."""
    arrays = train(replicas=4)
    whole = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(whole, **arrays)
    content = whole.getvalue()
    path = tmp_path / "f.npz"
    for length in range(0, len(content), 23):
        path.write_bytes(content[:length])
        refused(known, path)
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        for at in rng.integers(0, len(content), rng.integers(1, 5)):
            damaged[at] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                run = known(path)
        except (ValueError, FileNotFoundError) as error:
            assert "\n" not in str(error) and len(str(error)) < 500
        else:  # the flipped bits were not in what was read
            np.testing.assert_array_equal(run.weight, arrays["W"])


def archive_with(path, key, member):
    """An .npz file whose one array is these bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{key}.npy", member)
        for name, value in train(replicas=2).items():
            if name != key:
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, np.asarray(value))
                archive.writestr(f"{name}.npy", buffer.getvalue())
    return path


def header(text, version=b"\x01\x00"):
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text))
    return b"\x93NUMPY" + version + size + text.encode("latin1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 6, 2, 2)}",
            ["damaged", "header"],
        ),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (-3, -6, 2, 2)}", ["damaged"]),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 300 + ",)}", ["damaged"]),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (3, 6, 2, 2)}", ["pickle"]),
        ("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,)}", ["dtype"]),
        ("{'descr': '<c16', 'fortran_order': False, 'shape': (3,)}", ["dtype"]),
        ("{'descr': '<U100000', 'fortran_order': False, 'shape': (3,)}", ["dtype"]),
        ("{'descr': '<f8', 'shape': (3,)}", ["damaged"]),
        ("(" * 5000, ["damaged"]),
        ("__import__('os').system('false')", ["damaged"]),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}" + " " * 20_000, ["damaged"]),
        ("\x00\xff\n\n", ["damaged"]),
    ],
)
@pytest.mark.parametrize("version", [b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"])
def test_absurd_headers(tmp_path, text, words, version):
    path = archive_with(tmp_path / "f.npz", "W", header(text, version) + b"\x00" * 64)
    refused(known, path, *(words if version in (b"\x01\x00", b"\x02\x00") else ["damaged"]))


def test_a_zip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    """An array that would not fit into the free memory is refused from its header."""
    path = write(tmp_path)
    monkeypatch.setattr(npz.os, "sysconf", lambda name: 100)
    refused(known, path, "memory", "GB")


def test_a_directory_entry_that_lies(tmp_path):
    """The archive's list says more bytes than there are."""
    path = write(tmp_path)
    content = bytearray(path.read_bytes())
    entry = content.rfind(b"W.npy") - 46  # of the central directory
    size = struct.unpack_from("<I", content, entry + 24)[0]
    struct.pack_into("<I", content, entry + 24, size * 1000)
    path.write_bytes(content)
    refused(known, path, "damaged")


BAD = np.array(train(replicas=4)["W"])
NAN = BAD.copy()
NAN[1, 2, 0, 1] = np.nan


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"W": None}, ["unknown key 'W'"]),
        ({"lr": None}, ["unknown key 'lr'"]),
        ({"W": NAN}, ["weight (key 'W') is nan", "1, 2, 0, 1"]),
        ({"W": np.where(np.isnan(NAN), np.inf, BAD)}, ["is inf"]),
        ({"W": BAD[:0]}, ["(0, 3, 2, 2)", "empty"]),
        ({"W": BAD[:, :0]}, ["(4, 0, 2, 2)"]),
        ({"W": BAD[0]}, ["(3, 2, 2)", "replica, time, row, col"]),
        ({"W": BAD[..., :1]}, ["2 x 1", "WᵀW"]),
        ({"W": BAD[:, :2]}, ["3 times", "2 are recorded"]),
        ({"W": BAD.astype(str)}, ["dtype"]),
        ({"W": BAD.astype(complex)}, ["dtype"]),
        ({"W": BAD > 0}, ["dtype bool"]),
        ({"W": np.full_like(BAD, 1.7e308)}, ["infinities"]),
        ({"lr": np.float64(0)}, ["learning_rate (key 'lr') is 0"]),
        ({"lr": np.float64(np.nan)}, ["learning_rate (key 'lr') is nan"]),
        ({"lr": np.array([0.1, 0.2])}, ["expected one number"]),
        ({"lr": np.array("fast")}, ["dtype"]),
        ({"batch_size": np.float64(16.5)}, ["16.5", "whole number"]),
        ({"batch_size": np.int64(-1)}, ["batch_size", "-1"]),
        ({"batch_size": np.float64(1e300)}, ["whole number"]),
        ({"noise": np.float64(-1)}, ["noise"]),
        ({"epochs": np.int64(8)}, ["5 times", "3 are recorded"]),
        ({"epochs": np.float64(1e15)}, ["more records"]),
    ],
)
def test_wrong_arrays(tmp_path, changed, words):
    refused(known, write(tmp_path, **changed), *words)


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"weigth": "W"}, ["weigth", "did you mean 'weight'"]),
        ({"weight": "w"}, ["unknown key 'w'", "did you mean 'W'"]),
        ({"weight": 3}, ["weight"]),
        ({"weight": [[1], [2, 3]]}, ["weight must be real numbers"]),
        ({"eigenvalue": "loss"}, ["both weight and eigenvalue"]),
        ({"matrix": "V"}, ["matrix must be"]),
        ({"matrix": None}, ["matrix must be"]),
        ({"learning_rate": "nan"}, ["learning_rate"]),
        ({"learning_rate": 10**400}, ["learning_rate must be real numbers"]),
        ({"batch_size": True}, ["batch_size"]),
        ({"step": [0, 200]}, ["2 times", "3 are recorded"]),
        ({"step": [0, 400, 200]}, ["increasing"]),
        ({"step": [0, 0.5, 1]}, ["whole"]),
        ({"step": "loss"}, ["step (key 'loss')", "(time)"]),
        ({"time": [-1, 0, 1]}, [">= 0"]),
        ({"time": [0, 1, np.inf]}, ["inf"]),
        ({"target": [1, 2, 3]}, ["3 values", "expected 2"]),
        ({"target": "high"}, ["unknown key 'high'"]),
        ({"target": [[1, 2]]}, ["target"]),
    ],
)
def test_wrong_mappings(file, mapping, words):
    def call(path):
        return read_npz(path, {**MAPPING, **mapping})

    if "weigth" in mapping:
        with pytest.raises(ValueError, match=r"weigth.*did you mean 'weight'"):
            call(file)
    else:
        refused(call, file, *words)


@pytest.mark.parametrize("name", ["matrix", "learning_rate", "batch_size", "step", "target", "weight"])
def test_missing_from_the_mapping(file, name):
    mapping = {k: v for k, v in MAPPING.items() if k != name}
    refused(lambda p: read_npz(p, mapping), file, "time" if name == "step" else name)


def test_unknown_format_and_mapping_type(file):
    with pytest.raises(ValueError, match="did you mean 'teacher-student'"):
        read_npz(file, format="teacher_student")
    with pytest.raises(TypeError, match="mapping must be"):
        read_npz(file, mapping=[("weight", "W")])


def test_formats_name_known_fields():
    for known_format in FORMATS.values():
        assert set(known_format.mapping) <= set(FIELDS)


# ---------------------------------------------------------------- importing


def test_import_writes_all_or_nothing(tmp_path, without_svg):
    first, second = write(tmp_path, "one.npz"), write(tmp_path, "two.npz", lr=np.float64(0.3))
    out = tmp_path / "new" / "published"
    pages = import_files("teacher-student", [first, second], out, BATCHES, command="dyson-sgd import <&>")
    assert pages == [out / "index.html", out / "one" / "report.html", out / "two" / "report.html"]
    assert sorted(p.name for p in out.iterdir()) == ["checks.json", "index.html", "one", "two"]
    for name in ("one", "two"):
        assert {"report.html", "checks.json", "data.zarr"} <= {p.name for p in (out / name).iterdir()}
    summary = json.loads((out / "checks.json").read_text(encoding="utf-8"))
    assert set(summary) == {"one", "two"}
    index = pages[0].read_text(encoding="utf-8")
    assert "one/report.html" in index and "dyson-sgd import &lt;&amp;&gt;" in index
    assert [p.name for p in out.parent.iterdir()] == ["published"]


def test_import_refuses_before_it_writes(tmp_path):
    good, bad = write(tmp_path, "good.npz"), tmp_path / "bad.npz"
    bad.write_bytes(good.read_bytes()[:5000])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match="cut-short"):
        import_files("teacher-student", [good, bad], tmp_path / "a" / "b", BATCHES)
    with pytest.raises(ValueError, match="two files are called 'Good'"):
        import_files("teacher-student", [good, tmp_path / "x" / "Good.npz"], tmp_path / "out", BATCHES)
    with pytest.raises(ValueError, match="no files"):
        import_files("teacher-student", [], tmp_path / "out")
    with pytest.raises(TypeError, match="list of paths"):
        import_files("teacher-student", good, tmp_path / "out")
    with pytest.raises(FileExistsError, match="not empty"):
        import_files("teacher-student", [good], tmp_path, BATCHES)
    with pytest.raises(ValueError, match="did you mean"):
        import_files("teacher", [good], tmp_path / "out", BATCHES)
    assert sorted(tmp_path.iterdir()) == before


def test_import_leaves_nothing_when_a_page_fails(tmp_path, monkeypatch):
    good = write(tmp_path, "good.npz")

    def fail(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(published, "report", fail)
    with pytest.raises(KeyboardInterrupt):
        import_files("teacher-student", [good], tmp_path / "deep" / "er" / "out", BATCHES)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good.npz"]
