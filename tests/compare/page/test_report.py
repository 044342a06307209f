"""The results folder: what is on the page, that it is self-contained, escaped, and whole or absent."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import compare.layout.store
from compare import CheckResult, align, check, load, plots
from compare.page import Section, report
from compare.page.content import content, summary
from compare.page.html import rendered
from compare.studies.scaling.figures import scaling_figure
from tests.compare import spectra


def three_levels(seed: int = 1, **options) -> xr.DataTree:
    run = spectra.run(seed, **options)
    theory = {
        "pair": spectra.pair(time=run.time),
        "dyson": spectra.run(seed + 1, level="dyson", **options),
        "matrix": spectra.run(seed + 2, level="matrix", **options),
    }
    return align(experiment=run, theory=theory)


@pytest.fixture(scope="module")
def tree():
    return three_levels()


@pytest.fixture(scope="module")
def small():
    """A tree whose page is made quickly."""
    return align(spectra.run(1, (3.0, 1.0), replicas=20, times=5), {"pair": spectra.pair((3.0, 1.0))})


@pytest.fixture(scope="module")
def folder(tree, tmp_path_factory):
    out = tmp_path_factory.mktemp("reports") / "results"
    report(tree, out, command="dyson-sgd report rbm --seed 1 --out 'a & b'")
    return out


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Tags that are opened and closed properly, the text, and everything that points elsewhere."""

    VOID = ("meta", "link", "br", "img", "hr", "input")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ("href", "src", "xlink:href", "action", "data") and v]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def test_folder_holds_page_checks_and_data(folder, tree):
    assert sorted(p.name for p in folder.iterdir()) == ["checks.json", "data.zarr", "report.html"]
    assert [p.name for p in folder.parent.iterdir()] == ["results"]
    again = load(folder)
    xr.testing.assert_identical(again["experiment"].to_dataset(), tree["experiment"].to_dataset())
    result = CheckResult.from_json((folder / "checks.json").read_text(encoding="utf-8"))
    assert result.to_json() == check(tree).to_json()


def test_folder_can_be_entered_like_any_other(folder):
    mask = os.umask(0)
    os.umask(mask)
    assert folder.stat().st_mode & 0o777 == 0o777 & ~mask


def test_page_is_self_contained(page):
    reader = read(page)
    assert not {"script", "link", "iframe", "object", "embed", "img"} & set(reader.tags)
    assert all(link.startswith("#") or link in ("data.zarr/", "checks.json") for link in reader.links)
    assert "@import" not in page and not re.search(r"url\((?!#)", page)
    assert "prefers-color-scheme: dark" in page and "@media print" in page and 'name="viewport"' in page
    assert reader.tags.count("svg") == 6 and len(page) < 3_000_000


def test_identifiers_are_unique_and_point_somewhere(page):
    names = re.findall(r' id="([^"]+)"', page)
    assert len(names) == len(set(names))
    used = set(re.findall(r'href="#([^"]+)"', page)) | set(re.findall(r"url\(#([^)]+)\)", page))
    assert used <= set(names)


def test_headline_counts_the_deciding_level(page, tree):
    counts = check(tree).counts["matrix"]
    expected = (
        f"SGD agrees with level matrix in {counts['agrees']} of {sum(counts.values())} checks; "
        f"differs in {counts['differs']} ; cannot tell in {counts['cannot tell']} ."
    )
    assert expected in read(page).text


def test_every_check_is_on_the_page(page, tree):
    rows = check(tree).rows
    assert page.count("<tr><td>") >= len(rows)
    badges = re.findall(r'<td><span class="badge \w+">(agrees|differs|cannot tell)</span>', page)
    assert sorted(badges) == sorted(r.verdict for r in rows)


def test_page_says_how_it_was_made(page, folder):
    text = read(page).text
    for words in (
        "dyson-sgd report rbm --seed 1 --out 'a & b'",
        "learning rate α 0.1",
        "batch size |B| 64",
        "mu2 9",
        f"numpy {np.__version__}",
        f"xarray {xr.__version__}",
        "60 replicas of a Gaussian RBM with 10 modes",
    ):
        assert words in text
    assert "UTC" in text


