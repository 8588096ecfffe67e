"""The ways in which data come about, each with its spreads; rows name them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from transferscope.evidence.rules import Evidence

from . import of_grids as g
from . import of_heads as heads
from . import of_images as i
from . import of_lines as lines
from . import of_networks as n
from . import of_pairs as p
from . import of_sources as s
from .family import Family

__all__ = [
    "ACCURACY", "AGREEING", "AUC_LOSS", "BASIN", "BEST_CHECKPOINT", "CHECKPOINTS", "CHECKPOINT_SPEED", "CKA",
    "CLASSES", "CLASS_SIZE", "CRITICAL", "CURVATURE", "DECAYS_DOWN", "DECAYS_MARGINS", "DECAYS_NORMS", "DECAYS_UP",
    "DEPTHS", "DEPTHS_WANDER", "DISAGREE_ACROSS", "DISAGREE_WITHIN", "DISTANCES", "DISTANCES_FEW", "DOMAINS", "DROP",
    "EARLIER", "EDGES", "FLOORS", "GAIN", "GATHERING", "GIVEN", "GRADIENT", "GROWTH", "HARDNESS", "HEIGHTS",
    "LAST_MODULE", "LEADING", "LOG_SPEED", "LOSS_RISE", "MODULES", "MOST_AND_LEAST", "NEAR", "NEEDS", "NORMS",
    "OFFSETS", "OVERFIT", "PAIRED_KINDS", "PAIRED_SOURCES", "PEAK_ACROSS", "PEAK_FEW", "PEAK_RUN", "PEAK_TWO",
    "PLATEAU", "PRETRAININGS", "RANKS", "RANKS_AHEAD", "REWOUND_DEPTH", "REWOUND_DEPTH_WANDER", "ROUGH", "SAME",
    "SINGULAR", "SIZES", "SOUPS", "SOUPS_SHIFTED", "SOURCES", "SPEED", "STARTS", "STEPS", "TARGETS", "TARGET_STARTS",
    "TOP_LAYERS", "TRAINING", "VALLEYS", "VALLEYS_WANDER", "WIDE",
]  # fmt: skip


def _of_networks(
    name: str,
    says: str,
    draw: Callable[..., tuple[Evidence, ...]],
    counts: tuple[int, ...] = (3, 5, 8),
    few: int = 2,
    slow: bool = False,
) -> Family:
    return Family(name, says, draw, images=False, counts=counts, few=few, slow=slow)


ACCURACY = Family(
    "accuracy",
    "errors of two kinds on the same images: rate 35 %, latent spread 0.15 between networks (about 4 points), 0.5 "
    "between kinds image by image, 1 common to all, 1 of each network and image",
    partial(i.accuracies, rate=0.35, network=0.15),
)
AGREEING = Family(
    "accuracy, networks alike",
    "errors as for accuracy, of networks that hardly differ (latent 0.03, about half a point; rate 20 %)",
    partial(i.accuracies, rate=0.2, network=0.03, kind=0.3),
)
EARLIER = Family(
    "accuracy at checkpoints",
    "errors at a rate of 30 % (latent 0.05, about one point), three kinds each held against the same last one",
    partial(i.accuracies, rate=0.3, network=0.05, kind=0.3),
)
SOURCES = Family(
    "accuracy from sources",
    "errors from three sources in an order, each held against the next (latent 0.1 between networks)",
    partial(i.sources, rate=0.35, network=0.1),
)
CLASSES = Family(
    "accuracy by class",
    "errors by class, ten classes, each on its own tenth of the images (latent 0.05, kinds 0.3)",
    partial(i.classes, rate=0.35, network=0.05, kind=0.3),
    slow=True,
)
BEST_CHECKPOINT = Family(
    "best checkpoint",
    "errors at seven checkpoints of one pre-training (latent 0.1), which differ by 1 point for all seeds alike; the "
    "best is chosen on as many validation images; one pre-training's own",
    partial(i.best_checkpoint, points=7, common=0.01, rate=0.3, network=0.1),
)
AUC_LOSS = Family(
    "AUC and loss",
    "influence values of an AUC of 0.75 (spread about 1 point), 20 % positive images; skewed losses (spread 0.02)",
    partial(i.auc_and_loss, signal=0.75, spread=0.07),
    slow=True,
)
OVERFIT = Family(
    "change over epochs",
    "errors of the last epoch less those of the best one, on four targets, both kinds weighted alike (latent 0.05)",
    partial(i.overfitting, rate=0.3, network=0.05),
    slow=True,
)
SOUPS = Family(
    "soup of a seed",
    "errors at a rate of 20 % of a best single network, its ensemble and its soup, alike but for a tenth of what is "
    "their own (latent 0.05 between seeds)",
    partial(i.soups, rate=0.2, network=0.05),
)
SOUPS_SHIFTED = Family(
    "soup of a seed, shifted",
    "as for the soup of a seed, on two shifted sets of two thirds and one third of the images, errors at rates of "
    "35 % and 55 %, each set weighted alike",
    partial(i.soups_shifted, rates=(0.35, 0.55), network=0.05),
)
CRITICAL = Family(
    "module set back",
    "errors after less before a module is set back (latent 0.1 between networks)",
    partial(i.rewound, rate=0.3, network=0.1),
)
MODULES = Family(
    "slope of the metric",
    "errors at five block sides in a row for each seed (latent 0.1 for each run)",
    partial(i.metric_slopes, network=0.1),
)
DROP = Family(
    "slope of the relative drop",
    "as the slope of the metric; P-T at 70 %, RI-T 30 % lower",
    partial(i.drop_slopes, network=0.1),
)
CHECKPOINTS = Family(
    "slope over checkpoints",
    "errors at six checkpoints of one pre-training, which differ by 3 points for all seeds alike; "
    "latent 0.1 for each run",
    partial(i.checkpoint_slopes, points=6, common=0.03, network=0.1),
)
GRADIENT = Family(
    "gradient of starts",
    "norms on the same images, the logarithm spread by 0.15 between random starts; the pre-trained weights given",
    partial(i.gradient_size, starts=0.15),
)
GROWTH = Family(
    "growth of the gradient",
    "as the gradient of starts; three numbers made of one growth a start (spread 0.15)",
    partial(n.gradient_growth, starts=0.15),
)

WIDE = _of_networks(
    "squares of wide networks",
    "the square of 16 numbers that are each off by a normal error, over what is predicted, less 1 (spread 0.04)",
    partial(n.squares, each=0.02),
    counts=(4, 5, 8),
    few=3,
)
SPEED = _of_networks("speed", "normal, spread 0.02 and 0.03", partial(n.numbers, first=0.02, second=0.03))
SINGULAR = _of_networks(
    "share of values", "normal, spread 0.01 and 0.03", partial(n.numbers, first=0.01, second=0.03)
)
LOSS_RISE = _of_networks(
    "rise of the loss", "normal, spread 0.03 and 0.06", partial(n.numbers, first=0.03, second=0.06)
)
CLASS_SIZE = _of_networks("correlation by class", "normal, spread 0.02", partial(n.numbers, first=0.02, second=0.02))
SIZES = _of_networks("share of cells", "normal, spread 0.05", partial(n.numbers, first=0.05, second=0.05))
NEAR = _of_networks(
    "share of modules",
    "binomial: each of eight modules of a network with probability 30 %",
    partial(n.shares, modules=8, rate=0.3),
)
STARTS = _of_networks("log ratio", "lognormal, spread 0.05 and 0.1", partial(n.ratios, first=0.05, second=0.1))
CURVATURE = _of_networks(
    "log ratio, wide",
    "lognormal, spread 0.2; of two parts correlated by 0.7",
    partial(n.ratios, first=0.2, second=0.2),
)
NORMS = _of_networks(
    "log ratio, narrow",
    "lognormal, spread 0.02; two parts correlated by 0.7",
    partial(n.ratios, first=0.02, second=0.02),
)
TRAINING = _of_networks(
    "training error",
    "gamma, a coefficient of variation of 0.3, eight tasks (four targets, two ways to train), 5,000 images",
    partial(n.training_errors, variation=0.3),
)
STEPS = _of_networks(
    "steps from the start",
    "six intervals of two kinds of runs, in mean steps: normal, spread 0.1 of each but the first, which has the rest",
    partial(n.steps, spread=0.1),
)
REWOUND_DEPTH = Family(
    "module set back, depth",
    "errors after less before each of six modules is set back, 10 points on average; latent 0.3 of each network and "
    "module",
    partial(i.rewound_depth, rate=0.2, network=0.3, wander=False),
)
REWOUND_DEPTH_WANDER = Family(
    "module set back, depth, wandering",
    "the same, of modules that wander from one to the next (a random walk, steps of 0.15)",
    partial(i.rewound_depth, rate=0.2, network=0.15, wander=True),
)
VALLEYS = _of_networks(
    "μ of modules",
    "lognormal with spread 1.5 in each of six modules of a network, in steps of four; 0 under 4⁻⁵, infinite over 4⁵",
    partial(n.criticality, wander=False),
)
VALLEYS_WANDER = _of_networks(
    "μ of modules, wandering",
    "the same, of modules that wander from one to the next (a random walk)",
    partial(n.criticality, wander=True),
)
CHECKPOINT_SPEED = _of_networks(
    "slope of speed",
    "six checkpoints of one pre-training, which differ by 0.03 for all seeds alike; 0.02 for each run",
    partial(n.changes, points=6, common=0.03, each=0.02),
)
PRETRAININGS = _of_networks(
    "slope, pre-trainings",
    "six checkpoints, pre-trainings as the sample, three seeds each; checkpoints wander (steps of 0.01)",
    partial(n.pretrainings, points=6, common=0.01, each=0.02),
    counts=(4, 5, 8),
    few=3,
)
LOG_SPEED = _of_networks(
    "slope of log speed", "five block sides, spread 0.05 of each run's logarithm", partial(n.log_slopes, each=0.05)
)
PLATEAU = _of_networks(
    "plateau",
    "rises of 50 points like 1 − exp(−4x) at seven checkpoints, which differ by 1 point for all seeds alike in each "
    "of the two curves; noise 0.01 for each run",
    partial(n.plateaus, points=7, common=0.01, each=0.01),
)
SAME = _of_networks(
    "correlation over cells", "1 − ρ is gamma of shape 8 (spread 0.035 at 0.9)", partial(n.bounded_rho, shape=8.0)
)
TARGETS = _of_networks(
    "correlation over targets", "normal; the count is of targets", partial(n.over_targets), counts=(4, 5, 8), few=3
)
GIVEN = _of_networks(
    "starts less given",
    "spread 0.05 between starts, 0.1 between four planes, the same for all; the pre-trained weights given",
    partial(n.far_from_given, starts=0.05),
)
LEADING = _of_networks(
    "starts over given", "lognormal, spread 0.15, two parts correlated by 0.7", partial(n.times_far, starts=0.15)
)
ROUGH = _of_networks(
    "roughness of starts",
    "lognormal, spread 0.15 between starts, 0.1 between four planes, around the given weights, too",
    partial(n.roughness, starts=0.15),
)

DISTANCES = _of_networks(
    "distance of pairs",
    "lognormal: 0.02 (P-T) and 0.04 (RI-T) of each network, 0.02 of each pair",
    partial(p.distances, near=0.02, far=0.04, own=0.02),
)
DISTANCES_FEW = {
    partners: _of_networks(
        f"distance of pairs, {partners} partner{'s' * (partners > 1)}",
        "as distance of pairs, each network joined with the next so many around a circle",
        partial(p.distances, near=0.02, far=0.04, own=0.02, partners=partners),
        counts=(5, 8, 12),
    )
    for partners in (1, 2)
}
TARGET_STARTS = _of_networks(
    "distance of pairs over targets",
    "lognormal: 0.05 of each network, 0.02 of each pair; three targets, the count is of networks a target",
    partial(p.targets_and_starts, each=0.05, own=0.02),
    few=1,
)
GATHERING = _of_networks(
    "distance to one network", "lognormal, 0.05 of each network", partial(p.gathering, each=0.05)
)
DEPTHS = _of_networks(
    "distance of modules",
    "lognormal: 0.1 of each network and module, 0.05 of each pair and module; six modules",
    partial(p.depths_of_pairs, wander=False),
)
DEPTHS_WANDER = _of_networks(
    "distance of modules, wandering",
    "the same, of networks that wander from module to module (a random walk)",
    partial(p.depths_of_pairs, wander=True),
)
_CKA: dict[str, Any] = {"each": 0.02, "own": 0.01, "hard": 0.15, "of_images": 0.1}
_SAYS_CKA = "0.02 of each network, 0.01 of each pair; over images 0.15 common to all and 0.1 of each network"
CKA = {
    sides: Family(f"similarity, {sides}", _SAYS_CKA, partial(p.likeness, sides=sides, **_CKA))
    for sides in ("PP-RR", "PP-PR", "given-PR")
}
LAST_MODULE = Family(
    "similarity of modules",
    "0.005 of each network, 0.003 of each pair, over images 0.1 and 0.05; the last of four modules against the rest",
    partial(p.last_modules, each=0.005, own=0.003, hard=0.1, of_images=0.05),
    slow=True,
)
DISAGREE_ACROSS = Family(
    "disagreement, across",
    "errors at a rate of 30 %, latent correlation 0.4 across kinds, 0.4 or more within; spread 10 % of the weights",
    partial(p.disagreements_across, rate=0.3, across=0.4, network=0.1),
)
DISAGREE_WITHIN = Family(
    "disagreement, within",
    "errors at a rate of 30 %, latent correlation 0.6 of two P-T, 0.6 or less of two RI-T",
    partial(p.disagreements_within, rate=0.3, within=0.6, network=0.1),
)
HARDNESS = Family(
    "hardness for others",
    "errors at a rate of 30 %, latent correlation 0.55 of two P-T and 0.2 across; RI-T the same or less alike",
    partial(p.hardness, rate=0.3, within=0.55, across=0.2, network=0.1),
    slow=True,
)
BASIN = Family(
    "basin of pairs",
    "ε: 0.001 of each network, 0.001 of each pair, 0.05 over images; the excess three times as much",
    partial(p.basins, each=0.001, own=0.001, of_images=0.05),
)
EDGES = Family(
    "edge of a basin",
    "lognormal: 0.15 of each network, 0.1 of each pair; over images 1 common to all and 0.5 of each network; a "
    "reach of 1",
    partial(p.edges, each=0.15, own=0.1, of_images=1.0),
)

_PEAK = "errors at 11 places, 2 points between ends, 1 point between heights"
PEAK_TWO = Family("line, two of a kind", _PEAK, partial(lines.peaks, of="two", ends=0.02, each=0.01), slow=True)
PEAK_FEW = {
    partners: Family(
        f"line, two of a kind, {partners} partner{'s' * (partners > 1)}",
        f"{_PEAK}; each network joined with the next so many around a circle",
        partial(lines.peaks, of="two", ends=0.02, each=0.01, partners=partners),
        counts=(5, 12),
        slow=True,
    )
    for partners in (1, 2)
}
PEAK_ACROSS = Family(
    "line, across kinds", f"{_PEAK}, networks of both kinds", partial(lines.peaks, of="across", ends=0.02, each=0.01),
    counts=(3, 5), slow=True,
)  # fmt: skip
PEAK_RUN = Family(
    "line within a run",
    f"{_PEAK}, one line a network",
    partial(lines.peaks, of="run", ends=0.02, each=0.01),
    slow=True,
)
GAIN = Family("gain, two of a kind", _PEAK, partial(lines.gains, of="two", ends=0.005, each=0.002), slow=True)
DOMAINS = Family(
    "gain, across domains",
    _PEAK,
    partial(lines.gains, of="domains", ends=0.005, each=0.002),
    counts=(3, 5),
    slow=True,
)
HEIGHTS = Family("heights of lines", f"{_PEAK}, two groups", partial(lines.heights, ends=0.02, each=0.01), slow=True)
TOP_LAYERS = Family(
    "few-shot at two places",
    "rate 60 %, latent 0.05 of each place of a pre-training; five draws of the support, latent 0.2 on both places "
    "and 0.05 on each, of all pre-trainings alike",
    partial(heads.probed, rate=0.6, network=0.05),
    counts=(4, 5, 8),
    few=3,
)
DECAYS_UP = Family(
    "metric over decays",
    "rate 80 % at the middle of three values, latent 0.03 of each pre-training",
    partial(heads.graded, rate=0.8, network=0.03),
    counts=(4, 5, 8),
    few=3,
)
DECAYS_DOWN = Family(
    "few-shot over decays",
    "rate 60 % at the middle of three values, latent 0.05 of each pre-training; five draws of the support, latent "
    "0.05 of each value, of all pre-trainings alike",
    partial(heads.graded, rate=0.6, network=0.05, draws=5, draw=0.05),
    counts=(4, 5, 8),
    few=3,
)
DECAYS_MARGINS = _of_networks(
    "margins over decays",
    "medians at three values, 0.03 of each pre-training in all and 0.05 in each",
    partial(heads.gradients, common=0.03, each=0.05),
    counts=(4, 5, 8),
    few=3,
)
DECAYS_NORMS = _of_networks(
    "norms over decays",
    "logarithms at three values, 0.01 of each pre-training in all and 0.02 in each",
    partial(heads.gradients, common=0.01, each=0.02),
    counts=(4, 5, 8),
    few=3,
)
FLOORS = _of_networks(
    "floor of a law",
    "configurations from 10 to 90 % upstream with three seeds each, downstream errors about 0.8·e^1.5 + e_∞ (scatter "
    "of 1 point between configurations, 0.3 between seeds), both accuracies tested on 1,000 images",
    partial(g.floors, scatter=0.01, seed=0.003), counts=(30, 60, 120), few=4,
)  # fmt: skip
OFFSETS = _of_networks(
    "offsets from a curve",
    "the same with e_∞ = 0.1 and four factors of three values each, of which the first also moves pre-trainings "
    "along the curve, by 50 points upstream",
    partial(g.offsets, scatter=0.01, seed=0.003),
    counts=(12, 30, 60, 120),
    few=8,
    slow=True,
)
RANKS = Family(
    "rank correlation of networks",
    "a measure of each network, errors of about 30 % that follow another normal number (latent spread 0.4 between "
    "networks, 1 common to all on an image, 1 of each network and image); two seeds a configuration, which makes "
    "96 % of both numbers' variance",
    g.rank_correlations, counts=(16, 32, 64), few=8,
)  # fmt: skip
RANKS_AHEAD = Family(
    "rank correlations, one against others",
    "the same with nine other measures beside the first, whose τ is 0.5; measures err independently of one another",
    partial(g.rank_contrasts, own=0.5), counts=(16, 32, 64), few=8, slow=True,
)  # fmt: skip
NEEDS = Family(
    "rank correlation of targets",
    "what is left to gain upstream (30 % of what there is over chance, spread 25, never under 0) and what higher "
    "layers give (40 %, spread 15) of each target, where pre-trainings are 10 to 50 points over chance; each "
    "measured on one half of the images",
    g.needs, counts=(12, 16, 32), few=8,
)  # fmt: skip
MOST_AND_LEAST = Family(
    "most and least critical module",
    "errors at a rate of 30 % after less before each of six modules is set back (latent 0.1 between networks, the "
    "same for all modules of one); one module rises by the first number, five by the second",
    partial(i.most_and_least, rate=0.3, network=0.1),
)
_PAIRED = (
    "rate 35 %, latent 0.1 of each network and 0.05 of each seed in common; five draws of the support, latent 0.2 on "
    "all kinds and 0.1 on each, of all seeds alike"
)
PAIRED_SOURCES, PAIRED_KINDS = (
    Family(name, f"{_PAIRED}; {says}", partial(s.paired, rate=0.35, network=0.1, of=of), counts=(4, 5, 8), few=3)
    for name, says, of in (
        ("few-shot from three sources", "each two of three sources", "each two"),
        ("few-shot, kinds by seed", "each kind against the last", "the last"),
    )
)
