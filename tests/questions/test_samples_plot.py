import io
import warnings

import matplotlib as mpl
import numpy as np

from transferscope.questions.samples.measure import samples


def test_a_row_a_title():
    pictures = {
        "photo": np.arange(3 * 48, dtype=np.uint8).reshape(3, 4, 4, 3),
        "xray, blocks of 4×4": np.zeros((1, 4, 4, 1), np.uint8),
    }
    labels = {"photo": ["cat", "dog", "a name that is far too long"], "xray, blocks of 4×4": ["Edema"]}
    before = dict(mpl.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fig = samples(pictures, labels).plot()
        fig.savefig(io.BytesIO(), format="png")
    assert dict(mpl.rcParams) == before
    axes = fig.get_axes()
    assert [len(ax.images) for ax in axes] == [1, 1, 1, 1, 0, 0]
    np.testing.assert_array_equal(axes[1].images[0].get_array(), pictures["photo"][1])
    assert [ax.get_xlabel() for ax in axes[:2]] == ["cat", "dog"] and axes[2].get_xlabel().endswith("…")
    assert axes[0].get_ylabel() == "photo" and axes[3].get_ylabel().replace("\n", " ") == "xray, blocks of 4×4"
    assert axes[3].images[0].get_clim() == (0, 255)  # grey images are not stretched
