"""A figure drawn as a user would, without a warning and without a trace in matplotlib's settings."""

import io
import warnings

import matplotlib as mpl


def drawn(made):
    before = dict(mpl.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fig = made.plot()
        fig.savefig(io.BytesIO(), format="png")
    assert dict(mpl.rcParams) == before
    return fig
