"""The claims of Sedghi's slides that something here judges."""

from __future__ import annotations

from ..claim import Claim
from ..rules import Above, AllOf, Below, Each, Not, PeakAbove, Under, Within
from ..sources import SOURCES
from . import _slides_data, _slides_modules
from ._shared import CHOSEN, MARGIN, PEAK_OF_PAIRS

__all__ = ["CLAIMS"]

KEY, NAME = "003", "sedghi"
SHORT = SOURCES[KEY]
TITLE = "Towards understanding transfer learning and its limits"

_TABLES = (
    "`transferscope scaling` and the questions `scaling` and `prediction_power` measure it, task by task, with its "
    "interval; no rule makes a verdict of it"
)

_OVER_DECAYS = "by a line over the logarithm of the head's weight decay; one slope for each seed of pre-training"
_SOUPS = "at least three seeds, each with two fine-tuned networks"
_GRID = "at least four pre-trainings of each head weight decay"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "003-a",
        "",
        "barriers are to be expected between unrelated networks",
        question="barrier",
        statistic=f"a P-T and an RI-T: {PEAK_OF_PAIRS}",
        rule=PeakAbove(MARGIN),
        about="position",
        kinds=("P-T", "RI-T"),
        effect=0.1,
        units="share of test images",
        effect_from=CHOSEN,
    ),
    Claim(
        "003-b",
        "",
        "averaging the weights of models fine-tuned with different hyper-parameters improves their accuracy",
        question="soup",
        statistic=(
            "the test metric of a greedy soup less that of its best single network on held-out images; over soups "
            "that share no network (one a seed), and images"
        ),
        rule=Above(0.0),
        about="metric",
        kinds=("P-T",),
        pretrained=True,
        effect=0.005,
        units="share of test images",
        effect_from="half of 1.1 points, what the authors' 72 fine-tunings give on what they were tuned on, rounded",
        needs=_SOUPS,
    ),
    Claim(
        "003-c",
        "",
        "a soup of fine-tuned models has most of the accuracy that their ensemble gains, at the cost of one model",
        question="soup",
        statistic=(
            "the test metric of (1) the greedy ensemble less that of the best single network, (2) the greedy soup "
            "less that of the best single network, less half of the ensemble's; over soups that share no network, "
            "and images"
        ),
        rule=AllOf(Above(0.0), Above(0.0)),
        about="metric",
        kinds=("P-T",),
        pretrained=True,
        effect=0.005,
        units="share of test images",
        effect_from=CHOSEN,
        needs=_SOUPS,
    ),
    Claim(
        "003-d",
        "",
        "there is no barrier between fine-tuned models, so their weights can be averaged",
        undecided=(
            "the same as what Neyshabur et al. 2020, §3.3, say of two P-T, which the barrier judges; soups say it of "
            "given networks"
        ),
    ),
    Claim(
        "003-e",
        "",
        "raising upstream accuracy stops paying: downstream accuracy saturates even as upstream accuracy goes to 1",
        question="scaling",
        statistic=(
            "e_∞ of the law of all configurations of a grid (its networks averaged), at each number of shots, with "
            "its profile interval; over configurations"
        ),
        rule=Above(MARGIN),
        about="metric",
        effect=0.05,
        units="share of test images",
        effect_from="half of 0.1, about the middle of what the eight tasks of a figure show, read off it",
        needs="a grid with configurations of five different upstream accuracies",
    ),
    Claim(
        "003-f",
        "",
        "downstream error is a power law of upstream error with an irreducible error, and no straight line",
        undecided=f"{_TABLES}: which curve predicts models held out better is said with its interval, but no "
        "truth is known at which both are as good, on which a rule could be tried",
    ),
    Claim(
        "003-g",
        "",
        "k and e_∞ correlate negatively with the number of shots, α positively",
        undecided=f"{_TABLES}; and the slides' own table contradicts it (cars with ImageNet-21k: k +0.72)",
    ),
    Claim(
        "003-h",
        "",
        "the law is predicted well from many fewer models",
        undecided=f"{_TABLES}: neither 'well' nor 'many fewer' is a number",
    ),
    Claim(
        "003-i",
        "",
        "scaling size, data or compute leads to the same curve",
        question="grid",
        statistic=(
            "downstream accuracy that each of width, depth, share of the data and epochs, as far as there are, adds "
            "at equal upstream accuracy, from its least to its greatest value, fitted together with the law and all "
            "other factors, at the largest number of shots; over configurations, each of which counts once"
        ),
        rule=Each(Within(MARGIN)),
        about="metric",
        kinds=("P",),
        effect=0.0,
        units="share of test images",
        effect_from="the claim: nothing is added",
        needs="a grid of at least twelve configurations",
    ),
    Claim(
        "003-j",
        "",
        "conditioned on upstream accuracy not much is left for all other parameters to predict",
        undecided=f"{_TABLES}; and it is about the covariates that a table happens to have: of 72 published "
        "fine-tunings upstream accuracy explains nothing of ImageNet-R and hyper-parameters nearly all",
    ),
    Claim(
        "003-k",
        "",
        "the gap between models best on ImageNet and those best on a task closes as upstream accuracy rises",
        undecided=f"{_TABLES}: a hull has a handful of models, too few for an interval",
    ),
    Claim(
        "003-l",
        "",
        "for tasks that saturate early the higher layers are not needed",
        question="layers",
        statistic=(
            "Kendall's τ of what raising upstream accuracy from the median configuration's to the best one's "
            "buys by the law and by how much few-shot accuracy is better where the head was than half way, in "
            "the better half of configurations; both as shares of what there is over chance, each by one half of the "
            "test images; over targets"
        ),
        rule=Above(0.0),
        about="metric",
        effect=0.5,
        units="Kendall's τ",
        effect_from=CHOSEN,
        needs="at least twelve targets on which the better half of pre-trainings clearly beats chance",
    ),
    Claim(
        "003-m",
        "",
        "fine-grained features reside in the top layers of a pre-trained network",
        question="probe",
        statistic=(
            "few-shot accuracy (the most shots, λ by leave-one-out, mean over draws) at what the final layer is "
            "given less that at the module half way; over pre-trainings that differ in their seed alone, "
            "draws and images"
        ),
        rule=Above(0.0),
        about="metric",
        pretrained=True,
        effect=0.05,
        units="share of test images",
        effect_from=CHOSEN,
        needs="at least four pre-trainings of one source",
    ),
    Claim(
        "003-n",
        "",
        "raising the weight decay of the head in pre-training hurts upstream performance",
        question="head",
        statistic=f"the change of the upstream test metric a tenfold head weight decay, {_OVER_DECAYS}; and images",
        rule=Below(0.0),
        about="metric",
        kinds=("P",),
        pretrained=True,
        effect=-0.01,
        units="share of test images, a tenfold weight decay",
        effect_from=CHOSEN,
        needs=_GRID,
    ),
    Claim(
        "003-o",
        "",
        "raising the weight decay of the head in pre-training improves downstream performance for some tasks",
        question="head",
        statistic=(
            f"the change of few-shot accuracy a tenfold head weight decay, {_OVER_DECAYS}, draws and images; one "
            "number for each target"
        ),
        rule=Not(Each(Under(0.0))),
        about="metric",
        kinds=("P",),
        pretrained=True,
        effect=0.01,
        units="share of test images, a tenfold weight decay",
        effect_from=CHOSEN,
        needs=_GRID,
    ),
    Claim(
        "003-p",
        "",
        "raising the weight decay of the head in pre-training decreases the head margin and increases layer margins",
        question="head",
        statistic=(
            "the change of (1) the median margin at the head's input, (2) the mean over modules of their median "
            "margin, each over the spread in total of the features it is measured in, a tenfold head weight decay, "
            f"{_OVER_DECAYS}"
        ),
        rule=AllOf(Below(0.0), Above(0.0)),
        about="position",
        pretrained=True,
        effect=-0.05,
        units="of the features' spread, a tenfold weight decay",
        effect_from=CHOSEN,
        needs=_GRID,
    ),
    Claim(
        "003-q",
        "",
        "raising the weight decay of the head in pre-training decreases the head norm and increases that of lower "
        "layers",
        question="head",
        statistic=(
            "the change of the logarithm of (1) the norm of the head's weight, (2) the norms of the lower half of "
            f"modules, their mean, a tenfold head weight decay, {_OVER_DECAYS}"
        ),
        rule=AllOf(Below(0.0), Above(0.0)),
        about="position",
        pretrained=True,
        effect=-0.1,
        units="of a natural logarithm, a tenfold weight decay",
        effect_from=CHOSEN,
        needs=_GRID,
    ),
    Claim(
        "003-r",
        "",
        "raising the weight decay of the head in pre-training pushes information down to lower layers",
        question="head",
        statistic=(
            "the change of few-shot accuracy at the lower half of modules, their mean, a tenfold head weight decay, "
            f"{_OVER_DECAYS}; and draws and images"
        ),
        rule=Above(0.0),
        about="metric",
        kinds=("P",),
        pretrained=True,
        effect=0.01,
        units="share of test images, a tenfold weight decay",
        effect_from=CHOSEN,
        needs=_GRID,
    ),
    Claim(
        "003-s",
        "",
        "simply averaging the weights of all models fine-tuned with different hyper-parameters, good and bad, "
        "improves on the best of them",
        question="soup",
        statistic=(
            "the test metric of the uniform soup less that of the best single network on held-out images; over soups "
            "that share no network (one a seed), and images"
        ),
        rule=Above(0.0),
        about="metric",
        kinds=("P-T",),
        pretrained=True,
        effect=0.005,
        units="share of test images",
        effect_from=CHOSEN,
        needs=_SOUPS,
    ),
    Claim(
        "003-t",
        "",
        "a greedy soup of fine-tuned models is as accurate as their greedy ensemble",
        question="soup",
        statistic=(
            "the test metric of the greedy soup less that of the greedy ensemble; over soups that share no network, "
            "and images"
        ),
        rule=Within(0.01),
        about="metric",
        kinds=("P-T",),
        pretrained=True,
        effect=0.0,
        units="share of test images",
        effect_from="the claim: no difference; the slides print 90.94 and 90.93 %, and the margin is what soups gain",
        needs=_SOUPS,
    ),
    Claim(
        "003-u",
        "",
        "a greedy soup of fine-tuned models improves on the best of them under distribution shift, too",
        question="soup",
        statistic=(
            "the metric of a greedy soup less that of its best single network on held-out images, on shifted test "
            "sets, each weighted alike; over soups that share no network, and images"
        ),
        rule=Above(0.0),
        about="metric",
        kinds=("P-T",),
        pretrained=True,
        effect=0.0032,
        units="share of test images",
        effect_from="half of 85.02 − 84.38 % (the slides' table, mean of five shifted sets)",
        needs=f"{_SOUPS}; shifted test sets",
    ),
    Claim(
        "003-v",
        "",
        "under distribution shift a greedy soup of fine-tuned models is more accurate than their greedy ensemble",
        question="soup",
        statistic=(
            "the metric of a greedy soup less that of the greedy ensemble, on shifted test sets, each weighted "
            "alike; over soups that share no network, and images"
        ),
        rule=Above(0.0),
        about="metric",
        kinds=("P-T",),
        pretrained=True,
        effect=0.0034,
        units="share of test images",
        effect_from="half of 85.02 − 84.33 % (the slides' table, mean of five shifted sets)",
        needs=f"{_SOUPS}; shifted test sets",
    ),
    *_slides_modules.CLAIMS,
    *_slides_data.CLAIMS,
)
"""In the order of the paper."""
