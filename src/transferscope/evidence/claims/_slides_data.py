"""Claims of Sedghi's slides about the data of pre-training, and those of theirs that nothing here judges."""

from __future__ import annotations

from ..claim import Claim
from ..rules import Above, Each, Not, Within
from ._shared import CHOSEN, MARGIN

__all__ = ["CLAIMS"]

_PAIRED = "one number for each seed of pre-training; and draws and images"
_PAIRS_OF_SOURCES = f"few-shot accuracy of one source less that of another, of each two sources; {_PAIRED}"
_SOURCES = "at least four pre-trainings of each kind"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "003-A-a",
        "",
        "image-text pre-training (CLIP): which data one pre-trains on is important for transfer with few images",
        question="sources",
        statistic=f"CLIP, with the fewest images a class: {_PAIRS_OF_SOURCES}",
        rule=Not(Each(Within(MARGIN))),
        about="metric",
        kinds=("P",),
        pretrained=True,
        effect=0.05,
        units="share of test images",
        effect_from=CHOSEN,
        needs=_SOURCES,
    ),
    Claim(
        "003-A-b",
        "",
        "the same with SimCLR: which data one pre-trains on is important for transfer with few images",
        question="sources",
        statistic=f"SimCLR, with the fewest images a class: {_PAIRS_OF_SOURCES}",
        rule=Not(Each(Within(MARGIN))),
        about="metric",
        kinds=("P",),
        pretrained=True,
        effect=0.05,
        units="share of test images",
        effect_from=CHOSEN,
        needs=_SOURCES,
    ),
    Claim(
        "003-A-c",
        "",
        "with few images contrastive pre-training is better than supervised pre-training",
        question="sources",
        statistic=(
            "few-shot accuracy, with the fewest images a class, of (1) each contrastive objective that there is less "
            f"supervised pre-training on the same images, the mean over sources; {_PAIRED}"
        ),
        rule=Each(Above(0.0)),
        about="metric",
        pretrained=True,
        effect=0.02,
        units="share of test images",
        effect_from=CHOSEN,
        needs=_SOURCES,
    ),
    Claim(
        "003-A-d",
        "",
        "contrastive pre-training on two views of an image is better than that on an image and its text",
        question="sources",
        statistic=(
            "few-shot accuracy, with the fewest images a class, of SimCLR less CLIP on the same images, the mean "
            f"over sources; {_PAIRED}"
        ),
        rule=Above(0.0),
        about="metric",
        pretrained=True,
        effect=0.12,
        units="share of test images",
        effect_from="half of 25 points, what the authors' own fine-tunings give with one image a class, rounded",
        needs=_SOURCES,
    ),
    Claim(
        "003-A-e",
        "",
        "diversity of the pre-training data matters",
        question="sources",
        statistic=(
            "few-shot accuracy, with the fewest images a class, of pre-training on as many images of each cluster "
            f"less pre-training on as many random ones, the mean over sources; {_PAIRED}"
        ),
        rule=Above(0.0),
        about="metric",
        pretrained=True,
        effect=0.02,
        units="share of test images",
        effect_from=CHOSEN,
        needs=_SOURCES,
    ),
    Claim(
        "003-A-f",
        "",
        "of seven pre-training sets of one size Shutterstock is the best",
        undecided="it is about these seven sets; the question `sources` says which of a study's own is highest",
    ),
    Claim(
        "003-B-a",
        "",
        "what lies off the one curve of size, data and compute is due to hyper-parameters of training",
        undecided="`grid` says with intervals what learning rates and weight decays add at equal upstream accuracy; "
        "that nothing else adds is 003-i",
    ),
    Claim(
        "003-B-b",
        "",
        "hyper-parameters of pre-training have to be chosen for the target",
        undecided="that the best head weight decay up- and downstream differ is 003-n and 003-o; of others no "
        "direction is said",
    ),
    Claim(
        "003-B-c",
        "",
        "a random mixture of models reaches every accuracy in the convex hull of theirs",
        undecided="a theorem: the expected accuracy of a mixture is the mixture of accuracies; "
        "`numerics.mixture` does it and tests hold it",
    ),
    Claim(
        "003-B-d",
        "",
        "any two minima are connected by a curved path of low loss",
        undecided="earlier work's (Draxler et al. 2018; Garipov et al. 2018), cited as background: it takes training "
        "a curve, not networks; here lines, planes and hulls are looked at",
    ),
)
"""A is about the data of pre-training, B what is said beside the rest."""
