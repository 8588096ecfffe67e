"""Claims of Sedghi's slides that nothing here judges: the data of pre-training, and what is cited."""

from __future__ import annotations

from ..claim import Claim

__all__ = ["CLAIMS"]

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "003-A-a",
        "",
        "with few labelled images it matters which images the network was pre-trained on, with CLIP as with SimCLR",
        undecided="that it matters has no direction: `source_choice` and `scores` set sources against one another "
        "with intervals, and 002-5.1-a judges which of two like sources helps more; the slides' sources (LAION, "
        "Shutterstock, …) are not here",
    ),
    Claim(
        "003-A-b",
        "",
        "with few labelled images contrastive pre-training does better than pre-training on labels",
        undecided="a study can pre-train both ways (`objective: simclr`) and `probe` and `scores` measure both "
        "with their intervals, for one source; the claim is of millions of images, and no effect at a few thousand "
        "follows from it",
    ),
    Claim(
        "003-A-c",
        "",
        "contrasting images with images does better than contrasting them with texts",
        undecided="takes pairs of images and texts to pre-train on, which are not images with labels",
    ),
    Claim(
        "003-A-d",
        "",
        "the diversity of the data that is pre-trained on matters",
        undecided="neither what diversity is nor what it does is said; `variants` and `class_count` vary it",
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
