"""The table of Wortsman et al. 2022 that the slides show, as printed there."""

from __future__ import annotations

from ..table import PrintedTable

__all__ = ["TABLES"]

_COLUMNS = (
    "Top-1", "ReaL", "Multilabel", "IN-V2", "IN-R", "IN-Sketch", "ObjectNet", "IN-A", "Avg shifts",
)  # fmt: skip

TABLES: tuple[PrintedTable, ...] = (
    PrintedTable(
        "003",
        1,
        "The slides' table on model soups: ViT-G/14 fine-tuned on ImageNet, accuracy in per cent, there and under "
        "distribution shift",
        "ImageNet",
        _COLUMNS,
        (
            ("best model on held out val set",
             ("90.72", "91.04", "96.94", "83.76", "95.04", "73.16", "78.20", "91.75", "84.38")),
            ("best model on each test set (oracle)",
             ("90.78", "91.78", "97.29", "84.31", "95.04", "73.73", "79.03", "92.16", "84.68")),
            ("greedy ensemble",
             ("90.93", "91.29", "97.23", "84.14", "94.85", "73.07", "77.87", "91.69", "84.33")),
            ("greedy soup",
             ("90.94", "91.20", "97.17", "84.22", "95.46", "74.23", "78.52", "92.67", "85.02")),
        ),
        (
            "The five shifted numbers of the oracle have the mean 84.85, printed is 84.68: as of one model chosen "
            "for the mean.",
        ),
    ),
)  # fmt: skip
