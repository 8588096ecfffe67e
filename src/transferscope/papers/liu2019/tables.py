"""The tables of Liu et al. 2019, as printed."""

from __future__ import annotations

from ..table import PrintedTable

__all__ = ["TABLES"]

TABLES: tuple[PrintedTable, ...] = (
    PrintedTable(
        "002",
        1,
        "A network pre-trained on ImageNet, body fixed or fine-tuned: errors in per cent and deviation from the "
        "start",
        "",
        (
            "training error (fixed)",
            "test error (fixed)",
            "deviation (fixed)",
            "training error (fine-tuned)",
            "test error (fine-tuned)",
            "deviation (fine-tuned)",
        ),
        (
            ("Webcam", ("0.00±0", "0.45±0.05", "0.096±0.007", "0.00±0", "0.45±0.09", "0.94±0.10")),
            ("Stanford Cars", ("0.00±0", "24.2±0.73", "0.165±0.003", "0.00±0", "13.95±0.44", "3.70±0.26")),
            ("Caltech-101", ("0.00±0", "6.24±0.37", "0.059±0.005", "0.00±0", "4.57±0.40", "1.22±0.21")),
            ("Synthetic", ("0.03±0.01", "0.81±0.19", "0.015±0.003", "0.00±0", "0.75±0.11", "0.65±0.12")),
            ("CUB-200", ("0.15±0.03", "35.10±0.50", "0.262±0.006", "0.04±0.01", "21.04±0.36", "2.38±0.33")),
        ),
        ("The data set Synthetic is described nowhere, and is not in Table 2.",),
    ),
    PrintedTable(
        "002",
        2,
        "The same network trained from scratch: error in per cent, what fine-tuning improves, deviation",
        "",
        ("test error", "fine-tuning improvement", "deviation"),
        (
            ("Webcam", ("26.39±0.41", "98.29%", "3.54±0.53")),
            ("Stanford Cars", ("46.25±0.76", "48.75%", "5.95±0.38")),
            ("Caltech-101", ("22.14±0.63", "79.36%", "2.34±0.34")),
            ("CUB-200", ("52.70±0.77", "60.15%", "3.90±0.61")),
        ),
        (
            "Appendix A calls the improvement the error of fine-tuning divided by that from scratch, B.3 the error "
            "saved "
            "divided by it; the numbers follow B.3.",
            "The improvement on Stanford Cars should be 69.84 % by the errors of both tables, that on CUB-200 60.08 "
            "%.",
            "B.3 says that the deviation is from the pre-trained weights, though these networks never had them.",
        ),
    ),
)
