"""Claims of Neyshabur, Sedghi and Zhang 2020, §3.3 to §3.5: basins, modules, checkpoints."""

from __future__ import annotations

from ..claim import Claim
from ..rules import Above, AllOf, Each, InOrder, Not, NotBelow, PeakAbove, PeakUnder, Under
from ._shared import CHOSEN, MARGIN, PEAK, PEAK_OF_PAIRS

__all__ = ["CLAIMS"]

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "000-3.3-a",
        "§3.3",
        "no performance barrier between two P-T",
        question="barrier",
        statistic=f"two P-T: {PEAK_OF_PAIRS}",
        rule=PeakUnder(MARGIN),
        about="position",
        kinds=("P-T",),
        pretrained=True,
        effect=0.0,
        units="share of test images",
        effect_from="no difference",
    ),
    Claim(
        "000-3.3-b",
        "§3.3",
        "some networks between two P-T are slightly better than both",
        question="barrier",
        statistic=(
            "two P-T: the test error of (1) the one end, (2) the other, less that of the best λ from 0.25 to 0.75, λ"
            " chosen on one half of the images and measured on the other; over networks (one left out at a time) and"
            " images"
        ),
        rule=AllOf(Above(), Above()),
        about="position",
        kinds=("P-T",),
        pretrained=True,
        effect=0.01,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.3-c",
        "§3.3",
        "a clear barrier between two RI-T",
        question="barrier",
        statistic=f"two RI-T: {PEAK_OF_PAIRS}",
        rule=PeakAbove(MARGIN),
        about="position",
        kinds=("RI-T",),
        effect=0.1,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.3-d",
        "§3.3, B.5",
        "a clear barrier between two RI-T even of one initialisation",
        question="barrier",
        statistic=f"two RI-T of one initialisation: {PEAK_OF_PAIRS}",
        rule=PeakAbove(MARGIN),
        about="position",
        kinds=("RI-T",),
        one_start=True,
        effect=0.1,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.3-e",
        "§3.3, Fig. 4",
        "no barrier between the best and the final weights of a P-T run",
        question="barrier",
        statistic=f"the best and the final weights of a P-T run: {PEAK}",
        rule=PeakUnder(MARGIN),
        about="position",
        kinds=("P-T",),
        pretrained=True,
        effect=0.0,
        units="share of test images",
        effect_from="no difference",
    ),
    Claim(
        "000-3.3-f",
        "§3.3, Fig. 4",
        "a small barrier between the best and the final weights of an RI-T run",
        question="barrier",
        statistic=f"the best and the final weights of an RI-T run: {PEAK}",
        rule=PeakAbove(MARGIN),
        about="position",
        kinds=("RI-T",),
        effect=0.04,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.3-g",
        "§3.3",
        "two P-T live in one (ε, δ)-basin, with ε of 0.0034 to 0.0054 for the test error",
        question="basin",
        statistic=(
            "two P-T: (1) ε of the set they span, extended to where the error rises; (2) how much the error beyond "
            "it, in the lower of conditions 2 and 3 of Def. 3.1 at the largest δ that is tried, exceeds μ + 2ε: over"
            " 0 where a δ exists; draws averaged within a pair; over networks (one left out at a time) and images"
        ),
        rule=AllOf(Under(0.01), Above()),
        about="position",
        kinds=("P-T",),
        pretrained=True,
        effect=0.0054,
        units="share of test images",
        effect_from="the largest of §3.3, as it is",
    ),
    Claim(
        "000-3.3-h",
        "§3.3",
        "two RI-T do not live in one (ε, δ)-basin for reasonable ε",
        question="basin",
        statistic=(
            "two RI-T: (1) ε of the set they span, extended to where the error rises; (2) how much the error beyond "
            "it, in the lower of conditions 2 and 3 of Def. 3.1 at the largest δ that is tried, exceeds μ + 2ε: over"
            " 0 where a δ exists; draws averaged within a pair; over networks (one left out at a time) and images"
        ),
        rule=Not(AllOf(Under(0.01), Above())),
        about="position",
        kinds=("RI-T",),
        effect=0.1,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.4-a",
        "§3.4, Fig. 5",
        "the final layer (FC) is critical for P-T",
        question="rewind",
        statistic=(
            "P-T, the head: the rise of the test error with the module set back to the start; over networks and "
            "images"
        ),
        rule=Above(MARGIN),
        about="criticality",
        kinds=("P-T",),
        pretrained=True,
        effect=0.1,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.4-b",
        "§3.4, Fig. 5",
        "the final layer (FC) is critical for P-T only, not for RI-T",
        question="rewind",
        statistic=(
            "the head of (1) P-T, (2) RI-T: the rise of the test error with the module set back to the start; over "
            "networks and images"
        ),
        rule=AllOf(Above(MARGIN), Under(MARGIN)),
        about="criticality",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=0.1,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.4-c",
        "§3.4, Fig. 5",
        "the first layer (Conv1) is critical",
        question="rewind",
        statistic=(
            "the first layer, of P-T and of RI-T as far as there are: the rise of the test error with the module set"
            " back to the start; over networks and images"
        ),
        rule=Each(Above(MARGIN)),
        about="criticality",
        kinds=("P-T", "RI-T"),
        effect=0.1,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.4-d",
        "§3.4",
        "higher layers of P-T are more critical than lower ones",
        question="rewind",
        statistic=(
            "P-T: by how much more the test error rises with the last module set back to the start than with the "
            "first, by the slope over depth, network by network, the head left out; over networks and images"
        ),
        rule=Above(),
        about="criticality",
        kinds=("P-T",),
        pretrained=True,
        effect=0.1,
        units="share of test images from the first to the last module",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.4-e",
        "§3.4",
        "from input to output the valleys of P-T become tighter, i.e. modules more critical",
        question="criticality",
        statistic=(
            "P-T: the factor by which (1) μ_i for the module's size, as noise in proportion to it gives, (2) μ_i as "
            "defined grows from the first module to the last, by the slope of its logarithm over depth, network by "
            "network; 0 counts as the least above it that the grid can show, infinite as the largest; over networks"
        ),
        rule=AllOf(Above(1.0), Above(1.0)),
        about="criticality",
        kinds=("P-T",),
        pretrained=True,
        effect=10.0,
        units="times from the first to the last module",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.4-f",
        "§3.4",
        "modules of RI-T are more sensitive than those of P-T",
        question="criticality",
        statistic=(
            "the share of cells with noise that keep the error within ε, averaged over modules, of P-T less of RI-T;"
            " over networks"
        ),
        rule=Above(),
        about="criticality",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=0.1,
        units="share of cells",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.4-g",
        "§3.4",
        "the valleys of RI-T have a transition point between start and end",
        question="criticality",
        statistic=(
            "the share of modules whose valley is tighter at some place of any of its paths than on both sides, of "
            "RI-T less of P-T; over networks"
        ),
        rule=Above(),
        about="criticality",
        kinds=("P-T", "RI-T"),
        effect=0.25,
        units="share of modules",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.4-h",
        "§3.4",
        "the best weights are a better end of the paths than the final ones",
        undecided="the paper does not say in what sense better; criticality tells how the two differ",
    ),
    Claim(
        "000-3.5-a",
        "§3.5",
        "the later the checkpoint of pre-training, the better the end",
        question="checkpoints",
        statistic=(
            "the slope of the final test metric over the order of the checkpoints of one pre-training, from 0 to 1, "
            "epoch 0 left out where there are two later ones, network by network (a seed from all checkpoints is "
            "one); over networks and images, and over the checkpoints, which scatter about the line alike for all "
            "networks; a failed run counts as chance"
        ),
        rule=Above(),
        about="metric",
        kinds=("P-T",),
        pretrained=True,
        needs="at least three seeds and three checkpoints after epoch 0",
        effect=0.05,
        units="share of test images from first to last",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.5-b",
        "§3.5",
        "the later the checkpoint of pre-training, the faster the training",
        question="checkpoints",
        statistic=(
            "the slope of the training accuracy averaged over epochs over the order of the checkpoints of one pre-"
            "training, from 0 to 1, epoch 0 left out where there are two later ones, network by network (a seed from"
            " all checkpoints is one); over networks, and over the checkpoints, which scatter about the line alike "
            "for all networks; a failed run counts as chance"
        ),
        rule=Above(),
        about="speed",
        kinds=("P-T",),
        pretrained=True,
        needs="at least three seeds and three checkpoints after epoch 0",
        effect=0.05,
        units="share of training images from first to last",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.5-c",
        "§3.5",
        "over checkpoints, optimisation speed reaches its plateau earlier than the final metric",
        question="checkpoints",
        statistic=(
            "how much later, as a share of the pre-training's epochs, the final metric rises than speed does, each "
            "by the mean epoch of its rise from the first to the last checkpoint, network by network (a seed from "
            "all checkpoints is one); over networks and checkpoints, whose scatter about a smooth curve is in all "
            "networks alike"
        ),
        rule=Above(),
        about="speed",
        kinds=("P-T",),
        pretrained=True,
        needs="at least three seeds and five checkpoints after epoch 0",
        effect=0.1,
        units="share of the pre-training's epochs",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.5-d",
        "§3.5",
        "one can start from earlier checkpoints without losing in the end",
        question="checkpoints",
        statistic=(
            "the final test metric from each earlier checkpoint less that from the last, from the latest of them to "
            "the earliest; a failed run counts as chance; over networks and images"
        ),
        rule=InOrder(NotBelow(-0.01)),
        about="metric",
        kinds=("P-T",),
        pretrained=True,
        effect=0.0,
        units="share of test images",
        effect_from="no difference",
    ),
    Claim(
        "000-3.5-e",
        "§3.5",
        "the source metric of a checkpoint is not always a faithful sign of its worth for transfer",
        undecided="one exception suffices for not always; checkpoints gives the correlation of the two",
    ),
)
"""In the order of the paper."""
