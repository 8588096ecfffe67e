"""The tables of Neyshabur et al. 2020, as printed."""

from __future__ import annotations

from ..table import PrintedTable

__all__ = ["TABLES"]

_STAGES = ("conv1", "layer 1", "layer 2", "layer 3", "layer 4")
_COUNTS = ("g1", "g2", "Common mistakes", "r1", "r2")
_BY_CLASS = ("P-T acc", "RI-T acc", *_COUNTS)
_TRUNCATED = "Shares are cut off after four digits, not rounded."
_FIRST_IS_RIGHT = (
    "Here g1 counts what only the first model gets right, as r1 = g2/(g2 + common mistakes); in Table 6 it is the "
    "other "
    "way round."
)
_REVERSED = "In every class the model with the higher printed accuracy makes more mistakes by these counts."

TABLES: tuple[PrintedTable, ...] = (
    PrintedTable(
        "000",
        1,
        "CKA of the features of two networks by stage of a ResNet-50",
        "CheXpert",
        _STAGES,
        (
            ("P-T & P", ("0.6225", "0.4592", "0.2896", "0.1877", "0.0453")),
            ("P-T & P-T", ("0.6710", "0.8230", "0.6052", "0.4089", "0.1628")),
            ("P-T & RI-T", ("0.0036", "0.0011", "0.0022", "0.0003", "0.0808")),
            ("RI-T & RI-T", ("0.0016", "0.0088", "0.0004", "0.0004", "0.0424")),
        ),
        (
            "The text calls the last stage of P-T & RI-T and RI-T & RI-T much more similar than earlier ones; Table "
            "7 "
            "shows nothing of the kind.",
        ),
    ),
    PrintedTable(
        "000",
        2,
        "Euclidean distance between two networks",
        "",
        ("2 P-T", "2 RI-T", "P-T & P", "RI-T & P"),
        (
            ("CheXpert", ("200.12", "255.34", "237.31", "598.19")),
            ("clipart", ("178.07", "822.43", "157.19", "811.87")),
            ("quickdraw", ("218.52", "776.76", "195.44", "785.22")),
            ("real", ("193.45", "815.08", "164.83", "796.80")),
        ),
        (
            "The caption speaks of features; the text of §3.2, and B.3, of parameters.",
            "P-T & P should be what Table 8 calls the distance of P-T to its initialisation; there it is 21 to 38 "
            "times "
            "as large.",
        ),
    ),
    PrintedTable(
        "000",
        3,
        "Common and uncommon mistakes of a P-T and an RI-T by finding",
        "CheXpert",
        _BY_CLASS,
        (
            ("Class 1", ("0.8830", "0.8734", "645", "832", "3597", "0.1878", "0.1520")),
            ("Class 2", ("0.7490", "0.7296", "2361", "2318", "4047", "0.3641", "0.3684")),
            ("Class 3", ("0.9256", "0.9095", "71", "207", "3009", "0.0643", "0.02305")),
            ("Class 4", ("0.6811", "0.6678", "2250", "2460", "8835", "0.2177", "0.2029")),
            ("Class 5", ("0.7634", "0.7374", "3446", "2160", "4200", "0.3396", "0.4506")),
        ),
        (
            _FIRST_IS_RIGHT,
            "The caption names RI-T first; the totals of mistakes are those of the first P-T in Table 5 and of the "
            "first RI-T in Table 4, so the first model is the P-T.",
            "By these counts P-T makes more mistakes than RI-T in classes 1, 3 and 4, though its printed accuracy is "
            "higher in all five.",
            _TRUNCATED,
        ),
    ),
    PrintedTable(
        "000",
        4,
        "Common and uncommon mistakes of two RI-T by finding",
        "CheXpert",
        _BY_CLASS,
        (
            ("Class 1", ("0.8734", "0.8654", "704", "773", "3469", "0.1822", "0.1687")),
            ("Class 2", ("0.7292", "0.7399", "3139", "1499", "4909", "0.2339", "0.3900")),
            ("Class 3", ("0.9095", "0.9170", "195", "102", "2978", "0.0331", "0.0614")),
            ("Class 4", ("0.6678", "0.6574", "2070", "2588", "8497", "0.2334", "0.1958")),
            ("Class 5", ("0.7374", "0.7326", "2001", "3136", "4510", "0.4101", "0.3073")),
        ),
        (
            "The accuracy columns are headed P-T and RI-T, as in Table 3, though both networks are RI-T.",
            _FIRST_IS_RIGHT,
            "Class 2 of the first RI-T has an accuracy of 0.7292 here and 0.7296 in Table 3.",
            _REVERSED,
            _TRUNCATED,
        ),
    ),
    PrintedTable(
        "000",
        5,
        "Common and uncommon mistakes of two P-T by finding",
        "CheXpert",
        _BY_CLASS,
        (
            ("Class 1", ("0.8830", "0.8828", "456", "697", "3732", "0.1573", "0.1088")),
            ("Class 2", ("0.7490", "0.7611", "2375", "1369", "4996", "0.2150", "0.3222")),
            ("Class 3", ("0.9256", "0.9208", "63", "139", "3077", "0.0432", "0.0200")),
            ("Class 4", ("0.6811", "0.6825", "2030", "1879", "9416", "0.1663", "0.1773")),
            ("Class 5", ("0.76344", "0.76088", "1687", "2398", "3962", "0.3770", "0.2986")),
        ),
        (
            "The accuracy columns are headed P-T and RI-T, as in Table 3, though both networks are P-T.",
            _FIRST_IS_RIGHT,
            _REVERSED,
            _TRUNCATED,
        ),
    ),
    PrintedTable(
        "000",
        6,
        "Common and uncommon mistakes of two networks",
        "clipart",
        _COUNTS,
        (
            ("P-T, RI-T", ("521", "2940", "3263", "0.1376", "0.4739")),
            ("RI-T, RI-T", ("787", "844", "5359", "0.1280", "0.1360")),
            ("P-T, P-T", ("619", "584", "3165", "0.1635", "0.1558")),
        ),
        (
            "Here g1 counts what only the first model gets wrong, as r1 = g1/(g1 + common mistakes) and as the "
            "accuracies "
            "of B.2 (74.32 and 57.91 %) want it; in Tables 3 to 5 it is the other way round.",
            "By the shares r two P-T have more uncommon mistakes than two RI-T, or than a P-T beside an RI-T; by "
            "their "
            "number they have fewer, as the text says.",
            "Shares are cut off after four digits, but for 0.1558, which is rounded.",
        ),
    ),
    PrintedTable(
        "000",
        7,
        "CKA of the features of two networks by stage of a ResNet-50",
        "clipart",
        _STAGES,
        (
            ("P-T & P", ("0.3328", "0.2456", "0.1877", "0.1504", "0.5011")),
            ("P-T & P-T", ("0.4333", "0.1943", "0.4297", "0.2578", "0.1167")),
            ("P-T & RI-T", ("0.0151", "0.0028", "0.0013", "0.008", "0.0014")),
            ("RI-T & RI-T", ("0.0033", "0.0032", "0.0088", "0.0033", "0.0012")),
        ),
        (
            "P-T & RI-T has 0.008 in layer 3, one digit fewer than everywhere else; perhaps 0.0008 is meant.",
            "The last stage of P-T & P (0.5011) is more similar than any of two P-T.",
        ),
    ),
    PrintedTable(
        "000",
        8,
        "Euclidean distance of a trained network to its initialisation",
        "",
        ("P-T", "RI-T"),
        (
            ("CheXpert", ("4984", "4174")),
            ("clipart", ("5668", "23249")),
            ("quickdraw", ("7501", "24713")),
            ("real", ("5796", "24394")),
        ),
        (
            "On CheXpert P-T is farther from its start than RI-T, on the other three it is nearer.",
            "The distance of P-T to P is 21 to 38 times that of Table 2.",
        ),
    ),
)
