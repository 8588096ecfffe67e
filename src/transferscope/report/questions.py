"""What each question asks and how it is answered, in the words of the report, in the order of the report."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["QUESTIONS", "Question"]


@dataclass(frozen=True)
class Question:
    """The fixed words around a result.

    Attributes:
        name: the one name of the question.
        title: its heading.
        asks: the question itself.
        rows: rows of the specification and places in the papers.
        how: how it was computed, a paragraph each.
        caption: what its figure shows.
    """

    name: str
    title: str
    asks: str
    rows: str
    how: tuple[str, ...]
    caption: str


QUESTIONS: tuple[Question, ...] = (
    Question(
        "learning_curves",
        "Learning curves",
        "What does starting from pre-trained weights buy: a better end, or a faster way there?",
        "F2 · Neyshabur et al. 2020, Fig. 2 and B.1",
        (
            "After every epoch each run is evaluated in eval mode on the train and test images. Optimisation speed is the "
            "mean over epochs of the accuracy on the training images. Differences between starts are means over seeds with "
            "a t interval; with one seed there is no interval.",
        ),
        "Accuracy (or AUC) after each epoch; one colour and dash per start, band: spread over seeds.",
    ),
    Question(
        "mistakes",
        "Mistakes",
        "Do two networks get the same images wrong?",
        "F4 · Neyshabur et al. 2020, Tables 3–6, Fig. 8 and 9",
        (
            "Both networks classify the same test images. Counted are images that only one of them gets right, and those "
            "both get wrong. The share of uncommon mistakes of a network is the part of its mistakes that the other one "
            "gets right. Intervals resample test images.",
        ),
        "Images only one of the networks gets right, and both get wrong, for each pair.",
    ),
    Question(
        "similarity",
        "Feature similarity",
        "Do two networks compute the same features?",
        "F5 · Neyshabur et al. 2020, Tables 1 and 7",
        (
            "Linear CKA with the unbiased HSIC₁ estimator over minibatches: HSIC₁(K, L), HSIC₁(K, K) and HSIC₁(L, L) are "
            "summed over the batches in float64 and divided once; nothing is clamped, so unrelated features scatter around "
            "zero. Features are the flattened outputs of each module on the same test images.",
        ),
        "CKA of every module with every module of the other network.",
    ),
    Question(
        "distance",
        "Distance in parameter space",
        "How far did the weights move, and how far apart did two runs end?",
        "F6 · Neyshabur et al. 2020, Tables 2 and 8, Fig. 10 and 11; Liu et al. 2019, Fig. 2",
        (
            "Euclidean distance between weights in float64, whole and module by module. Heads of different size cannot be "
            "compared and are left out, which is said where it happens. The deviation of Liu et al. sums the distances to the "
            "start over layers.",
        ),
        "Distance by module, in forward order.",
    ),
    Question(
        "barrier",
        "Performance barrier",
        "Do two solutions lie in one basin, so that their weights can be averaged?",
        "F7 · Neyshabur et al. 2020, §3.3, Fig. 4, 12–17; Entezari et al. 2021",
        (
            "The network is evaluated at (1 − λ)θ_a + λθ_b for λ from 0 to 1. Barrier height after Entezari et al.: the "
            "largest excess of the error over the straight line between the ends; after Frankle et al.: over the mean of "
            "the ends. Intervals resample the images, the same images for all λ.",
            "Only floating tensors are interpolated. With batch norm the statistics are, unless the study says otherwise, "
            "recalibrated: averaged anew over training images at every λ.",
        ),
        "Metric along the straight line between two solutions; λ = 0 and λ = 1 are the solutions themselves.",
    ),
    Question(
        "extrapolation",
        "Extrapolation",
        "Where does the basin end beyond the solutions?",
        "F8 · Neyshabur et al. 2020, B.6, Fig. 18",
        (
            "As for the barrier, with λ from −1 to 2. The edge on each side is the first λ beyond the solution at which the "
            "error exceeds the error of that solution by the stated threshold.",
        ),
        "Metric along the line through both solutions, which sit at λ = 0 and λ = 1.",
    ),
    Question(
        "cross_domain",
        "Across domains",
        "What lies between networks trained on different domains of the same classes?",
        "F9 · Neyshabur et al. 2020, B.7, Fig. 19–23",
        ("Runs on different domains, evaluated along the line between them on the test images of each domain.",),
        "Metric between runs on different domains, evaluated on each of them.",
    ),
    Question(
        "combined_domains",
        "Combined domains",
        "And between networks of which one was trained on a union of domains?",
        "F10 · Neyshabur et al. 2020, B.8, Fig. 24–29",
        ("As across domains, with one end trained on the union of several domains.",),
        "Metric between a run on a union of domains and a run on one domain.",
    ),
    Question(
        "doctor",
        "Checkpoint doctor",
        "What is in the file, and does it fit?",
        "F36",
        ("Names and shapes in the file are held against those of the network; nothing in the file is executed.",),
        "Norms of the tensors in the file.",
    ),
)