def test_deviations_are_signed_as_the_heading_says(tmp_path, without_svg):
    run = spectra.run(1, (4.0,), replicas=200)
    theory = spectra.run(2, (4.0,), level="dyson", replicas=200, shift=0.05)
    page = report(align(run, {"dyson": theory}), tmp_path / "out").read_text(encoding="utf-8")
    table = page[page.index("Stationary means") : page.index("Widths σ")]
    assert re.search(r"<td class=\"n\">−(4|5)\.\d+\(\d+\) % <span class=\"mark differs\"", table)


HOSTILE = "<script>alert('x')</script>\"&{{ 7 * 7 }}"


def test_everything_from_outside_is_escaped(tmp_path):
    run = spectra.run(1, replicas=20, times=5)
    run.attrs |= {"model": HOSTILE, "version": HOSTILE, "matrix": HOSTILE, "extra": HOSTILE}
    run.attrs["parameters"] = json.dumps({HOSTILE: HOSTILE, "nested": {"list": [HOSTILE, 1]}})
    run = spectra.diverge(run, 0, 50.0)
    run["diverged"].attrs["reason"] = HOSTILE
    theory = spectra.run(2, level="dyson", replicas=20, times=5)
    theory.attrs |= {"model": HOSTILE, "matrix": HOSTILE}
    tree = align(run, {"dyson": theory})
    tree.attrs["notes"] = [HOSTILE]
    section = Section(HOSTILE, HOSTILE, None, [[HOSTILE], [HOSTILE]])
    page = report(tree, tmp_path / "out", HOSTILE, title=HOSTILE, extra_sections=[section]).read_text("utf-8")
    assert "<script" not in page and "49" not in read(page).text.split("Figures")[0]
    assert read(page).text.count(HOSTILE) >= 10


def test_title_may_be_chosen_and_else_names_the_levels(page, small, tmp_path, without_svg):
    assert "<title>Gaussian RBM: SGD against pair, dyson and matrix</title>" in page
    other = report(small, tmp_path / "out", title="A title").read_text("utf-8")
    assert "<title>A title</title>" in other and "<h1>A title</h1>" in other


def test_check_that_is_given_is_shown(small, tmp_path, without_svg):
    strict = check(small, margin=1e-9, level="pair")
    page = report(small, tmp_path / "out", check=strict).read_text("utf-8")
    assert "level <code>pair</code>" in page
    stored = CheckResult.from_json((tmp_path / "out" / "checks.json").read_text("utf-8"))
    assert stored.margins["width"] == 1e-9


def test_verdict_by_all_levels(small, tmp_path, without_svg):
    page = report(small, tmp_path / "out", check=check(small, level="all")).read_text("utf-8")
    assert "SGD agrees with every level in" in read(page).text


def test_extra_sections_with_figure_and_table(small, tmp_path):
    points = spectra.sweep()
    section = Section("Linear scaling", "First.\n\nSecond.", scaling_figure(points), [["a", "b"], ["1", "2"]])
    page = report(small, tmp_path / "out", extra_sections=[section]).read_text("utf-8")
    text = read(page).text
    assert "Linear scaling First. Second." in text and "Figure 7. Linear scaling: 12 runs" in text
    with pytest.raises(TypeError, match="Section"):
        report(small, tmp_path / "other", extra_sections=["text"])


PAIR, THREE, TRIPLE, DARK = (2.0, 2.0), (3.0, 2.0, 1.0), (4.0, 4.0, 4.0), (0.0, 0.0)
FEW = {"replicas": 20, "times": 5}
UNUSUAL = {
    "Close-up of pair 0": (spectra.run(1, PAIR, 80, 6), spectra.pair(PAIR)),
    "no multiplet of two modes": (spectra.run(1, THREE, **FEW), spectra.pair(THREE)),
    "There is no theory beside this experiment": (spectra.run(1, THREE, **FEW), None),
    "A single replica gives no error": (spectra.run(1, replicas=1, times=9), spectra.pair()),
    "no growth to time": (spectra.run(1, PAIR, grow=False, **FEW), spectra.pair(PAIR)),
    "a single time was recorded": (spectra.run(1, PAIR, replicas=20, times=1), spectra.pair(PAIR)),
    "no closed form": (spectra.run(1, TRIPLE, **FEW), spectra.pair(TRIPLE)),
    "2 modes with target 0 left out": (spectra.run(1, (5.0, 0.0, 0.0), **FEW), None),
    "cannot tell": (spectra.run(1, DARK, **FEW), spectra.pair(DARK)),
    "T = α/|B| = 0": (spectra.run(1, PAIR, noise_level=0.0, **FEW), spectra.pair(PAIR, noise_level=0.0)),
    "1 of 60 replicas diverged at t = 35": (
        spectra.diverge(spectra.run(1, PAIR), 3, 35.0),
        spectra.pair(PAIR),
    ),
}
"""What the page says of runs that are not as usual."""

