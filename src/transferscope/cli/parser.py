"""What can be typed: one sub-command each, with help and an example. Imports nothing heavy."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from .. import __version__
from ..errors import nearest

__all__ = ["build_parser"]

_DATA = (
    "where images come from: folder:PATH, domains:ROOT?domain=photo, imagefolder:ROOT, hfparquet:PLACE, "
    "domainnet:ROOT?domain=clipart, chexpert:ROOT, "
    "torchvision:CIFAR10?root=PATH, npz:FILE, synthetic:photo"
)
_AT = "which weights of a file that holds several, e.g. student, state_dict_ema or encoder_q"


class _Parser(argparse.ArgumentParser):
    """Errors in one line, with the nearest known word."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and refuse what is left over here, where it is known which command it was given to."""
        self._given = list(sys.argv[1:] if args is None else args)
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unexpected {rest[0]!r}")
        return found, rest

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with 2; a misspelt option comes before anything that follows from it."""
        unknown = None if self._subparsers is not None else self._unknown_option()
        if unknown is not None:
            message = f"unknown option {unknown!r}{nearest(unknown, self._option_string_actions)}"
        elif "invalid choice: " in message and self._subparsers is not None:
            word = message.split("invalid choice: ")[1].split(" ")[0].strip("'\"")
            message = f"unknown command {word!r}{nearest(word, _COMMANDS)}"
        print(f"error: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)

    def _unknown_option(self) -> str | None:
        """Return the first option that was given and does not exist."""
        before_end = self._given[: self._given.index("--")] if "--" in self._given else self._given
        words = (word.partition("=")[0] for word in before_end if word.startswith("--"))
        known = tuple(self._option_string_actions)
        return next((word for word in words if not any(option.startswith(word) for option in known)), None)


_COMMANDS = {
    "demo": "run the demo study on embedded images, or on a folder of yours",
    "study": "run a study file: train, compare, report",
    "compare": "compare two or more checkpoints of one network",
    "inspect": "look into one checkpoint: spectrum, curvature, landscape, gradients",
    "soup": "average fine-tuned checkpoints of one network, and say whether to take the average",
    "rank": "say which of several pre-trained networks fits a target best, without training",
    "doctor": "say what is in a checkpoint and whether it fits a network",
    "selfcheck": "check that a network is what every question takes it for, and that labels and normalisation fit it",
    "scaling": "say from a table of models what raising upstream accuracy buys downstream",
    "report": "write report.html of a run folder again",
    "papers": "list the papers that can be run as studies, with their figures and tables",
    "questions": "list the questions that can be asked of studies and of checkpoints",
    "status": "say what of a study is done, running, missing or failed",
    "schema": "print the JSON schema of study files, for editors",
}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; the chosen command is in ``command``."""
    parser = _Parser(
        prog="transferscope",
        description="What does transfer learning transfer? Images and checkpoints in, findings with evidence out.",
        epilog="example: transferscope demo --out demo-report",
    )
    parser.add_argument("--version", action="version", version=f"transferscope {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, example: str, more: str = "") -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = commands.add_parser(
            name,
            help=_COMMANDS[name],
            description=f"{_COMMANDS[name][0].upper()}{_COMMANDS[name][1:]}. {more}".rstrip(),
            epilog=f"example: transferscope {example}",
        )
        return added

    demo = command("demo", "demo --out demo-report")
    demo.add_argument("--data", metavar="SPEC", help="your images instead of the embedded ones, e.g. folder:PATH")
    _add_run_options(demo, out="demo-report")

    study = command("study", "study my-study.yaml --out runs/my-study --jobs 2")
    study.add_argument("study", metavar="STUDY", help="the study file (YAML), or a paper such as paper:neyshabur2020")
    study.add_argument(
        "--only",
        metavar="NAMES",
        help="compute only these analyses, or figures and tables of a paper (comma-separated), and what they need",
    )
    study.add_argument("--scale", metavar="mini|paper", help="of a paper: small (default), or with the paper's sizes")
    study.add_argument(
        "--set",
        action="extend",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting by its place, e.g. recipe.epochs=5, or give what a paper needs, e.g. chexpert=PATH, "
        "or ask a question that takes long in its quick form, e.g. basin=quick; "
        "where fewer epochs are trained, weights are kept after those that come",
    )
    study.add_argument(
        "--data",
        action="extend",
        nargs="+",
        default=[],
        metavar="[NAME=]SPEC",
        help="other images: for the source and for targets by name (targets not named are left out), or one set in "
        "the place of all targets",
    )
    study.add_argument(
        "--plan", action="store_true", help="compute nothing: print the steps, and how long they would take here"
    )
    study.add_argument("--nodes", type=int, metavar="N", help="with --plan --engine ray: nodes of the cluster")
    study.add_argument("--gpus", type=int, metavar="K", help="with --plan --engine ray: GPUs of each node")
    _add_run_options(study, out=None)

    compare = command(
        "compare",
        "compare a.safetensors b.pt --model torchvision/resnet18 --data folder:photos",
        more="Lines have half the points that they have in studies; --set barrier.points=21 and "
        "extrapolation.points=31 are as many.",
    )
    compare.add_argument(
        "checkpoints", nargs="+", metavar="CHECKPOINT", help="two or more files of weights, or recordings"
    )
    _add_file_options(
        compare,
        "instead of the quick ones (which, mistakes, similarity, distance, barrier, extrapolation), ask these, "
        "comma-separated; also there, taking longer: scores, probe, head, basin, spectrum, hessian, "
        "landscape, loss_variation, gradient_flow, soup (see also 'transferscope soup')",
    )
    _add_run_options(compare, out="comparison")

    inspect = command("inspect", "inspect a.safetensors --model torchvision/resnet18 --data folder:photos")
    inspect.add_argument("checkpoint", metavar="CHECKPOINT", help="a file of weights, or a recording")
    _add_file_options(
        inspect,
        "ask only these, comma-separated, of which, spectrum, hessian, landscape, gradient_flow, loss_variation, "
        "probe, head, and with --init criticality, rewind (default: all that apply but loss_variation, probe and "
        "head; criticality and rewind take longest)",
    )
    _add_run_options(inspect, out="inspection")

    _add_soup(command("soup", "soup a.pt b.pt c.pt --model NAME --data folder:birds --save soup.safetensors"))

    rank = command(
        "rank",
        "rank --data folder:birds timm/resnet18=a.safetensors torchvision/resnet50=b.pt c.pt",
        more="Each candidate sees the training images in its own size and with its own input normalisation; scored "
        "are its penultimate layer's features. Prints a table and which to take, writes a report.",
    )
    rank.add_argument(
        "candidates",
        nargs="+",
        metavar="[NETWORK=]FILE",
        help="files of weights, each with its network (timm/NAME=FILE, torchvision/NAME=FILE, NAME=FILE), or alone "
        "where the network can be told from it; or a run folder, for its pre-trainings at the epochs that were kept",
    )
    _add_at(rank, "candidates")
    rank.add_argument("--data", required=True, metavar="SPEC", help=_DATA)
    rank.add_argument(
        "--size",
        type=int,
        metavar="PX",
        help="side of the images in pixels, for all files (default: what each network was designed for)",
    )
    rank.add_argument("--samples", type=int, metavar="N", help="use at most N images of each part")
    rank.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="scores.KEY=VALUE",
        help="a setting of the question scores, e.g. scores.images=2000 or scores.sigmoid=[c.pt]; can be given "
        "several times",
    )
    rank.add_argument(
        "--finetune",
        type=int,
        metavar="K",
        help="settle the best K by short trainings, halved round by round on validation images",
    )
    _add_run_options(rank, out="ranking")

    doctor = command(
        "doctor",
        "doctor resnet20.th --model resnet20",
        more="Exit code 0 when the file fits the network, be it with a final layer of another size, or when none is "
        "named and no known one fits; 1 when it does not fit, or holds NaN or infinite weights; 2 when it cannot be "
        "read.",
    )
    doctor.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        help="a safetensors, .pt, .pth or .th file, an index of parts, or a folder of Hugging Face or of "
        "torch.distributed.checkpoint",
    )
    doctor.add_argument("--model", metavar="NAME", help="hold the file against this network")
    doctor.add_argument("--classes", type=int, metavar="K", help="number of classes of that network")
    doctor.add_argument("--size", type=int, metavar="PX", help="side of the images that network is built for")
    doctor.add_argument("--at", metavar="NAME", help=_AT)

    from .scaling import add_options
    from .selfcheck import add_options as add_selfcheck

    add_selfcheck(
        command(
            "selfcheck",
            "selfcheck a.pt --model torchvision/resnet18 --data folder:photos",
            more="Prints a line a check; exit code 0 when none found anything wrong, 1 when one did.",
        ),
        _add_image_options,
        _DATA,
        _AT,
    )
    add_options(command("scaling", "scaling models.csv --us imagenet1k --ds cars food101 --out scaling"))

    report = command("report", "report runs/my-study")
    report.add_argument("folder", metavar="DIR", help="a run folder, or its address (s3://…)")
    report.add_argument(
        "--watch",
        nargs="?",
        const=30.0,
        type=_seconds,
        metavar="SECONDS",
        help="keep the page fresh while the study is under way, looking every so many seconds (30)",
    )
    status = command("status", "status runs/my-study")
    status.add_argument("folder", metavar="DIR", help="a run folder, or its address (s3://…), or a recording")
    command("papers", "papers")
    command("questions", "questions")
    command("schema", "schema > study.schema.json")
    return parser


