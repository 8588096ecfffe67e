"""Claims of Neyshabur, Sedghi and Zhang 2020, §3.1 and §3.2: training, mistakes, features, distances."""

from __future__ import annotations

from ..claim import Claim
from ..rules import Above, AllOf, Each, Under
from ._shared import CHOSEN

__all__ = ["CLAIMS"]

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "000-3.1-a",
        "§3.1",
        "P-T ends better than RI-T on every target",
        question="learning_curves",
        statistic=(
            "the final test metric of P-T less that of RI-T, each at the learning rate that is best on validation "
            "images; a failed run counts as chance; over networks and images"
        ),
        rule=Above(),
        about="metric",
        pretrained=True,
        effect=0.082,
        units="share of test images",
        effect_from="half of 74.32 − 57.91 % (B.2, clipart)",
    ),
    Claim(
        "000-3.1-b",
        "§3.1",
        "P-T converges faster than RI-T on every target",
        question="learning_curves",
        statistic=(
            "the training accuracy averaged over epochs of P-T less that of RI-T, each at the learning rate that is "
            "best on validation images; a failed run counts as chance; over networks"
        ),
        rule=Above(),
        about="speed",
        pretrained=True,
        effect=0.05,
        units="share of training images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.1-c",
        "§3.1",
        "of all targets, the one that looks most like the source gains most",
        undecided=("how alike source and targets look is not measured, so a study cannot know which target is meant"),
    ),
    Claim(
        "000-3.1-d",
        "§3.1",
        "the final metric falls for both P-T and RI-T as blocks get smaller",
        question="block_shuffle",
        statistic=(
            "(1) for P-T, (2) for RI-T: the slope of the final test metric over the binary logarithm of the block's "
            "side, network by network (a seed at all sides is one); a failed run counts as chance; over networks and"
            " images"
        ),
        rule=AllOf(Above(), Above()),
        about="metric",
        pretrained=True,
        effect=0.02,
        units="share of test images a doubling",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.1-e",
        "§3.1",
        "where a target looks like the source, the relative drop shrinks with smaller blocks",
        question="block_shuffle",
        statistic=(
            "the slope of 100·(A_PT − A_RIT)/A_PT over the binary logarithm of the block's side, on targets that the"
            " study says look like the source; a failed run counts as chance; over networks and images"
        ),
        rule=Above(),
        about="metric",
        pretrained=True,
        effect=2.0,
        units="% of P-T's metric a doubling",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.1-f",
        "§3.1",
        "where a target looks unlike the source, the relative drop does not shrink with smaller blocks",
        question="block_shuffle",
        statistic=(
            "the same slope, on targets that the study says look unlike the source; a failed run counts as chance; "
            "over networks and images"
        ),
        rule=Under(1.0),
        about="metric",
        kinds=("P-T",),
        pretrained=True,
        effect=0.0,
        units="% of P-T's metric a doubling",
        effect_from="no difference",
    ),
    Claim(
        "000-3.1-g",
        "§3.1",
        "P-T's optimisation speed is stable over block sizes, while RI-T's falls much more (twice, say)",
        question="block_shuffle",
        statistic=(
            "slopes of the logarithm of speed (training accuracy averaged over epochs) over the binary logarithm of "
            "the block's side, network by network: (1) RI-T's less twice P-T's, (2) RI-T's; a failed run counts as "
            "chance; over networks"
        ),
        rule=AllOf(Above(), Above()),
        about="speed",
        kinds=("P-T",),
        pretrained=True,
        effect=0.05,
        units="logarithm a doubling",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.1-h",
        "§3.1",
        "P-T ends better than RI-T even when all pixels are shuffled",
        question="block_shuffle",
        statistic=(
            "the final test metric of P-T less that of RI-T on images with all values (else all pixels) shuffled; a "
            "failed run counts as chance; over networks and images"
        ),
        rule=Above(),
        about="metric",
        pretrained=True,
        effect=0.02,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.1-i",
        "§3.1",
        "P-T learns faster than RI-T even when all pixels are shuffled",
        question="block_shuffle",
        statistic=(
            "the training accuracy averaged over epochs of P-T less that of RI-T on the same images; a failed run "
            "counts as chance; over networks"
        ),
        rule=Above(),
        about="speed",
        pretrained=True,
        effect=0.05,
        units="share of training images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.2-a",
        "§3.2",
        "two P-T disagree on fewer images than a P-T and an RI-T",
        question="mistakes",
        statistic=(
            "the share of test images that exactly one of the two gets right, of a P-T and an RI-T less of two P-T; "
            "over networks (one left out at a time) and images"
        ),
        rule=Above(),
        about="likeness",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=0.077,
        units="share of test images",
        effect_from="half of 15.3 points (Table 6, of 14,736 images by the accuracies of B.2)",
    ),
    Claim(
        "000-3.2-b",
        "§3.2",
        "what only P-T gets wrong is mostly ambiguous; of what only RI-T gets wrong, much is easy",
        question="mistakes",
        statistic=(
            "how much more often all other networks, both starts weighted alike, are right on what only an RI-T gets"
            " wrong than on what only a P-T gets wrong; over networks (one left out at a time, among the others, too)"
            " and images"
        ),
        rule=Above(),
        about="likeness",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=0.1,
        units="share of images",
        effect_from=CHOSEN,
    ),
    Claim(
        "000-3.2-c",
        "§3.2",
        "two P-T compute more similar features than two RI-T",
        question="similarity",
        statistic=(
            "the mean CKA over the modules that both kinds of pairs have, heads left out, of two P-T less of two "
            "RI-T; over networks (one left out at a time) and images"
        ),
        rule=Above(),
        about="likeness",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=0.14,
        units="CKA",
        effect_from="half of 0.28 (Table 7)",
    ),
    Claim(
        "000-3.2-d",
        "§3.2",
        "two P-T compute more similar features than a P-T and an RI-T",
        question="similarity",
        statistic=(
            "the mean CKA over the modules that both kinds of pairs have, heads left out, of two P-T less of a P-T "
            "and an RI-T; over networks (one left out at a time) and images"
        ),
        rule=Above(),
        about="likeness",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=0.14,
        units="CKA",
        effect_from="half of 0.28 (Table 7)",
    ),
    Claim(
        "000-3.2-e",
        "§3.2",
        "the features of a P-T stay closer to those of P than to those of an RI-T",
        question="similarity",
        statistic=(
            "the mean CKA over the modules that both kinds of pairs have, heads left out, of P and a P-T less of a "
            "P-T and an RI-T; over networks (one left out at a time) and images"
        ),
        rule=Above(),
        about="likeness",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=0.14,
        units="CKA",
        effect_from="half of 0.28 (Table 7)",
    ),
    Claim(
        "000-3.2-f",
        "§3.2",
        "where an RI-T is one of the two, the features of the last stage are the most similar ones",
        question="similarity",
        statistic=(
            "for each other module: the CKA of the last module before the head less that of this one, over all pairs"
            " with an RI-T; over networks (one left out at a time) and images (of the paper's own tables, 1 shows it"
            " and 7 does not)"
        ),
        rule=Each(Above()),
        about="likeness",
        kinds=("RI-T",),
        effect=0.017,
        units="CKA",
        effect_from="half of 0.034 (Table 1, two RI-T)",
    ),
    Claim(
        "000-3.2-g",
        "§3.2, Table 2",
        "two P-T lie closer together than two RI-T",
        question="distance",
        statistic=(
            "the distance of two RI-T over that of two P-T, without heads of different size; over networks (one left"
            " out at a time)"
        ),
        rule=Above(1.0),
        about="position",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=1.97,
        units="times",
        effect_from="root of 3.88 (Table 2, the median of four targets)",
    ),
    Claim(
        "000-3.2-h",
        "Table 2",
        "P-T lies closer to P than RI-T does",
        question="distance",
        statistic=(
            "the distance of an RI-T to P over that of a P-T to P, without heads of different size; over networks"
        ),
        rule=Above(1.0),
        about="position",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=2.1,
        units="times",
        effect_from="root of 4.43 (Table 2, the median of four targets)",
    ),
    Claim(
        "000-3.2-i",
        "Table 8",
        "P-T ends closer to its start than RI-T (in three of four targets)",
        question="distance",
        statistic="the distance of an RI-T to its own start over that of a P-T to its own; over networks",
        rule=Above(1.0),
        about="position",
        kinds=("P-T", "RI-T"),
        pretrained=True,
        effect=1.92,
        units="times",
        effect_from="root of 3.70 (Table 8, the median of four targets)",
    ),
    Claim(
        "000-3.2-j",
        "§3.2",
        "the distance of a module grows towards higher layers",
        question="distance",
        statistic=(
            "for two P-T and for two RI-T, as far as there are: the factor by which the distance of a module grows "
            "from the first to the last, by the slope of its logarithm over depth, pair by pair, heads left out, "
            "averaged; over networks (one left out at a time)"
        ),
        rule=Each(Above(1.0)),
        about="position",
        kinds=("P-T", "RI-T"),
        effect=1.5,
        units="times from the first to the last module",
        effect_from=CHOSEN,
    ),
)
"""In the order of the paper."""
