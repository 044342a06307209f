"""What an earlier version wrote opens with today's names, or is refused with the version that wrote it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import compare
from compare import CheckResult, check, load, save, translated, validate
from compare.studies import campaign as campaigns
from compare.studies.scaling.figures import scaling_figure
from tests.compare.ensembles import closed_form

FILES = Path(__file__).parents[1] / "files"
"""``report rbm`` with three levels and a sweep, and a campaign, of dyson-sgd 0.1.0 (layout version 1)."""


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    for name in ("results-version-1.zip", "campaign-version-1.zip"):
        with zipfile.ZipFile(FILES / name) as archive:
            archive.extractall(folder)
    return folder


def test_results_open_with_the_names_of_today(old, tmp_path):
    tree = load(old)
    pair = tree["theory/pair"].to_dataset()
    assert pair["width"].dims == ("multiplet",) and pair.multiplet_target.values.tolist() == [5.0, 2.0]
    assert pair.multiplet_size.values.tolist() == [1, 2] and pair.attrs["level"] == "pair"
    sweep = tree["scaling"].to_dataset()
    assert sweep["width"].dims == ("point", "multiplet") and "multiplet_finite_alpha" in sweep
    assert "level" not in {*sweep.dims, *sweep.variables, *pair.dims, *pair.variables}
    assert "multiplet" in scaling_figure(sweep).get_label()
    again = load(save(tree, tmp_path / "data.zarr"))
    assert again.attrs["schema_version"] == 2 and again.identical(tree)


def test_old_and_new_checks_are_the_same(old):
    stored = CheckResult.from_json((old / "checks.json").read_text(encoding="utf-8"))
    assert {row.label for row in stored.rows if row.quantity == "width"} == {
        "multiplet 0 (x = 5)",
        "multiplet 1 (x = 2)",
    }
    made = check(load(old))
    assert [row.label for row in made.rows] == [row.label for row in stored.rows]
    assert [row.verdict for row in made.rows] == [row.verdict for row in stored.rows]
    np.testing.assert_allclose(
        [r.deviation for r in made.rows], [r.deviation for r in stored.rows], atol=1e-12
    )


def test_a_campaign_opens_and_goes_on(old):
    store = old / "store"
    plane = campaigns.plane(store)
    assert plane["width"].dims == ("learning_rate", "batch_size", "multiplet")
    ((_, tree, result),) = campaigns.judged(store)
    assert set(tree["theory"].children) == {"pair", "dyson"} and result.rows
    assert campaigns.Store(store).verify() == []


def test_a_dataset_from_elsewhere_is_told_how():
    now = closed_form()
    then = now.rename(multiplet="level", multiplet_target="level_target", multiplet_size="level_size")
    with pytest.raises(
        ValueError, match=r"level: is what versions before 0\.2 called a multiplet; .*translated"
    ):
        validate(then)
    assert translated(then).identical(now) and translated(now) is now
    with pytest.raises(ValueError, match="beside its name of version 1"):
        translated(then.assign_coords(multiplet_size=then["level_size"]))


@pytest.mark.parametrize("version", [0, 3, None, "2"])
def test_other_versions_are_refused_with_who_wrote_them(old, tmp_path, version):
    store = save(load(old), tmp_path / "data.zarr")
    for file, change in (
        ("zarr.json", {"schema_version": version}),
        ("experiment/zarr.json", {"version": "9.8"}),
    ):
        content = json.loads((store / file).read_text(encoding="utf-8"))
        content["attributes"] |= change
        (store / file).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"schema_version .*, written by dyson-sgd 9\.8; this version reads 1 and 2"
    ):
        compare.load(store)
    checks = json.loads((old / "checks.json").read_text(encoding="utf-8")) | {"schema_version": version}
    with pytest.raises(ValueError, match=r"the file of checks has schema_version .* dyson-sgd unknown"):
        CheckResult.from_json(json.dumps(checks))