AS_FILES = "a single time was recorded", "There is no theory beside this experiment"
"""These have the fewest figures: written, and read again."""

DEGENERATE = "A single replica gives no error", "cannot tell", "T = α/|B| = 0"
"""Here a figure's axes or errors have no extent: turned into SVG, which the others' are in the slow run."""


def unusual(words: str) -> xr.DataTree:
    run, theory = UNUSUAL[words]
    return align(run, {"pair": theory}) if theory else xr.DataTree.from_dict({"/experiment": run})


def test_the_summary_tells_what_was_lost():
    tree = unusual("1 of 60 replicas diverged at t = 35")
    said = summary(plots.scene(tree), check(tree))
    assert any("1 of 60 replicas diverged at t = 35" in sentence for sentence in said)


@pytest.mark.parametrize("words", UNUSUAL)
def test_unusual_runs(words, request):
    if words not in DEGENERATE:
        request.getfixturevalue("without_svg")
    tree = unusual(words)
    html = rendered(content(tree, plots.scene(tree), check(tree), None, None, []))
    assert words in read(html).text


@pytest.mark.parametrize(
    "words", [pytest.param(w, marks=[pytest.mark.slow] * (w not in AS_FILES)) for w in UNUSUAL]
)
def test_unusual_runs_become_folders(words, tmp_path):
    path = report(unusual(words), tmp_path / "out")
    assert words in read(path.read_text("utf-8")).text
    load(tmp_path / "out")


def test_a_hundred_modes_make_a_page_of_bearable_size(tmp_path):
    target = tuple(np.linspace(10, 0.1, 100))
    options = {"target": target, "replicas": 20, "times": 21, "noise_level": 1e-5}
    theory = {
        name: spectra.run(k, level=name, **options) for k, name in enumerate(("dyson", "matrix", "gas"))
    }
    page = report(align(spectra.run(9, **options), theory), tmp_path / "out")
    assert page.stat().st_size < 3_000_000


def test_used_folders_are_refused_before_any_work(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not empty"):
        report("not even a tree", tmp_path / "full")
    with pytest.raises(FileExistsError, match="is a file"):
        report("not even a tree", tmp_path / "full" / "mine.txt")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError, match="is a link"):
        report("not even a tree", tmp_path / "dangling")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_empty_folders_and_missing_parents_are_used(small, tmp_path, monkeypatch, without_svg):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "a/b/c"):
        assert report(small, name) == Path(name) / "report.html"
        assert (tmp_path / name / "report.html").is_file()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_is_left_after_a_failure(small, tmp_path, monkeypatch, error, without_svg):
    def full_disk(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(compare.layout.store, "save", full_disk)
    with pytest.raises(type(error)):
        report(small, tmp_path / "deep" / "down" / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_came_into_use_meanwhile_is_not_touched(small, tmp_path, monkeypatch, without_svg):
    save = compare.layout.store.save

    def slow_save(tree, path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "theirs").write_text("theirs")
        return save(tree, path)

    monkeypatch.setattr(compare.layout.store, "save", slow_save)
    with pytest.raises(FileExistsError, match="not empty"):
        report(small, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["theirs"]


@pytest.mark.parametrize("wrong", [None, 1, "tree", xr.Dataset()])
def test_wrong_trees_leave_nothing(wrong, tmp_path):
    with pytest.raises((TypeError, ValueError)):
        report(wrong, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_diverged_altogether_is_refused(tmp_path):
    run = spectra.run(1, replicas=1, times=5)
    tree = xr.DataTree.from_dict({"/experiment": spectra.diverge(run, 0, 25.0)})
    with pytest.raises(ValueError, match="every replica"):
        report(tree, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
