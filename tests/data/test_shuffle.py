import numpy as np
import pytest
import torch

from transferscope.data.shuffle import check_block, divisors, restore_blocks, shuffle_blocks
from transferscope.errors import UsageError
from transferscope.rng import numpy_generator


def draw(shape, dtype=np.uint8, seed=0):
    values = np.random.default_rng(seed).integers(0, 256, shape)
    return values.astype(dtype)


def drawn(count, *path):
    """The first permutation of the stream that moves something."""
    stream = numpy_generator("block shuffle", *path)
    while True:
        found = stream.permutation(count)
        if count == 1 or (np.diff(found) != 1).any():
            return found


def slow(images, block, seed):
    """Block by block, in loops, ``(n, h, w, c)``."""
    n, h, w, c = images.shape
    out = np.empty_like(images)
    if block == "*":
        order = drawn(h * w * c, "*", seed, h, w, c)
        for i in range(n):
            for to, come_from in enumerate(order):
                out[i].flat[to] = images[i].flat[come_from]
        return out
    rows, columns = h // block, w // block
    order = drawn(rows * columns, block, seed, h, w)
    for to, come_from in enumerate(order):
        (y, x), (v, u) = divmod(to, columns), divmod(int(come_from), columns)
        for a in range(block):
            for b in range(block):
                out[:, y * block + a, x * block + b] = images[:, v * block + a, u * block + b]
    return out


