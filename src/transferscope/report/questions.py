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
        "samples",
        "Sample images",
        "What do the images look like?",
        "Neyshabur et al. 2020, Fig. 1; Liu et al. 2019, Fig. 1",
        (
            "Some test images of each target are shown as the networks see them: decoded, resized, turned and shuffled, "
            "before augmentation and normalisation. A row is a target, or a target whose blocks are shuffled.",
        ),
        "Images as the networks see them, a row a target.",
    ),
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
        "block_shuffle",
        "Block shuffle",
        "Is it features that pre-training passes on, or something simpler?",
        "F3 · Neyshabur et al. 2020, §3.1, Fig. 1 and 3",
        (
            "Each target's images are cut into blocks of b×b pixels, and one permutation, drawn from the seed, moves the "
            "blocks of all images, those for training, validation and testing alike. b = the image's side leaves them as "
            "they are; for `*` every value moves by itself, across pixels and channels. Networks are fine-tuned (P-T) and "
            "trained from random weights (RI-T) on each, without augmentation.",
            "Compared are the test metric after the last epoch, the optimisation speed (training accuracy averaged over "
            "epochs) and the relative drop 100·(A_PT − A_RIT)/A_PT. How each changes when the side of the blocks halves is "
            "the slope of a least-squares line over log₂ b, without `*`. Intervals are Student's over seeds; with fewer "
            "than three seeds, those of an accuracy are binomial, over test images, and the others have none. No claim is "
            "judged where P-T or RI-T is not clearly above chance even unshuffled: its interval must lie above what always "
            "naming the most frequent class reaches (0.5 for AUC), and its mean by more than 2 points.",
        ),
        "Test metric (left) and optimisation speed (right) over the side of the shuffled blocks; light, outlined: P-T, solid: RI-T; above bars the relative drop; error bars: standard deviation over seeds.",
    ),
    Question(
        "transfer",
        "Head only, fine-tuned, from scratch",
        "What do a new head alone, fine-tuning, and training from scratch reach, and how far do they go?",
        "F17 · Liu et al. 2019, §3, Tables 1 and 2",
        (
            "Training and test error at the end of each run (1 − AUC for several labels an image), and the deviation "
            "(1/√n)·Σ‖W − W⁰‖ over weight matrices and kernels, n the training images: from the run's own start and, "
            "without the head, from the pre-trained weights. The improvement is 1 − e/e_scratch of the test errors, its "
            "interval Fieller's. Intervals are over seeds from three on; with fewer, those of accuracies are over test "
            "images, and deviations have none. Of several starts of one kind the one that ends best is compared.",
        ),
        "Test error and deviation of the weights for each target.",
    ),
    Question(
        "checkpoints",
        "Checkpoints of the pre-training",
        "From which checkpoint of a pre-training should one start?",
        "F14, F24 · Neyshabur et al. 2020, §3.5, Fig. 7; Liu et al. 2019, §5.2, Fig. 9",
        (
            "Runs are fine-tuned alike from the weights of several epochs of one pre-training. For each epoch: the test "
            "metric at the end and optimisation speed, the mean over epochs of the training accuracy, beside the metric "
            "that the pre-training had then. Intervals are over seeds from three on; with fewer, that of an accuracy is "
            "over test images, and others have none.",
            "Whether later checkpoints are better is judged by the slope of a line through all runs over the order of the "
            "checkpoints; epoch 0, random weights before any pre-training, is left out of it where there are two later ones. "
            "A plateau is reached with 90 % of the rise over all checkpoints. An earlier checkpoint does as well as the last "
            "when its loss, interval included, is at most 1 point. A decline is the gain of the best earlier checkpoint over "
            "the last, with an interval corrected for the choice of the best. No claim is judged on a target where runs from "
            "no checkpoint end clearly above chance, that is above what always naming the most frequent class reaches (0.5 "
            "for AUC), interval included and by more than 2 points.",
        ),
        "Test metric (left) and optimisation speed (right) by the checkpoint the runs started from, means; band around a curve: one standard deviation over seeds to either side, where there are two or more; shaded from below: the metric of the pre-training, on the axis at the right; dotted lines: from scratch.",
    ),
    Question(
        "source_choice",
        "Choice of the pre-training",
        "Which pre-training serves which target: must images be alike, or labels, or both?",
        "F23 · Liu et al. 2019, §5.1, Fig. 8",
        (
            "For every source and target the test metric at the end, how much it gains over training from scratch, which "
            "share of the error from scratch it saves, and how far each layer went from its start, (1/√n)·‖W − W⁰‖ with n "
            "the training images. Intervals are over seeds from three on; with fewer, those of accuracies are over test "
            "images, and deviations have none. The best source is held against the next with an interval corrected for the "
            "number of pairs.",
        ),
        "Test metric for each source and target, and how far each layer went: means of the runs; dashes on bars: single runs; bands around curves: from the lowest run to the highest.",
    ),
    Question(
        "mistakes",
        "Mistakes",
        "Do two networks get the same images wrong?",
        "F4 · Neyshabur et al. 2020, Tables 3–6, Fig. 8 and 9",
        (
            "Both networks classify the same test images. Counted are images that only one of them gets right, and those "
            "both get wrong. The share of uncommon mistakes of a network is the part of its mistakes that the other one "
            "gets right. Intervals resample test images. Where all P-T, or all RI-T, give one and the same answer to all "
            "images, no claim is judged.",
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
        "weight_map",
        "Map of the weights",
        "Do networks end where they started, or where others with the same data do?",
        "F20 · Liu et al. 2019, §3, Fig. 4; van der Maaten & Hinton 2008",
        (
            "Euclidean distances between all networks of all targets, in float64, over the tensors that all have in one "
            "shape; heads of different size and batch-norm statistics are left out, which is said. The map is t-SNE of "
            "these distances from random places drawn from the seed.",
            "Findings rest on the distances and never on the map: networks of one pre-trained start on different targets "
            "against networks of one target from different starts, and how far each lies from the pre-trained weights. "
            "Intervals leave out one network at a time (jackknife); to agree with the paper the contrast must also have p < "
            "0.05 when starts are permuted among the networks of each target.",
        ),
        "t-SNE of the weights: colour is the start, marker the target.",
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
            "recalibrated: averaged anew over training images at every λ, the ends included; `kept` are those of the "
            "first solution everywhere, so that λ = 1 is not the second one as it was saved.",
            "A height is the largest of many numbers that were measured on a sample, so it comes out somewhat too large on "
            "a flat line: with few images a low barrier may be none.",
        ),
        "Metric along the straight line between two solutions; λ = 0 and λ = 1 have the weights of the solutions.",
    ),
    Question(
        "extrapolation",
        "Extrapolation",
        "Where does the basin end beyond the solutions?",
        "F8 · Neyshabur et al. 2020, B.6, Fig. 18",
        (
            "As for the barrier, with λ from −1 to 2. The edge on each side is the first λ beyond the solution at which the "
            "error has risen by the stated threshold over that of the solution.",
        ),
        "Metric along the line through both solutions, which sit at λ = 0 and λ = 1.",
    ),
    Question(
        "basin",
        "Basin",
        "Do solutions live in one (ε, δ)-basin, and how large are ε and δ?",
        "F11 · Neyshabur et al. 2020, Def. 3.1, §3.3",
        (
            "S is what solutions span: the segment between two, the simplex of more, sampled uniformly. μ is the mean "
            "error on S and ε the mean distance of the error from μ. δ is the smallest noise with which the error "
            "rises by at least 2ε over μ, both (2) at points where a ray through S leaves it, shaken by noise of "
            "length about δ, and (3) beyond them, by a distance drawn with standard deviation δ; found by doubling "
            "and bisection with the same draws throughout. Noise moves parameters only.",
            "S is measured as spanned, and extended to where the error has risen over that of the solution by the stated "
            "rise. It is one basin when ε is under the threshold and δ exists, both with their intervals, which are "
            "over draws.",
        ),
        "Error at points of S, and how far it rises around S with the noise; δ is where both conditions reach 2ε.",
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
        "criticality",
        "Module criticality",
        "Which modules are critical: how much noise does each take on its way from its first to its last weights?",
        "F12 · Neyshabur et al. 2020, §3.4, Def. 3.2, Fig. 6 and 30; Chatterji et al. 2020",
        (
            "One module at a time is moved, all others stay as trained: along the straight line from its first to its "
            "trained weights (direct path) or through the weights recorded on the way (optimisation path), to the "
            "best and to the final weights, and Gaussian noise is added to its parameters. Noise is measured in "
            "shares of the root mean square of the module's weights unless the study says absolute; the draws are the "
            "same for all cells and networks.",
            "μ of a module is the least α²‖θ − θ⁰‖²/σ² over the cells with noise whose mean error on training images "
            "stays within ε; the criticality of a network is the sum. The table has both, and where on the grid they "
            "are.",
        ),
        "Criticality of each module, and error over place and noise on each path of the first one.",
    ),
    Question(
        "rewind",
        "Rewinding modules",
        "How much worse does a network get when one module is set back in time, or drawn anew?",
        "F13 · Neyshabur et al. 2020, §3.4, Fig. 5; Zhang et al. 2019",
        (
            "One module at a time is set back to its weights at the start and at each recorded epoch, or drawn anew "
            "as the network's constructor does; all others stay as trained. Increases are over the trained network on "
            "the same test images; intervals resample the images, the same ones for both.",
        ),
        "Increase of the error when a module (column) is set back to an earlier time (row), or drawn anew.",
    ),
    Question(
        "spectrum",
        "Spectrum of the layers",
        "What are the singular values of the layers, and how many of them are near zero?",
        "F15 · Neyshabur et al. 2020, App. C, Fig. 31–33; Sedghi et al. 2019",
        (
            "Every convolution is taken as the linear map from images to images that it is on its true input size, with "
            "circular padding: its kernel is Fourier-transformed and the block of each frequency decomposed. Stride, "
            "dilation and groups are exact. Matrices are decomposed as they are.",
            "A network has millions of singular values; they are counted under many thresholds. Σ‖W‖_F/‖W‖₂ and Π‖W‖₂ run "
            "over all layers that are not zero; ‖W‖_F is that of the map, the root of the sum of its squared singular "
            "values, which is √(output positions) times that of the kernel.",
        ),
        "Singular values of the whole network and how many lie under a threshold; norms layer by layer.",
    ),
    Question(
        "hessian",
        "Curvature",
        "How sharp is the minimum: what are the largest eigenvalues of the loss's Hessian?",
        "F18 · Liu et al. 2019, §3, Fig. 3a",
        (
            "Lanczos with full reorthogonalisation on exact products with the Hessian of the mean loss over the same fixed "
            "images for all networks, without weight decay, until the estimated error of every eigenvalue is under the "
            "stated tolerance. Batch-norm statistics are held fixed. The table has the residual ‖Hv − λv‖ of each, as Lanczos "
            "estimates it; neither it nor the error is given as less than what rounding leaves open. Which images are drawn "
            "depends on the question, so the loss differs a little from that under other questions.",
        ),
        "The largest eigenvalues in order, and the density of all of them where it was asked for.",
    ),
    Question(
        "landscape",
        "Loss landscape",
        "What does the loss look like around a network, in directions nobody chose?",
        "F19 · Liu et al. 2019, §3, §4, A and B.4, Fig. 3, 5, 10, 12, 13; Li et al. 2018",
        (
            "The loss L(θ + p·a + q·b) on a grid of p and q, around a minimum or a start, on the same images for all "
            "networks (others than under other questions). The directions a and b are drawn from a Gaussian, made orthogonal as whole vectors, and then "
            "filter-normalised: each filter gets the norm of the filter it moves, so that p = 0.1 moves every filter "
            "by a tenth of its norm. That order is the paper's: afterwards the norms are exact, and the right angle "
            "is very nearly one. Biases, norms and scales (parameters of one dimension) and the running statistics of "
            "batch norm stay where they are. With 200 points a side and a span of 0.1 the grid is the paper's: p, q = "
            "−100 … 99 times η = 0.001.",
            "Networks that are compared have the same images, Gaussian draw, p and q, and are drawn on one scale. As "
            "in the paper each network's directions are scaled to its own filters, unless the study asks for those of "
            "the first network for all.",
            "A plane is one draw of many, so flatness is measured in several: in each plane at +a, −a, +b and −b, at "
            "three distances. From these come the mean rise of the loss and the mean size of its change, with "
            "intervals that resample planes and images at once, the same for all networks. With fewer than four planes "
            "nothing is known of how much directions differ, and no claim is judged.",
        ),
        "The loss around each network in one plane, less its own loss, on one scale for all.",
    ),
    Question(
        "loss_variation",
        "Variation along the gradient",
        "How much does the loss change along the gradient, over the steps of training?",
        "F21 · Liu et al. 2019, §4, Fig. 6 and 11; Santurkar et al. 2018",
        (
            "From weights recorded during training a walk is taken against the gradient, in even steps out to the "
            "gradient's own size or to one fixed distance; the variation is the largest less the smallest loss on the "
            "way. Gradient and losses are of the same fixed training images, without augmentation. Intervals resample "
            "these images.",
        ),
        "Range of the loss along the gradient over the step of training at which it was taken.",
    ),
    Question(
        "gradient_flow",
        "Gradient flow",
        "How does the gradient change on its way back through the layers?",
        "F22 · Liu et al. 2019, §4, Fig. 7",
        (
            "The gradient of each image's loss with respect to what each module passes on: how its size is distributed "
            "over the images, and how its mean grows or shrinks through the modules, from the last one before the head. "
            "Training images without augmentation, the same for all networks, others than under other questions.",
            "The gradient of the mean loss with respect to each weight matrix W is decomposed into singular vectors u, v; "
            "|uᵀWv| says how much W passes along each of them, against what directions that have nothing to do with W "
            "would give.",
        ),
        "Size of the gradient over images in one module; its mean through the modules; weights along the gradient.",
    ),
    Question(
        "doctor",
        "Checkpoint doctor",
        "What is in the file, and does it fit?",
        "F36",
        ("Names and shapes in the file are held against those of the network; nothing in the file is executed.",),
        "Norms of the tensors in the file.",
    ),
    Question(
        "variants",
        "Other starts",
        "Can one start from less than the pre-trained weights, or from noise around them, or average runs trained in parallel?",
        "F16 · Neyshabur et al. 2020, §5",
        (
            "What the paper proposes to try next, each against plain fine-tuning. Top singular values: each weight matrix "
            "of the body (kernels as outputs × the rest) keeps only its leading singular directions. Noise: every tensor of "
            "the body gets Gaussian noise in proportion to its own root mean square. Average: copies of one start are "
            "trained on the same images in orders of their own, and their weights are averaged at the end or every few "
            "epochs; batch-norm statistics are then collected anew.",
            "By start: the test metric and optimisation speed; the barrier on straight lines to plain fine-tuned runs of "
            "other seeds; how many of the mistakes of two runs only one of them makes; and the metric of the mean of the "
            "logits of all its runs. From three runs on, intervals of metric and speed are over seeds; all others resample "
            "test images. A difference to plain fine-tuning within the threshold counts as none.",
        ),
        "Each start against plain fine-tuning: metric at the end, barrier, mistakes, ensemble.",
    ),
)
