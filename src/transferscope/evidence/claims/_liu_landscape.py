"""Claims of Liu et al. 2019, §3 and §4: generalisation, landscapes, gradients."""

from __future__ import annotations

from ..claim import Claim
from ..rules import Above, AllOf, Each, NotBelow, Under
from ._shared import CHOSEN

__all__ = ["CLAIMS"]

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "002-3-a",
        "§3, Table 1",
        "the training error comes to nearly zero on every target, head only or fine-tuned",
        question="transfer",
        statistic=(
            "for each target, and both for head only and fine-tuned as far as there are: the training error at the "
            "end, a geometric mean in which 0 counts as half a training image; a failed run counts as chance; about "
            "all targets together; over networks"
        ),
        rule=Each(Under(0.01, against=0.02)),
        about="metric",
        pretrained=True,
        effect=0.0015,
        units="share of training images",
        effect_from="the largest of Table 1, as it is",
    ),
    Claim(
        "002-3-b",
        "§3, Table 1",
        "fine-tuning all layers ends with no higher test error than training the head only",
        question="transfer",
        statistic=(
            "the test error of head only less that of fine-tuned; a failed run counts as chance; over networks and "
            "images"
        ),
        rule=NotBelow(-0.01),
        about="metric",
        kinds=("P-T",),
        pretrained=True,
        effect=0.008,
        units="share of test images",
        effect_from="half of 1.67 points (Table 1, the median of five targets)",
    ),
    Claim(
        "002-3-c",
        "§3",
        "targets that look more like the source end with a lower test error",
        undecided="how alike source and targets look is not measured, and tasks differ in difficulty as well",
    ),
    Claim(
        "002-3-d",
        "§3, Fig. 2",
        "the deviation from the start grows throughout training",
        question="distance",
        statistic=(
            "for each kind of run, and each interval between recorded epochs that all of its runs have: by how much "
            "the distance to the start grew, in mean steps of the run; over networks"
        ),
        rule=Each(Above()),
        about="position",
        kinds=("P-T", "RI-T"),
        effect=0.1,
        units="mean steps",
        effect_from=CHOSEN,
    ),
    Claim(
        "002-3-e",
        "§3, Fig. 2",
        "targets that look more like the source deviate less from it",
        undecided="how alike source and targets look is not measured",
    ),
    Claim(
        "002-3-f",
        "§3",
        "over targets, the deviation from the start is about proportional to the test error",
        question="transfer",
        statistic=(
            "for head only and for fine-tuned, as far as there are: Pearson's r over targets of the deviation from "
            "the start and the test error, means over networks; over targets"
        ),
        rule=Each(Above()),
        about="position",
        kinds=("P-T",),
        pretrained=True,
        effect=0.39,
        units="r",
        effect_from="half of 0.78 (Table 1, fine-tuned)",
        needs="at least four targets",
    ),
    Claim(
        "002-3-g",
        "§3, Fig. 3a",
        "the largest eigenvalues of the Hessian are smaller after fine-tuning than from scratch",
        question="hessian",
        statistic=(
            "RI-T over P-T: (1) the largest eigenvalue, (2) the sum of the sizes of those computed; over networks"
        ),
        rule=AllOf(Above(1.0), Above(1.0)),
        about="curvature",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=1.5,
        units="times",
        effect_from=CHOSEN,
    ),
    Claim(
        "002-3-h",
        "§3, Figs. 3 and 10",
        "training from scratch ends in sharper minima than fine-tuning",
        question="landscape",
        statistic=(
            "the mean rise of the loss when all filters move by the largest radius, planes and images averaged "
            "within a network, of RI-T less of P-T; over networks"
        ),
        rule=Above(),
        about="curvature",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=0.1,
        units="nats",
        effect_from=CHOSEN,
    ),
    Claim(
        "002-3-i",
        "§3, Fig. 4",
        (
            "networks from one pre-trained start lie close together even on different targets, networks of one "
            "target from different starts far apart"
        ),
        question="weight_map",
        statistic=(
            "the mean distance of networks of one target from different starts over that of networks of one pre-"
            "trained start on different targets; over networks (one left out at a time)"
        ),
        rule=Above(1.0),
        about="position",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=1.5,
        units="times",
        effect_from=CHOSEN,
    ),
    Claim(
        "002-3-j",
        "§3, Fig. 4",
        "the minima of all targets gather around the pre-trained weights they started from",
        question="weight_map",
        statistic=(
            "the mean distance to the pre-trained weights, of networks from other starts over those from them, all "
            "targets together; over networks"
        ),
        rule=Above(1.0),
        about="position",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=1.5,
        units="times",
        effect_from=CHOSEN,
    ),
    Claim(
        "002-4-a",
        "§4, Fig. 5",
        "the loss around pre-trained weights is smoother than around random ones",
        question="landscape",
        statistic=(
            "the mean size of the change of the loss when all filters move by the largest radius, planes and images "
            "averaged, around random less around pre-trained weights; over random starts, the pre-trained weights as"
            " given"
        ),
        rule=Above(),
        about="curvature",
        pretrained=True,
        effect=0.1,
        units="nats",
        effect_from=CHOSEN,
        needs="at least three random starts",
    ),
    Claim(
        "002-4-b",
        "§4, Fig. 6",
        "along the gradient the loss of pre-trained networks varies less than from scratch",
        question="loss_variation",
        statistic=(
            "the median over common recorded steps of the logarithm of the range of the loss along the gradient, "
            "network by network, RI-T over P-T, out to the gradient's own size; over networks"
        ),
        rule=Above(1.0),
        about="curvature",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=1.5,
        units="times",
        effect_from=CHOSEN,
    ),
    Claim(
        "002-4-c",
        "App. B.2, Fig. 11",
        "also out to a fixed size the loss of pre-trained networks varies less",
        question="loss_variation",
        statistic=(
            "the median over common recorded steps of the logarithm of the range of the loss along the gradient, "
            "network by network, RI-T over P-T, out to a fixed size; over networks"
        ),
        rule=Above(1.0),
        about="curvature",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=1.5,
        units="times",
        effect_from=CHOSEN,
    ),
    Claim(
        "002-4-d",
        "§4, Fig. 7a, b",
        "in the middle of the network the gradient is smaller with pre-trained weights",
        question="gradient_flow",
        statistic=(
            "the mean norm of the gradient in the middle layer, of random over pre-trained weights; over random "
            "starts, the pre-trained weights as given"
        ),
        rule=Above(1.0),
        about="curvature",
        pretrained=True,
        effect=1.5,
        units="times",
        effect_from=CHOSEN,
        needs="at least three random starts",
    ),
    Claim(
        "002-4-e",
        "§4, Fig. 7c",
        "pre-trained weights are small along the leading singular vectors of their gradient",
        question="gradient_flow",
        statistic=(
            "the median over layers of |uᵀWv| for the leading pairs of singular vectors of the gradient, of random "
            "over pre-trained weights: (1) as it is, (2) in units of what unrelated directions would show; over "
            "random starts, the pre-trained weights as given"
        ),
        rule=AllOf(Above(1.0), Above(1.0)),
        about="curvature",
        pretrained=True,
        effect=1.5,
        units="times",
        effect_from=CHOSEN,
        needs="at least three random starts",
    ),
    Claim(
        "002-4-f",
        "§4, Fig. 7d",
        "on its way back the gradient grows fast through random weights and is stable through pre-trained ones",
        question="gradient_flow",
        statistic=(
            "growth of the gradient from the last layer before the head to the first: (1) through random weights, "
            "(2) the same over that through pre-trained ones, (3) the same of both as changes up or down; over "
            "random starts, the pre-trained weights as given"
        ),
        rule=AllOf(Above(1.0), Above(1.0), Above(1.0)),
        about="curvature",
        pretrained=True,
        effect=1.5,
        units="times",
        effect_from=CHOSEN,
        needs="at least three random starts",
    ),
    Claim(
        "002-4-g",
        "§4, Fig. 5a",
        "fine-tuning converges much faster than training from scratch",
        undecided="the same as what Neyshabur et al. 2020, §3.1, say of speed, which learning_curves decides",
    ),
)
"""In the order of the paper."""