@pytest.mark.parametrize("block", [1, 2, 3, 6, "*"])
@pytest.mark.parametrize(("size", "channels"), [((12, 12), 3), ((12, 12), 1), ((6, 12), 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.float16])
def test_equals_the_plain_loop_in_every_layout(block, size, channels, dtype):
    x = draw((3, *size, channels), dtype)
    want = slow(x, block, 5)
    assert not np.array_equal(want, x) or block == size[0] == size[1]
    np.testing.assert_array_equal(shuffle_blocks(x, block, seed=5), want)
    np.testing.assert_array_equal(
        shuffle_blocks(x.transpose(0, 3, 1, 2), block, seed=5, layout="nchw"), want.transpose(0, 3, 1, 2)
    )
    t = torch.from_numpy(x)
    assert torch.equal(shuffle_blocks(t, block, seed=5), torch.from_numpy(want))
    first = t.permute(0, 3, 1, 2)  # not contiguous
    assert torch.equal(
        shuffle_blocks(first, block, seed=5, layout="nchw").permute(0, 2, 3, 1), torch.from_numpy(want)
    )


@pytest.mark.parametrize("block", [1, 2, 4, 8, 16])
def test_equals_unfold_and_fold(block):
    x = torch.from_numpy(draw((4, 3, 16, 16), np.float32))
    order = torch.from_numpy(drawn((16 // block) ** 2, block, 7, 16, 16))
    pieces = torch.nn.functional.unfold(x, block, stride=block)
    want = torch.nn.functional.fold(pieces[:, :, order], (16, 16), block, stride=block)
    assert torch.equal(shuffle_blocks(x, block, seed=7, layout="nchw"), want)


@pytest.mark.parametrize("block", [1, 2, 4, 8, "*"])
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_can_be_undone_and_keeps_all_values(block, layout):
    x = draw((5, 8, 8, 3) if layout == "nhwc" else (5, 3, 8, 8))
    moved = shuffle_blocks(x, block, seed=2, layout=layout)
    np.testing.assert_array_equal(restore_blocks(moved, block, seed=2, layout=layout), x)
    np.testing.assert_array_equal(np.sort(moved.reshape(5, -1)), np.sort(x.reshape(5, -1)))


def test_one_permutation_for_all_images_of_a_seed():
    x = draw((6, 8, 8, 3))
    whole = shuffle_blocks(x, 2, seed=1)
    np.testing.assert_array_equal(np.concatenate([shuffle_blocks(x[i : i + 1], 2, seed=1) for i in range(6)]), whole)
    assert not np.array_equal(shuffle_blocks(x, 2, seed=2), whole)
    colours = np.broadcast_to(np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1), (1, 8, 8, 3))
    one = shuffle_blocks(colours, 1)
    assert (one == one[..., :1]).all()  # the channels of a pixel stay together
    assert (shuffle_blocks(colours, "*") != one[..., :1]).any()


def test_no_seed_leaves_all_in_place():
    x = draw((1, 4, 8, 1))
    assert all(not np.array_equal(shuffle_blocks(x, 4, seed=seed), x) for seed in range(20))  # two blocks


def test_a_block_as_large_as_the_image_moves_nothing_and_is_a_copy():
    x = draw((2, 8, 8, 3))
    same = shuffle_blocks(x, 8)
    np.testing.assert_array_equal(same, x)
    assert not np.shares_memory(same, x)


def test_results_go_into_a_buffer_that_is_kept():
    x = draw((4, 8, 8, 3))
    out = np.empty_like(x)
    assert shuffle_blocks(x, 2, out=out) is out
    np.testing.assert_array_equal(out, slow(x, 2, 0))
    t = torch.from_numpy(draw((4, 3, 8, 8), np.float32)).to(torch.bfloat16)
    kept = torch.empty_like(t)
    assert shuffle_blocks(t, "*", layout="nchw", out=kept) is kept
    assert torch.equal(kept.float(), shuffle_blocks(t.float(), "*", layout="nchw"))
    changed = x.copy()
    shuffle_blocks(changed, 4, out=changed)
    np.testing.assert_array_equal(changed, slow(x, 4, 0))


def test_gradients_pass_through():
    x = torch.from_numpy(draw((2, 3, 8, 8), np.float64)).requires_grad_()
    y = shuffle_blocks(x, 2, layout="nchw")
    assert torch.equal(y.detach(), shuffle_blocks(x.detach(), 2, layout="nchw"))
    weight = torch.from_numpy(draw((2, 3, 8, 8), np.float64, 1))
    (y * weight).sum().backward()
    assert torch.equal(x.grad, restore_blocks(weight, 2, layout="nchw"))


def test_numbers_of_other_types_mean_the_same():
    x = draw((1, 8, 8, 3))
    # In either order: what was drawn before must not matter.
    np.testing.assert_array_equal(shuffle_blocks(x, np.int64(2), seed=np.int64(11)), shuffle_blocks(x, 2, seed=11))
    np.testing.assert_array_equal(shuffle_blocks(x, 4, seed=11), shuffle_blocks(x, np.int32(4), seed=np.int64(11)))
    np.testing.assert_array_equal(shuffle_blocks(x, np.int64(2), seed=12), slow(x, 2, 12))


def test_no_images():
    assert shuffle_blocks(np.zeros((0, 8, 8, 3), np.uint8), 2).shape == (0, 8, 8, 3)
    assert shuffle_blocks(torch.zeros(0, 3, 8, 8), "*", layout="nchw").shape == (0, 3, 8, 8)
    assert shuffle_blocks(torch.zeros(0, 3, 8, 8, requires_grad=True), 2, layout="nchw").shape == (0, 3, 8, 8)


def test_sizes_that_can_be_had_are_named():
    assert divisors(224) == (1, 2, 4, 7, 8, 14, 16, 28, 32, 56, 112, 224)
    with pytest.raises(UsageError, match=r"blocks of side 5 do not fill images of 8×8; use 1, 2, 4, 8 or \*"):
        shuffle_blocks(draw((1, 8, 8, 3)), 5)
    with pytest.raises(UsageError, match=r"side 8 do not fill images of 8×12; use 1, 2, 4 or \*"):
        check_block(8, 8, 12)
    for wrong in (0, -2, 16, "all"):
        with pytest.raises(UsageError, match="do not fill images of 8×8"):
            check_block(wrong, 8)


def test_what_is_wrong_is_named():
    x = draw((2, 8, 8, 3))
    with pytest.raises(UsageError, match=r"images of shape \(8, 8, 3\); expected \(n, h, w, c\)"):
        shuffle_blocks(x[0], 2)
    with pytest.raises(UsageError, match="layout 'hwc'; expected 'nhwc' or 'nchw'"):
        shuffle_blocks(x, 2, layout="hwc")
    with pytest.raises(UsageError, match=r"out must be contiguous, uint8 \(2, 8, 8, 3\); got float32"):
        shuffle_blocks(x, 2, out=np.empty(x.shape, np.float32))
    with pytest.raises(UsageError, match="out must be contiguous"):
        shuffle_blocks(x, 2, out=np.empty((2, 8, 8, 6), np.uint8)[..., ::2])
    with pytest.raises(UsageError, match="out is a Tensor, the images are a ndarray"):
        shuffle_blocks(x, 2, out=torch.from_numpy(x))