def _seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def _add_file_options(parser: argparse.ArgumentParser, only: str) -> None:
    parser.add_argument("--init", metavar="P", help="the weights the training started from")
    _add_at(parser, "checkpoints")
    parser.add_argument("--init-at", metavar="NAME", help="the same of the file given with --init")
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="the network, e.g. fixup_resnet20, timm/NAME; not needed where recordings name it",
    )
    parser.add_argument("--data", metavar="SPEC", help=f"{_DATA}; not needed where recordings name it")
    parser.add_argument("--only", metavar="NAMES", help=only)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME.KEY=VALUE",
        help="a setting of a question, as in a study, e.g. landscape.points=50; or its quick form, "
        "landscape=quick; can be given several times",
    )
    parser.add_argument(
        "--head",
        choices=("refuse", "drop", "keep"),
        default="refuse",
        help="a final layer that does not fit the classes of the images: refuse (default) is an error; keep leaves "
        "out only those that do not fit; drop leaves out all of them. Where one is left out, only questions about "
        "features and weights are asked",
    )
    _add_image_options(parser)


def _add_at(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--at",
        action="append",
        default=[],
        metavar="NAME",
        help=f"{_AT}; once for all {what}, or once for each in their order",
    )


def _add_soup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT", help="two or more files of weights")
    parser.add_argument("--model", required=True, metavar="NAME", help="the network, e.g. resnet20, timm/NAME")
    parser.add_argument(
        "--data", required=True, metavar="SPEC", help=f"{_DATA}; its validation images choose, its test images judge"
    )
    parser.add_argument("--save", metavar="FILE", help="write the soup there, as safetensors, with what went in")
    _add_at(parser, "checkpoints")
    parser.add_argument("--init", metavar="P", help="the weights they all started from")
    parser.add_argument("--init-at", metavar="NAME", help="which weights of the file given with --init")
    parser.add_argument(
        "--test", action="append", default=[], metavar="NAME=SPEC",
        help="judge on the test images of another set, too; can be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--held-out", metavar="SPEC",
        help="choose on the validation images of this set instead, or on its test images where it has no others",
    )  # fmt: skip
    parser.add_argument(
        "--method", choices=("greedy", "uniform"), default="greedy", help="which soup is written (default: greedy)"
    )
    parser.add_argument(
        "--accept", choices=("not-worse", "better"), default="not-worse",
        help="when the greedy soup takes one more: when it is not worse for it (default, the paper), or only better",
    )  # fmt: skip
    parser.add_argument(
        "--methods", nargs="+", choices=("wise_ft", "model_stock", "task_arithmetic", "ties", "dare"),
        help="try these, too; they need --init",
    )  # fmt: skip
    _add_image_options(parser)
    parser.add_argument("--device", default="auto", metavar="cpu|cuda|cuda:1|auto", help="where to compute")
    parser.add_argument("--skip-unreadable", action="store_true", help="leave out images that cannot be read")


