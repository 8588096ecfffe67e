"""Classifiers on frozen features: what these hold of a task, before anything in the network is trained.

=======================  ==================================================================================
function                 protocol
=======================  ==================================================================================
:func:`few_shot`         ridge regression on n images a class, as big_vision does it, or with λ by leave-one-out
:func:`linear_probe`     multinomial logistic regression, its weight decay chosen on validation images
:func:`nearest`          the vote of the most similar training images
:func:`draw_supports`    which images few-shot sees: nested over shots, the same for all features
=======================  ==================================================================================
"""

from .few_shot import PENALTIES, PENALTY, FewShot, few_shot
from .linear_probe import DECAYS, LinearProbe, linear_probe
from .nearest import nearest
from .supports import draw_supports, first_shots

__all__ = [
    "DECAYS",
    "PENALTIES",
    "PENALTY",
    "FewShot",
    "LinearProbe",
    "draw_supports",
    "few_shot",
    "first_shots",
    "linear_probe",
    "nearest",
]
