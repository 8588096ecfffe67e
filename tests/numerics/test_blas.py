import numpy as np
import pytest

from transferscope.numerics import blas


@pytest.fixture
def counts():
    controls = blas._controls()
    if not controls:
        pytest.skip("NumPy's BLAS has no number of threads to be set here")
    return lambda: [get() for get, _ in controls]


def test_one_thread_inside_and_what_there_was_after(counts):
    before = counts()
    with blas.one_blas_thread():
        assert set(counts()) == {1}
        with blas.one_blas_thread():
            assert set(counts()) == {1}
        assert set(counts()) == {1}  # the inner block does not restore
    assert counts() == before


def test_restored_after_an_error(counts):
    before = counts()
    with pytest.raises(np.linalg.LinAlgError), blas.one_blas_thread():
        np.linalg.inv(np.zeros((2, 2)))
    assert counts() == before