def _add_image_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", type=int, metavar="PX", help="side of the images in pixels")
    parser.add_argument(
        "--channels", type=int, choices=(1, 3), help="of the images: 1 is grey (default: what the first layer takes)"
    )
    parser.add_argument("--samples", type=int, metavar="N", help="use at most N images of each part")
    parser.add_argument("--mean", metavar="R,G,B", help="mean of the input normalisation, on the 0…1 scale")
    parser.add_argument("--std", metavar="R,G,B", help="standard deviation of the input normalisation")


def _add_run_options(parser: argparse.ArgumentParser, out: str | None) -> None:
    usual = out or "runs/NAME of the study"
    shown = f"run folder, or its address, s3://… (default: {usual})"
    parser.add_argument("--out", metavar="DIR", default=out, help=shown)
    parser.add_argument(
        "--engine",
        default="local",
        metavar="local|ray|ray://ADDRESS",
        help="who computes: processes of this machine (default), a Ray cluster started on it (ray), the one it is a "
        "node of (ray://auto), or another (ray://HOST:PORT); see docs/clusters.md",
    )
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="how many steps side by side (default: 1 for each core)"
    )
    parser.add_argument(
        "--device", default="auto", metavar="cpu|cuda|cuda:1|auto", help="where to compute (default: auto)"
    )
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="leave out images that cannot be read, and say so"
    )
