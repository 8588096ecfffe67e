"""Claims of Neyshabur, Sedghi and Zhang 2020, in the order of the paper."""

from __future__ import annotations

from ._claim import HULL, POSITIVE, RANK, Claim

__all__ = ["CLAIMS"]

_SEEDS = "a Welch t interval over seeds"
_BLOCKS = (
    "over seeds, with fewer than three of them over test images (binomial); cannot tell where either start is not "
    "clearly above chance unshuffled"
)
_TREND = (
    "epoch 0 left out where there are two later ones, t interval over runs; cannot tell where runs from no "
    "checkpoint are clearly above chance"
)
_LEARNED = f"{POSITIVE}; cannot tell, too, where all of either start give one answer to all images"
_BARRIER = (
    "height of the error over the straight line between the ends (Entezari et al. 2021) on test images, bootstrapped "
    "over images; with several pairs the hull of their intervals"
)
_NO_BARRIER = (
    "agrees with the interval at or below the threshold (2 points), disagrees with it above, otherwise cannot tell"
)
_A_BARRIER = (
    "agrees with the interval above the threshold (2 points), disagrees with it at or below, otherwise cannot tell"
)
_MIDDLE = (
    "gain of the best λ from 0.25 to 0.75 over the better end, λ chosen on one half of the images and measured on "
    "the "
    "other, bootstrapped over images"
)
_REWOUND = (
    "rise of the error with the module set back to the start, bootstrapped over test images, hull over networks"
)
_CKA = (
    "difference of mean CKA over the modules that both kinds of pairs have, heads left out, jackknifed over batches"
)
_NETWORKS = "over all pairs of a network of one kind with one of the other"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "000-3.1-a",
        "000 §3.1: P-T ends better than RI-T on every target",
        "learning_curves",
        f"difference of the final test metric, each start at the learning rate it ends best with; {_SEEDS}",
        POSITIVE,
    ),
    Claim(
        "000-3.1-b",
        "000 §3.1: P-T converges faster than RI-T on every target",
        "learning_curves",
        f"difference of the training accuracy averaged over epochs; {_SEEDS}",
        POSITIVE,
    ),
    Claim(
        "000-3.1-c",
        "000 §3.1: of all targets, the one that looks most like the source gains most",
        None,
        undecided="how alike source and targets look is not measured, so a study cannot know which target is meant",
    ),
    Claim(
        "000-3.1-d",
        "000 §3.1: the final metric falls for both P-T and RI-T as blocks get smaller",
        "block_shuffle",
        f"slope of the final test metric over the logarithm of the block's side, the lesser of both starts; "
        f"{_BLOCKS}",
        "agrees with both 95 % intervals above 0, disagrees with one below, otherwise cannot tell",
    ),
    Claim(
        "000-3.1-e",
        "000 §3.1: where a target looks like the source, the relative drop shrinks with smaller blocks",
        "block_shuffle",
        f"slope of 100·(A_PT − A_RIT)/A_PT over the logarithm of the block's side; {_BLOCKS}",
        f"{POSITIVE}; never disagrees where the study does not say which targets look like the source",
    ),
    Claim(
        "000-3.1-f",
        "000 §3.1: where a target looks unlike the source, the relative drop does not shrink with smaller blocks",
        "block_shuffle",
        "the same slope, on targets that the study says are unlike the source",
        "the other way round",
    ),
    Claim(
        "000-3.1-g",
        "000 §3.1: P-T's optimisation speed is stable over block sizes, while RI-T's falls much more (twice, say)",
        "block_shuffle",
        f"share of its speed that a halving of the block's side leaves RI-T, and by how much that is less than what "
        f"twice P-T's relative loss would leave; {_BLOCKS}",
        f"{POSITIVE}; agrees only where RI-T's speed falls at all",
    ),
    Claim(
        "000-3.1-h",
        "000 §3.1: P-T ends better than RI-T even when all pixels are shuffled",
        "block_shuffle",
        f"difference of the final test metric on images with all values or pixels shuffled; {_BLOCKS}",
        POSITIVE,
    ),
    Claim(
        "000-3.1-i",
        "000 §3.1: P-T learns faster than RI-T even when all pixels are shuffled",
        "block_shuffle",
        f"difference of the training accuracy averaged over epochs; {_BLOCKS}",
        POSITIVE,
    ),
    Claim(
        "000-3.2-a",
        "000 §3.2: two P-T disagree on fewer images than a P-T and an RI-T",
        "mistakes",
        "difference of the shares of test images that exactly one of the two gets right, bootstrapped over images",
        _LEARNED,
    ),
    Claim(
        "000-3.2-b",
        "000 §3.2: what only P-T gets wrong is mostly ambiguous, of what only RI-T does much is easy",
        "mistakes",
        "how much more often all other networks, both starts weighted alike, are right on what only an RI-T gets "
        "wrong "
        "than on what only a P-T gets wrong, bootstrapped over images",
        _LEARNED,
    ),
    Claim(
        "000-3.2-c",
        "000 §3.2: two P-T compute more similar features than two RI-T",
        "similarity",
        _CKA,
        POSITIVE,
    ),
    Claim(
        "000-3.2-d",
        "000 §3.2: two P-T compute more similar features than a P-T and an RI-T",
        "similarity",
        _CKA,
        POSITIVE,
    ),
    Claim(
        "000-3.2-e",
        "000 §3.2: the features of a P-T stay closer to those of P than to those of an RI-T",
        "similarity",
        _CKA,
        POSITIVE,
    ),
    Claim(
        "000-3.2-f",
        "000 §3.2: where an RI-T is one of the two, the features of the last stage are the most similar ones",
        "similarity",
        "mean CKA of the last module before the head less that of the most similar other one, over all pairs with an "
        "RI-T; jackknifed over batches (of the paper's own tables, 1 shows it and 7 does not)",
        POSITIVE,
    ),
    Claim(
        "000-3.2-g",
        "000 §3.2, Table 2: two P-T lie closer together than two RI-T",
        "distance",
        f"ratio of the distances, {_NETWORKS}",
        HULL,
    ),
    Claim(
        "000-3.2-h",
        "000 Table 2: P-T lies closer to P than RI-T does",
        "distance",
        f"ratio of the distances, {_NETWORKS}",
        HULL,
    ),
    Claim(
        "000-3.2-i",
        "000 Table 8: P-T ends closer to its start than RI-T (in three of four targets)",
        "distance",
        f"ratio of the distances to the own start, {_NETWORKS}",
        HULL,
    ),
    Claim(
        "000-3.2-j",
        "000 §3.2: the distance of a module grows towards higher layers",
        "distance",
        "Kendall's τ of depth and the mean distance of a module, over modules without the head",
        RANK,
    ),
    Claim("000-3.3-a", "000 §3.3: no performance barrier between two P-T", "barrier", _BARRIER, _NO_BARRIER),
    Claim(
        "000-3.3-b",
        "000 §3.3: some networks between two P-T are slightly better than both",
        "barrier",
        _MIDDLE,
        POSITIVE,
    ),
    Claim("000-3.3-c", "000 §3.3: a clear barrier between two RI-T", "barrier", _BARRIER, _A_BARRIER),
    Claim(
        "000-3.3-d",
        "000 §3.3, B.5: a clear barrier between two RI-T even of one initialisation",
        "barrier",
        _BARRIER,
        _A_BARRIER,
    ),
    Claim(
        "000-3.3-e",
        "000 §3.3, Fig. 4: no barrier between the best and the final weights of a P-T run",
        "barrier",
        _BARRIER,
        _NO_BARRIER,
    ),
    Claim(
        "000-3.3-f",
        "000 §3.3, Fig. 4: a small barrier between the best and the final weights of an RI-T run",
        "barrier",
        _BARRIER,
        _A_BARRIER,
    ),
    Claim(
        "000-3.3-g",
        "000 §3.3: two P-T live in one (ε, δ)-basin, with ε of 0.0034 to 0.0054 for the test error",
        "basin",
        "ε of the set they span, extended to where the error rises, and whether a δ exists (Def. 3.1); over draws",
        "agrees when ε with its interval is under the threshold and δ exists, disagrees when either is not so",
    ),
    Claim(
        "000-3.3-h",
        "000 §3.3: two RI-T do not live in one (ε, δ)-basin for reasonable ε",
        "basin",
        "as for two P-T",
        "the other way round",
    ),
    Claim(
        "000-3.4-a",
        "000 §3.4, Fig. 5: the final layer (FC) is critical for P-T",
        "rewind",
        _REWOUND,
        _A_BARRIER,
    ),
    Claim(
        "000-3.4-b",
        "000 §3.4, Fig. 5: the final layer (FC) is critical for P-T only, not for RI-T",
        "rewind",
        f"the same of RI-T: {_REWOUND}",
        _NO_BARRIER,
    ),
    Claim("000-3.4-c", "000 §3.4, Fig. 5: the first layer (Conv1) is critical", "rewind", _REWOUND, _A_BARRIER),
    Claim(
        "000-3.4-d",
        "000 §3.4: higher layers of P-T are more critical than lower ones",
        "rewind",
        "Kendall's τ of depth and the rise of the error, over modules without the head",
        RANK,
    ),
    Claim(
        "000-3.4-e",
        "000 §3.4: from input to output the valleys of P-T become tighter, i.e. modules more critical",
        "criticality",
        "Kendall's τ of depth and μ_i, as defined and for the module's size",
        "p < 0.05 for its size, and not the other way as defined: agrees for τ > 0, disagrees for τ < 0",
    ),
    Claim(
        "000-3.4-f",
        "000 §3.4: modules of RI-T are more sensitive than those of P-T",
        "criticality",
        "sign test over modules of the share of cells with noise that keep the error within ε",
        "p < 0.05: agrees when RI-T keeps fewer in most modules, disagrees when in the minority",
    ),
    Claim(
        "000-3.4-g",
        "000 §3.4: the valleys of RI-T have a transition point between start and end",
        "criticality",
        "sign test over modules of whether a valley is tighter at some place of any of its paths than on both sides, "
        "RI-T against P-T",
        "p < 0.05: agrees when RI-T has more of them; disagrees when P-T has, or RI-T has none in 5 modules that "
        "could",
    ),
    Claim(
        "000-3.4-h",
        "000 §3.4: the best weights are a better end of the paths than the final ones",
        None,
        undecided="the paper does not say in what sense better; criticality tells how the two differ",
    ),
    Claim(
        "000-3.5-a",
        "000 §3.5: the later the checkpoint of pre-training, the better the end",
        "checkpoints",
        f"slope of the final test metric over the order of the checkpoints, {_TREND}",
        POSITIVE,
    ),
    Claim(
        "000-3.5-b",
        "000 §3.5: the later the checkpoint of pre-training, the faster the training",
        "checkpoints",
        f"slope of the training accuracy averaged over epochs over the order of the checkpoints, {_TREND}",
        POSITIVE,
    ),
    Claim(
        "000-3.5-c",
        "000 §3.5: over checkpoints, optimisation speed reaches its plateau earlier than the final metric",
        "checkpoints",
        "epochs of pre-training between the checkpoints at which either has 90 % of its rise, bootstrapped over "
        "seeds",
        f"{POSITIVE}; cannot tell, too, where runs from no checkpoint are clearly above chance",
    ),
    Claim(
        "000-3.5-d",
        "000 §3.5: one can start from earlier checkpoints without losing in the end",
        "checkpoints",
        "difference of the final test metric to that from the last checkpoint, over seeds or test images",
        "agrees when from some earlier checkpoint on all intervals begin at or above −1 point, disagrees when all "
        "end below 0; cannot tell where runs from no checkpoint are clearly above chance",
    ),
    Claim(
        "000-3.5-e",
        "000 §3.5: the source metric of a checkpoint is not always a faithful sign of its worth for transfer",
        None,
        undecided="one exception suffices for not always; checkpoints gives the correlation of the two",
    ),
    Claim(
        "000-5-a",
        "000 §5: weights of P-T trained in parallel can be averaged without loss of performance",
        "variants",
        "difference of the final test metric, averaged runs against plain P-T, over seeds or test images",
        "agrees with the interval above the threshold below zero (2 points), disagrees with it under that, otherwise "
        "cannot tell",
    ),
    Claim(
        "000-5-b",
        "000 §5: that two P-T share a basin can be used to improve ensembles",
        None,
        undecided="an outlook, not an observation; variants measures ensembles of other starts",
    ),
    Claim(
        "000-B.1-a",
        "000 B.1: P-T generally does better with the smaller learning rate",
        "learning_curves",
        f"difference of the final test metric between the smallest and the largest rate; {_SEEDS}",
        f"{POSITIVE}; where all runs at one rate diverge, the other is better",
    ),
    Claim(
        "000-B.1-b",
        "000 B.1: RI-T generally does better with the larger learning rate",
        "learning_curves",
        f"difference of the final test metric between the largest and the smallest rate; {_SEEDS}",
        f"{POSITIVE}; where all runs at one rate diverge, the other is better",
    ),
    Claim(
        "000-B.1-c",
        "000 B.1: on chest X-rays, and only there, networks overfit when trained for long",
        "learning_curves",
        f"fall of the test metric from the epoch that is best on validation images to the last; {_SEEDS}; a target "
        "whose metric is the AUC is taken for chest X-rays",
        "by AUC agrees with the 95 % interval above 0, disagrees with it at or below 1 point; elsewhere the other "
        "way round; otherwise cannot tell",
    ),
    Claim(
        "000-B.2-a",
        "000 B.2, Tables 4–6: two P-T disagree on fewer images than two RI-T",
        "mistakes",
        "difference of the shares of test images that exactly one of the two gets right, bootstrapped over images",
        _LEARNED,
    ),
    Claim(
        "000-B.2-b",
        "000 B.2: P-T is more accurate in every class",
        "mistakes",
        "share of the classes, of those in which the two differ, in which P-T is better; Wilson interval",
        "agrees with the interval above one half, disagrees with it below: a majority, as every class is too much to "
        "ask of a sample; cannot tell where all of either start give one answer to all images",
    ),
    Claim(
        "000-B.2-c",
        "000 B.2: the accuracy of P-T by class is more correlated with class size than that of RI-T",
        "mistakes",
        "difference of Pearson's r, bootstrapped over classes",
        _LEARNED,
    ),
    Claim(
        "000-B.4-a",
        "000 B.4: on chest X-rays P-T has the better AUC and the higher test loss",
        "learning_curves",
        f"differences of the final test loss and of the final AUC; {_SEEDS}",
        "agrees with both 95 % intervals above 0, disagrees with one below 0, otherwise cannot tell",
    ),
    Claim(
        "000-B.5-a",
        "000 B.5: the barrier between two RI-T is smaller when their start is the same",
        "barrier",
        "difference of the heights; hull of the intervals of all pairs",
        POSITIVE,
    ),
    Claim(
        "000-B.6-a",
        "000 B.6: two P-T lie close to the boundary of their basin",
        "extrapolation",
        "where beyond either network the error has risen by the threshold, in units of their distance; bootstrapped",
        "agrees when both intervals end within half their distance, disagrees when both begin beyond it",
    ),
    Claim(
        "000-B.7-a",
        "000 B.7: P-T does better than RI-T also on a domain neither was trained on",
        "cross_domain",
        "difference of the error on the same images, bootstrapped over images",
        POSITIVE,
    ),
    Claim(
        "000-B.7-b",
        "000 B.7: performance rises in the middle between P-T of different domains",
        "cross_domain",
        _MIDDLE,
        POSITIVE,
    ),
    Claim(
        "000-B.9-a",
        "000 B.9: train error, test error and gap show the same and can be used interchangeably",
        "criticality",
        "Spearman's ρ over cells of the train error with the test error and with their difference",
        "agrees when both are at least 0.9 in size, disagrees when one is under 0.5; cannot tell where the error "
        "hardly changes, or as trained has no clear gap",
    ),
    Claim(
        "000-C-a",
        "000 App. C: the whole spectrum of RI-T is more concentrated towards zero than that of P-T",
        "spectrum",
        "difference of the shares of singular values under the median of P-T; a Welch t interval over networks",
        "agrees with the 95 % interval above 0 and all of the one kind above all of the other, disagrees with both "
        "below, otherwise cannot tell",
    ),
    Claim(
        "000-C-b",
        "000 App. C: the spectra of individual modules of RI-T are more concentrated towards zero",
        "spectrum",
        "sign test over modules of the share of singular values under the median of P-T",
        "p < 0.05: agrees when RI-T has more in most modules, disagrees when in the minority",
    ),
    Claim(
        "000-C-c",
        "000 App. C: Σ‖W‖_F/‖W‖₂ is larger for RI-T than for P-T, which predicts worse generalisation",
        "spectrum",
        "ratio of the sums, with ‖W‖_F of the maps and of the kernels; Welch t intervals of the logarithms over "
        "networks",
        "agrees with both 95 % intervals, and the ratio of any two networks, above 1; disagrees with all below 1; "
        "otherwise cannot tell",
    ),
)
"""In the order of the paper."""
