"""Tensors in, numbers out: what the analyses compute with, knowing nothing of networks, data sets or disks."""

from .auc import MacroAuroc, auroc, auroc_influence, macro_auroc
from .barrier_height import BarrierHeight, entezari_height, frankle_height
from .bootstrap import bootstrap_mean, bootstrap_statistic, percentile_interval, resampled_means
from .cka import CKAAccumulator, batch_slices, hsic1, linear_cka, pair_vector
from .correlation import Correlation, pearson
from .intervals import (
    Interval,
    PairedDifference,
    paired_difference,
    wilson,
)
from .weighted_tau import weighted_tau

__all__ = [
    "BarrierHeight",
    "CKAAccumulator",
    "Correlation",
    "Interval",
    "MacroAuroc",
    "PairedDifference",
    "auroc",
    "auroc_influence",
    "batch_slices",
    "bootstrap_mean",
    "bootstrap_statistic",
    "entezari_height",
    "frankle_height",
    "hsic1",
    "linear_cka",
    "macro_auroc",
    "pair_vector",
    "paired_difference",
    "pearson",
    "percentile_interval",
    "resampled_means",
    "weighted_tau",
    "wilson",
]
