"""Claims of Liu et al. 2019, §5, §6 and the appendix: sources, checkpoints, theory, tables."""

from __future__ import annotations

from ..claim import Claim
from ..rules import Above, AllOf, Each, Under, Within
from ._shared import CHOSEN

__all__ = ["CLAIMS"]

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "002-5.1-a",
        "§5.1, Fig. 8a",
        "of sources with like labels, the one more like the target in its images helps more",
        question="source_choice",
        statistic=(
            "for each two sources of an order that the study states: the final test metric from the nearer less that"
            " from the farther; a failed run counts as chance; over networks and images"
        ),
        rule=Each(Above()),
        about="metric",
        pretrained=True,
        effect=0.02,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "002-5.1-b",
        "§5.1, Fig. 8a",
        "from a source that helps, weights end nearer to their start than from scratch",
        question="source_choice",
        statistic=(
            "for a source whose gain on validation images lies above 0: the deviation from the own start, from "
            "scratch over from the source; over networks"
        ),
        rule=Above(1.0),
        about="position",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=1.33,
        units="times",
        effect_from="root of 1.78 (Tables 1 and 2, the median of four targets)",
    ),
    Claim(
        "002-5.1-c",
        "§5.1, Fig. 8b",
        "a source with like images but labels of another nature does not help",
        question="source_choice",
        statistic=(
            "the final test metric from a source with labels of another nature less that from scratch; a failed run "
            "counts as chance; over networks and images"
        ),
        rule=Under(0.01),
        about="metric",
        kinds=("RI-T",),
        pretrained=True,
        effect=0.0,
        units="share of test images",
        effect_from="no difference",
    ),
    Claim(
        "002-5.1-d",
        "§5.1, Fig. 8c, d",
        "each target gains most from the large source of its own nature",
        undecided=(
            "judged as the claim about like labels (Fig. 8a) where a study says which source is like which target"
        ),
    ),
    Claim(
        "002-5.2-a",
        "§5.2",
        "transferability first rises with pre-training, then declines while the source metric still rises",
        question="checkpoints",
        statistic=(
            "(1) the final test metric from the best checkpoint between the first and the last less that from the "
            "first, (2) the same less that from the last, for each network the best chosen by the others on "
            "validation images; (3) the source metric of the last less that of the"
            " best, on the source's test images; a failed run counts as chance; over networks, images and "
            "checkpoints, whose scatter about a parabola is in all networks alike and by which the best is chosen; "
            "the third of this pre-training"
        ),
        rule=AllOf(Above(), Above(), Above(general=False)),
        about="metric",
        kinds=("P-T",),
        pretrained=True,
        needs="at least three seeds and four checkpoints after epoch 0",
        effect=0.02,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "002-6-a",
        "§6.2, Theorem 1",
        "the gradient at the pre-trained weights is smaller by what pre-training already explains",
        question="theory",
        statistic=(
            "‖∂L/∂X₁‖² at the pre-trained weights of the widest two-layer networks (mirrored start) over the "
            "right-hand side as printed, less 1; over networks, each with a pre-training of its own, on given images"
        ),
        rule=Within(0.1),
        about="curvature",
        pretrained=True,
        effect=0.0,
        units="share of what is predicted",
        effect_from="no difference",
        needs="at least four networks, each pre-trained anew",
    ),
    Claim(
        "002-6-b",
        "§6.3, Theorem 2",
        "how far fine-tuning goes is bounded by the mismatch of source and target labels",
        question="theory",
        statistic=(
            "‖W(Q) − W(P)‖² of the widest two-layer networks (mirrored start) over the right-hand side as its proof "
            "has it, with the square, less 1; over networks, each with a pre-training of its own, on given images"
        ),
        rule=Under(0.1),
        about="position",
        pretrained=True,
        effect=0.0,
        units="share of what is predicted",
        effect_from="no difference: the bound is reached",
        needs="at least four networks, each pre-trained anew",
    ),
    Claim(
        "002-B.3-a",
        "B.3, Tables 1 and 2",
        "fine-tuning ends with a lower test error than training from scratch",
        question="transfer",
        statistic=(
            "the test error from scratch less that of fine-tuning; a failed run counts as chance; over networks and "
            "images"
        ),
        rule=Above(),
        about="metric",
        pretrained=True,
        effect=0.144,
        units="share of test images",
        effect_from="half of 28.8 points (Tables 1 and 2, the median of four targets)",
    ),
    Claim(
        "002-B.3-b",
        "B.3, Tables 1 and 2",
        "networks from scratch end farther from the pre-trained weights than fine-tuned",
        question="transfer",
        statistic=(
            "the deviation from the pre-trained weights without the head, from scratch over fine-tuned; over networks"
        ),
        rule=Above(1.0),
        about="position",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=1.33,
        units="times",
        effect_from="root of 1.78 (Tables 1 and 2, the median of four targets)",
    ),
    Claim(
        "002-B.3-c",
        "B.3, Tables 1 and 2",
        "fine-tuned weights deviate less from their start than those from scratch",
        question="distance",
        statistic="the deviation from the own start, RI-T over P-T; over networks",
        rule=Above(1.0),
        about="position",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=1.33,
        units="times",
        effect_from="root of 1.78 (Tables 1 and 2, the median of four targets)",
    ),
    Claim(
        "002-B.3-d",
        "B.3",
        "fine-tuning improves coarse tasks more than fine-grained ones",
        undecided="whether a task is coarse is for people to say; the table of transfer has the improvements",
    ),
    Claim(
        "002-B.4-a",
        "B.4, Figs. 12 and 13",
        (
            "from the last layers to the first, landscapes of random weights get rougher and those of pre-trained "
            "weights do not"
        ),
        question="landscape",
        statistic=(
            "the change of the loss in the lower half of the modules over that in the higher half: (1) around random"
            " weights, (2) the same over that around pre-trained ones; over random starts, the pre-trained weights "
            "as given; (3) around pre-trained weights, over planes"
        ),
        rule=AllOf(Above(1.0), Above(1.0), Under(1.25, general=False)),
        about="curvature",
        pretrained=True,
        effect=1.5,
        units="times",
        effect_from=CHOSEN,
        needs="at least three random starts",
    ),
)
"""In the order of the paper."""
