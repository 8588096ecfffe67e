"""Transferability scores: how well features or predictions fit the labels of a target, without any training.

The features of all images are decomposed once (:func:`decompose`), and each score is a function of that and of the
labels (:func:`targets_of`). Where a score has no meaning, :class:`NotDefinedError` says why.

=====================  =========================================================  ====================  ==============
score                  what it takes                                              range                 several labels
=====================  =========================================================  ====================  ==============
:func:`logme`          features                                                   none                  yes
:func:`h_score`        features                                                   0 … C − 1             no
:func:`transrate`      features                                                   0 …                   no
:func:`gbc`            features                                                   −C(C − 1) … 0         no
:func:`leep`           probabilities of a softmax over other classes              −H(Y) … 0             no
:func:`nce`            the class named among others                               −H(Y) … 0             no
:func:`loo_ridge`      features                                                   accuracy, log-loss    yes
:func:`loo_knn`        features                                                   accuracy              yes
:func:`task_move`      features of source and target images                       0 …, smaller better   yes
=====================  =========================================================  ====================  ==============
"""

from .decomposition import Decomposition, decompose
from .gbc import gbc
from .h_score import h_score, ledoit_wolf_shrinkage
from .leep import leep
from .logme import logme
from .logme_alone import logme_alone
from .loo_knn import LooKnn, Neighbours, loo_knn, neighbours
from .loo_ridge import LooRidge, loo_ridge
from .nce import nce
from .targets import Targets, targets_of
from .task_move import TaskMove, task_move
from .transrate import transrate
from .undefined import NotDefinedError

__all__ = [
    "Decomposition",
    "LooKnn",
    "LooRidge",
    "Neighbours",
    "NotDefinedError",
    "Targets",
    "TaskMove",
    "decompose",
    "gbc",
    "h_score",
    "ledoit_wolf_shrinkage",
    "leep",
    "logme",
    "logme_alone",
    "loo_knn",
    "loo_ridge",
    "nce",
    "neighbours",
    "targets_of",
    "task_move",
    "transrate",
]
