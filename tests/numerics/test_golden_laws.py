"""Laws of published tables, to the digits that were found before by NNLS over a grid of exponents."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from transferscope.numerics.hull import upper_hull
from transferscope.numerics.law_profile import floor_profile
from transferscope.numerics.power_law import fit_power_law

TABLES = Path(__file__).parents[1] / "tables"
OPENCLIP = pd.read_csv(TABLES / "openclip.csv")
SOUPS = pd.DataFrame([json.loads(line) for line in (TABLES / "soups.jsonl").read_text().splitlines()])


@pytest.mark.parametrize(
    ("task", "rmse", "of_hull", "of_all"),
    [
        ("Caltech-101", 0.038, 0.054, 0.042),
        ("SUN397", 0.029, 0.241, 0.228),
        ("CIFAR-10", 0.081, 0.008, 0.020),
        ("Food-101", 0.025, 0.0, 0.0),
        ("Describable Textures", 0.041, 0.225, 0.0),
        ("PatchCamelyon", 0.055, 0.310, 0.406),
    ],
)
def test_openclip(task: str, rmse: float, of_hull: float, of_all: float) -> None:
    us, ds = OPENCLIP["ImageNet 1k"].to_numpy(), OPENCLIP[task].to_numpy()
    law, hull = (
        fit_power_law(1 - us, 1 - ds),
        upper_hull(us, ds),
    )  # with the descending tail, as the numbers were found
    assert law.n == 121
    assert (law.rmse, law.floor) == pytest.approx((rmse, of_all), abs=0.00051)
    assert fit_power_law(1 - hull.x, 1 - hull.y).floor == pytest.approx(of_hull, abs=0.00051)


def test_openclip_caltech_in_full() -> None:
    law = fit_power_law(1 - OPENCLIP["ImageNet 1k"], 1 - OPENCLIP["Caltech-101"])
    assert (law.k, law.alpha) == pytest.approx((0.84, 2.61), abs=0.0051)
    assert fit_power_law(1 - OPENCLIP["ImageNet 1k"], 1 - OPENCLIP["PatchCamelyon"]).r2 == pytest.approx(
        0.03, abs=0.005
    )


def test_soups() -> None:
    us, ds = SOUPS["ImageNet"].to_numpy(), SOUPS["ImageNetV2"].to_numpy()
    law, hull = fit_power_law(1 - us, 1 - ds), upper_hull(us, ds)
    assert (law.n, round(law.rmse, 3), round(law.floor, 3)) == (72, 0.004, 0.277)
    assert fit_power_law(1 - hull.x, 1 - hull.y).floor == pytest.approx(0.308, abs=0.0005)
    of_r = upper_hull(us, SOUPS["ImageNetR"].to_numpy())
    assert (len(of_r.x), of_r.tail) == (8, 5)


@pytest.mark.real
def test_timm_validation_against_real_labels() -> None:
    folder = os.environ.get("TRANSFERSCOPE_REAL_DATA")
    if not folder:
        pytest.skip("TRANSFERSCOPE_REAL_DATA is not set: no folder of real data")
    key = ["model", "img_size", "crop_pct", "interpolation"]
    us, ds = (pd.read_csv(Path(folder) / "tables" / f"timm_results-imagenet{of}.csv") for of in ("", "-real"))
    both = us.merge(ds, on=key, suffixes=("_us", "_ds"))
    x, y = both["top1_err_us"].to_numpy() / 100, both["top1_err_ds"].to_numpy() / 100
    law, profile = fit_power_law(x, y), floor_profile(x, y)
    assert (law.k, law.alpha, law.floor) == pytest.approx((1.10, 1.54, 0.050), abs=0.005)
    assert profile.identified and np.round([profile.low, profile.high], 3).tolist() == [0.049, 0.051]
    hull = upper_hull(1 - x, 1 - y)
    assert len(hull.x) == 15 and fit_power_law(1 - hull.x, 1 - hull.y).floor == pytest.approx(0.051, abs=0.0005)
