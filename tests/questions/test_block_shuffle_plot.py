import io
import warnings

import matplotlib as mpl
import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.questions.block_shuffle.measure import BlockRun, BlockShuffle


def result(targets=("clipart", "xray"), seeds=2, pictures=True):
    runs = []
    for target in targets:
        for i, block in enumerate(("*", "1", "4", "8")):
            for role, level in (("P-T", 0.4), ("RI-T", 0.3)):
                for seed in range(seeds):
                    metric = "auc" if target == "xray" else "accuracy"
                    final = level + 0.1 * i + 0.01 * seed
                    runs.append(
                        BlockRun(block, target, role, f"{role} {seed}", seed, 0.1, metric, final, final, "finished")
                    )
    shown = {
        t: {b: np.full((2, 8, 8, 1 if t == "xray" else 3), 9, np.uint8) for b in ("*", "1", "4", "8")}
        for t in targets
    }
    return BlockShuffle(8, tuple(runs), dict.fromkeys(targets, 100), None, False, (), shown if pictures else {})


def drawn(made, **options):
    before = dict(mpl.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fig = made.plot(**options)
        fig.savefig(io.BytesIO(), format="png")
    assert dict(mpl.rcParams) == before
    return fig


def test_final_metric_and_speed_over_block_size():
    made = result()
    fig = drawn(made)
    left, right = fig.get_axes()
    for ax in (left, right):
        assert [t.get_text() for t in ax.get_xticklabels()] == ["*", "1", "4", "8"]
        assert len(ax.patches) == 2 * 4 * 3  # light and outline of P-T, solid RI-T
    first = made.group("clipart", "*", "P-T")
    assert [p.get_height() for p in left.patches[:3]] == pytest.approx([40.5, 30.5, 40.5])
    assert left.patches[0].get_height() == pytest.approx(100 * first.final.value)
    drops = [t.get_text().strip() for t in left.texts if t.get_rotation()]
    want = [made.drop(t, b).value for t in ("clipart", "xray") for b in ("*", "1", "4", "8")]
    assert drops == [f"{v:.0f}" for v in want]
    assert left.get_ylabel() == "AUC or accuracy (%)" and right.get_title(loc="left") == "Optimisation speed"
    told = [t.get_text() for t in fig.legends[0].get_texts()]
    assert told == ["clipart", "xray", "P-T (light, outlined; a line where RI-T is higher)", "RI-T (solid)"]
    solid = {p.get_hatch() for p in left.patches if p.get_fill() and p.get_alpha() is None}
    assert len(solid) == 2  # targets can be told apart without colour


def test_one_seed_has_no_error_bars():
    [left, _] = drawn(result(("clipart",), seeds=1)).get_axes()
    assert not left.containers or all(type(c).__name__ != "ErrorbarContainer" for c in left.containers)
    assert left.get_ylabel() == "accuracy (%)"


def test_what_is_missing_is_left_out():
    made = result(("clipart",))
    runs = tuple(r for r in made.runs if (r.block, r.role) != ("4", "RI-T"))
    [left, _] = drawn(BlockShuffle(8, runs, made.test_images, None, False, (), {})).get_axes()
    assert len(left.patches) == 4 * 3 - 1 and len([t for t in left.texts if t.get_rotation()]) == 3


def test_pictures_from_whole_to_shuffled():
    axes = drawn(result(), kind="pictures").get_axes()
    assert len(axes) == 4 * 4 and all(len(ax.images) == 1 for ax in axes)
    assert [ax.get_title() for ax in axes[:4]] == ["unshuffled", "4×4", "1×1", "*"]
    assert [axes[i].get_ylabel() for i in (0, 4, 8, 12)] == ["clipart", "", "xray", ""]
    with pytest.raises(UsageError, match="no pictures were kept"):
        result(pictures=False).plot(kind="pictures")
