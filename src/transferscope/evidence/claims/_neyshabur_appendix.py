"""Claims of Neyshabur, Sedghi and Zhang 2020, §5 and the appendix."""

from __future__ import annotations

from ..claim import Claim
from ..rules import Above, AllOf, Each, NotBelow, Under
from ._shared import CHOSEN, MARGIN

__all__ = ["CLAIMS"]

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "000-5-a",
        "§5",
        "weights of P-T trained in parallel can be averaged without loss of performance",
        question="variants",
        statistic="the final test metric of averaged runs less that of plain P-T; over networks and images",
        rule=NotBelow(-MARGIN),
        about="metric",
        kinds=("P-T",),
        pretrained=True,
        effect=0.0,
        units="share of test images",
        effect_from="no difference",
    ),
    Claim(
        "000-5-b",
        "§5",
        "that two P-T share a basin can be used to improve ensembles",
        undecided="an outlook, not an observation; variants measures ensembles of other starts",
    ),
    Claim(
        "000-B.1-a",
        "B.1",
        "P-T generally does better with the smaller learning rate",
        question="learning_curves",
        statistic=(
            "P-T: the final test metric at the smallest learning rate less that at the largest; a failed run counts "
            "as chance; over networks and images"
        ),
        rule=Above(),
        about="metric",
        pretrained=True,
        effect=0.02,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-B.1-b",
        "B.1",
        "RI-T generally does better with the larger learning rate",
        question="learning_curves",
        statistic=(
            "RI-T: the final test metric at the largest learning rate less that at the smallest; a failed run counts"
            " as chance; over networks and images"
        ),
        rule=Above(),
        about="metric",
        effect=0.02,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-B.1-c",
        "B.1",
        "on chest X-rays, and only there, networks overfit when trained for long",
        question="learning_curves",
        statistic=(
            "the test metric at the epoch that is best on validation images less that at the last, of all networks: "
            "(1) on the target that stands for chest X-rays, then on each other target; about all targets together; "
            "over networks and images"
        ),
        rule=AllOf(Above(0.01), Each(Under(0.01))),
        about="metric",
        kinds=("P-T", "RI-T"),
        effect=0.02,
        units="share (AUC) of test images",
        effect_from=CHOSEN,
        needs="at least three networks on chest X-rays and as many on another target",
    ),
    Claim(
        "000-B.2-a",
        "B.2, Tables 4–6",
        "two P-T disagree on fewer images than two RI-T",
        question="mistakes",
        statistic=(
            "the share of test images that exactly one of the two gets right, of two RI-T less of two P-T: of all "
            "images, or, with several labels an image, of each of them (Tables 4 and 5); over networks (one left out"
            " at a time) and images"
        ),
        rule=Each(Above()),
        about="likeness",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=0.014,
        units="share of test images",
        effect_from="half of 2.9 points (Table 6, of 14,736 images by the accuracies of B.2)",
    ),
    Claim(
        "000-B.2-b",
        "B.2",
        "P-T is more accurate in every class",
        question="mistakes",
        statistic=(
            "for each class: the accuracy of P-T less that of RI-T; over networks and the images of the class"
        ),
        rule=Each(Above()),
        about="likeness",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=0.0048,
        units="share of the class's test images",
        effect_from="half of 0.96 points, the least of Table 3",
    ),
    Claim(
        "000-B.2-c",
        "B.2",
        "the accuracy of P-T by class is more correlated with class size than that of RI-T",
        question="mistakes",
        statistic=(
            "Pearson's r of a class's accuracy and its size, network by network, of P-T less of RI-T; over networks"
        ),
        rule=Above(),
        about="likeness",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=0.0205,
        units="r",
        effect_from="half of 0.370 − 0.329 (B.2)",
    ),
    Claim(
        "000-B.4-a",
        "B.4",
        "on chest X-rays P-T has the better AUC and the higher test loss",
        question="learning_curves",
        statistic=(
            "on the target that stands for chest X-rays, P-T less RI-T at the end: (1) the AUC, (2) the test loss; "
            "over networks and images"
        ),
        rule=AllOf(Above(), Above()),
        about="metric",
        pretrained=True,
        effect=0.01,
        units="AUC; nats",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-B.5-a",
        "B.5",
        "the barrier between two RI-T is smaller when their start is the same",
        question="barrier",
        statistic=(
            "the cross-fitted height of the line between two RI-T of different initialisations less that of one; "
            "over networks (one left out at a time) and images"
        ),
        rule=Above(),
        about="position",
        kinds=("RI-T",),
        one_start=True,
        effect=0.02,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-B.6-a",
        "B.6",
        "two P-T lie close to the boundary of their basin",
        question="extrapolation",
        statistic=(
            "where beyond a P-T, on the line through another, the test error has risen by 2 points, in units of "
            "their distance, averaged over both ends; the geometric mean over pairs; what is not reached counts as "
            "the reach; over networks (one left out at a time) and images"
        ),
        rule=Under(0.5),
        about="position",
        kinds=("P-T",),
        pretrained=True,
        effect=0.25,
        units="distances",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-B.7-a",
        "B.7",
        "P-T does better than RI-T also on a domain neither was trained on",
        question="cross_domain",
        statistic=(
            "the test error of RI-T less that of P-T on a domain that neither was trained on; a failed run counts as"
            " chance; over networks and images"
        ),
        rule=Above(),
        about="metric",
        pretrained=True,
        effect=0.02,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-B.7-b",
        "B.7",
        "performance rises in the middle between P-T of different domains",
        question="cross_domain",
        statistic=(
            "two P-T of different domains: the test error of (1) the one end, (2) the other, less that of the best λ"
            " from 0.25 to 0.75, λ chosen on one half of the images and measured on the other; over networks (one "
            "left out at a time) and images"
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
        "000-B.9-a",
        "B.9",
        "train error, test error and gap show the same and can be used interchangeably",
        question="criticality",
        statistic=(
            "Spearman's ρ over cells of the train error with (1) the test error, (2) the gap of the two (its size), "
            "network by network; over networks"
        ),
        rule=AllOf(Above(0.9, against=0.5), Above(0.9, against=0.5)),
        about="criticality",
        kinds=("P-T", "RI-T"),
        effect=0.95,
        units="ρ",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-C-a",
        "App. C",
        "the whole spectrum of RI-T is more concentrated towards zero than that of P-T",
        question="spectrum",
        statistic=(
            "the share of all singular values of the network under the median of P-T, of RI-T less of P-T; over "
            "networks"
        ),
        rule=Above(),
        about="spectrum",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=0.05,
        units="share of singular values",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-C-b",
        "App. C",
        "the spectra of individual modules of RI-T are more concentrated towards zero",
        question="spectrum",
        statistic=(
            "the same share module by module, each under the median of P-T in that module, averaged over modules, of"
            " RI-T less of P-T; over networks"
        ),
        rule=Above(),
        about="spectrum",
        kinds=("P-T", "RI-T"),
        effect=0.05,
        units="share of singular values",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-C-c",
        "App. C",
        "Σ‖W‖_F/‖W‖₂ is larger for RI-T than for P-T, which predicts worse generalisation",
        question="spectrum",
        statistic=(
            "RI-T over P-T: the sum of ‖W‖_F/‖W‖₂ with the norms (1) of the maps, (2) of the kernels; over networks"
        ),
        rule=AllOf(Above(1.0), Above(1.0)),
        about="spectrum",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=1.1,
        units="times",
        effect_from=CHOSEN,
    ),
)
"""In the order of the paper."""
