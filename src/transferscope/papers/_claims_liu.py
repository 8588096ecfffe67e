"""Claims of Liu et al. 2019, in the order of the paper, and one of the slides."""

from __future__ import annotations

from ._claim import HULL, POSITIVE, Claim

__all__ = ["CLAIMS", "SLIDES"]

_TIMES = (
    "agrees with the 95 % interval, and the ratio of any two networks, above 1; disagrees with both below 1; "
    "otherwise "
    "cannot tell"
)
_VARIATION = (
    "median over recorded steps of the ratio of the ranges of the loss along the gradient, RI-T over P-T; over images"
)
_SURROUNDINGS = (
    "difference of the mean {what} of the loss when all filters move by the largest radius, over four or more planes "
    "of random directions and images, hull over pairs of networks"
)
_ERROR = "over seeds; with fewer than three, a binomial interval over test images"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "002-3-a",
        "002 §3, Table 1: the training error comes to nearly zero on every target, head only or fine-tuned",
        "transfer",
        "the largest training error of a kind over targets, Wilson interval over training images",
        "agrees with the interval under 1 %, disagrees with it above",
    ),
    Claim(
        "002-3-b",
        "002 §3, Table 1: fine-tuning all layers ends with no higher test error than training the head only",
        "transfer",
        f"difference of the test errors; {_ERROR}",
        POSITIVE,
    ),
    Claim(
        "002-3-c",
        "002 §3: targets that look more like the source end with a lower test error",
        None,
        undecided="how alike source and targets look is not measured, and tasks differ in difficulty as well",
    ),
    Claim(
        "002-3-d",
        "002 §3, Fig. 2: the deviation from the start grows throughout training",
        "distance",
        "distance to the start between consecutive recorded epochs, run by run",
        "agrees when it grows in all intervals of all runs, disagrees when in one it does not",
    ),
    Claim(
        "002-3-e",
        "002 §3, Fig. 2: targets that look more like the source deviate less from it",
        None,
        undecided="how alike source and targets look is not measured",
    ),
    Claim(
        "002-3-f",
        "002 §3: over targets, the deviation from the start is about proportional to the test error",
        "transfer",
        "Pearson's r over three or more targets, with Fisher's interval from four",
        POSITIVE,
    ),
    Claim(
        "002-3-g",
        "002 §3, Fig. 3a: the largest eigenvalues of the Hessian are smaller after fine-tuning than from scratch",
        "hessian",
        "ratio of the largest eigenvalue, and of the sum of the sizes of those computed, RI-T over P-T; a Welch t "
        "interval of the logarithms over networks",
        _TIMES,
    ),
    Claim(
        "002-3-h",
        "002 §3, Figs. 3 and 10: training from scratch ends in sharper minima than fine-tuning",
        "landscape",
        _SURROUNDINGS.format(what="rise"),
        POSITIVE,
    ),
    Claim(
        "002-3-i",
        "002 §3, Fig. 4: networks from one pre-trained start lie close together even on different targets, networks "
        "of "
        "one target from different starts far apart",
        "weight_map",
        "ratio of the mean distance of networks of one target from different starts to that of networks of one "
        "pre-trained start on different targets; jackknifed over networks, and starts permuted within targets",
        "agrees with the interval above 1 and p < 0.05, disagrees with it below 1, otherwise cannot tell",
    ),
    Claim(
        "002-3-j",
        "002 §3, Fig. 4: the minima of all targets gather around the pre-trained weights they started from",
        "weight_map",
        "ratio of the mean distances to the pre-trained weights, networks from other starts over those from them; "
        "jackknifed over networks, and starts permuted within targets",
        "agrees with the interval above 1 and p < 0.05, disagrees with it below 1, otherwise cannot tell",
    ),
    Claim(
        "002-4-a",
        "002 §4, Fig. 5: the loss around pre-trained weights is smoother than around random ones",
        "landscape",
        _SURROUNDINGS.format(what="size of the change"),
        POSITIVE,
    ),
    Claim(
        "002-4-b",
        "002 §4, Fig. 6: along the gradient the loss of pre-trained networks varies less than from scratch",
        "loss_variation",
        _VARIATION,
        _TIMES,
    ),
    Claim(
        "002-4-c",
        "002 App. B.2, Fig. 11: also out to a fixed size the loss of pre-trained networks varies less",
        "loss_variation",
        _VARIATION,
        _TIMES,
    ),
    Claim(
        "002-4-d",
        "002 §4, Fig. 7a, b: in the middle of the network the gradient is smaller with pre-trained weights",
        "gradient_flow",
        "ratio of the mean norms of the gradient there, random over pre-trained weights; bootstrapped over images",
        _TIMES,
    ),
    Claim(
        "002-4-e",
        "002 §4, Fig. 7c: pre-trained weights are small along the leading singular vectors of their gradient",
        "gradient_flow",
        "median over layers of the ratio of |uᵀWv| for the leading pairs of singular vectors; layers resampled",
        f"{_TIMES}, as where the same in units of what unrelated directions would show is the other way round",
    ),
    Claim(
        "002-4-f",
        "002 §4, Fig. 7d: on its way back the gradient grows fast through random weights and is stable through "
        "pre-trained ones",
        "gradient_flow",
        "growth from the last layer before the head to the first through random weights, its ratio to that through "
        "pre-trained ones, and the ratio of both as changes up or down; bootstrapped over images",
        "agrees with all three 95 % intervals above 1, disagrees with one of the first two below, otherwise cannot "
        "tell",
    ),
    Claim(
        "002-4-g",
        "002 §4, Fig. 5a: fine-tuning converges much faster than training from scratch",
        None,
        undecided="the same as 000-3.1-b, which learning_curves decides",
    ),
    Claim(
        "002-5.1-a",
        "002 §5.1, Fig. 8a: of sources with like labels, the one more like the target in its images helps more",
        "source_choice",
        f"difference of the final test metric between two sources that the study puts in an order; {_ERROR}",
        POSITIVE,
    ),
    Claim(
        "002-5.1-b",
        "002 §5.1, Fig. 8a: from a source that helps, weights end nearer to their start than from scratch",
        "source_choice",
        "ratio of the deviations from the own start, from scratch over from the source; over seeds",
        "agrees with the 95 % interval above 1, disagrees with it below, otherwise cannot tell",
    ),
    Claim(
        "002-5.1-c",
        "002 §5.1, Fig. 8b: a source with like images but labels of another nature does not help",
        "source_choice",
        f"gain in the final test metric over training from scratch; {_ERROR}",
        "agrees with the interval at or below 1 point, disagrees with it above 0, otherwise cannot tell",
    ),
    Claim(
        "002-5.1-d",
        "002 §5.1, Fig. 8c, d: each target gains most from the large source of its own nature",
        None,
        undecided="judged as 002-5.1-a where a study says which source is more like which target",
    ),
    Claim(
        "002-5.2-a",
        "002 §5.2: transferability first rises with pre-training, then declines while the source metric still rises",
        "checkpoints",
        "final test metric from the best checkpoint before the last less that from the last, Bonferroni-corrected",
        f"{POSITIVE}; agrees only where the best is not the first and the source metric rises after it",
    ),
    Claim(
        "002-6-a",
        "002 §6.2, Theorem 1: the gradient at the pre-trained weights is smaller by what pre-training already "
        "explains",
        None,
        undecided="a theorem about wide two-layer networks; what it needs is not measured here",
    ),
    Claim(
        "002-6-b",
        "002 §6.3, Theorem 2: how far fine-tuning goes is bounded by the mismatch of source and target labels",
        None,
        undecided="a theorem about wide two-layer networks; what it needs is not measured here",
    ),
    Claim(
        "002-B.3-a",
        "002 B.3, Tables 1 and 2: fine-tuning ends with a lower test error than training from scratch",
        "transfer",
        f"improvement 1 − e_FT/e_scratch; {_ERROR}",
        POSITIVE,
    ),
    Claim(
        "002-B.3-b",
        "002 B.3, Tables 1 and 2: networks from scratch end farther from the pre-trained weights than fine-tuned",
        "transfer",
        "ratio of the deviations from the pre-trained weights without the head; over seeds",
        "agrees with the 95 % interval above 1, disagrees with it below, otherwise cannot tell",
    ),
    Claim(
        "002-B.3-c",
        "002 B.3, Tables 1 and 2: fine-tuned weights deviate less from their start than those from scratch",
        "distance",
        "ratio of the deviations from the own start, over all pairs of an RI-T and a P-T",
        HULL,
    ),
    Claim(
        "002-B.3-d",
        "002 B.3: fine-tuning improves coarse tasks more than fine-grained ones",
        None,
        undecided="whether a task is coarse is for people to say; the table of transfer has the improvements",
    ),
    Claim(
        "002-B.4-a",
        "002 B.4, Figs. 12 and 13: from the last layers to the first, landscapes of random weights get rougher and "
        "those "
        "of pre-trained weights do not",
        "landscape",
        "ratio of the changes in the lower and the higher half of the modules around random weights, and that over "
        "the same around pre-trained ones; over four or more planes of random directions and images",
        "agrees with both 95 % intervals above 1 and that around pre-trained weights not above 1, disagrees with one "
        "of the two below, otherwise cannot tell",
    ),
)
"""In the order of the paper."""

SLIDES: tuple[Claim, ...] = (
    Claim(
        "003-a",
        "003: barriers are to be expected between unrelated networks",
        "barrier",
        "height of the error between a P-T and an RI-T, as between two P-T",
        "agrees with the interval above the threshold (2 points), disagrees with it at or below, otherwise cannot "
        "tell",
    ),
)
"""What findings judge of the slides so far."""
