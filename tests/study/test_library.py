"""Papers as studies: what they show, what they need, and other images or settings for them."""

import re
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from transferscope.errors import SpecError, UsageError
from transferscope.models.build import build
from transferscope.models.network import Input
from transferscope.questions import question_class
from transferscope.store.tensors import write_tensors
from transferscope.study.check import check
from transferscope.study.estimate import estimate
from transferscope.study.library import PAPERS, library_study, paper, paper_study, why_left_out
from transferscope.study.load import load_study
from transferscope.study.overrides import changed, with_images
from transferscope.study.plan import make_plan

NEEDS = {name: {k: f"/data/{k}" for k in paper(name).scales["paper"].needs} for name in PAPERS}
del NEEDS["neyshabur2020"]["source"]  # imagenet is in its place


@pytest.mark.parametrize("name", PAPERS)
def test_every_figure_and_table_is_an_item_and_the_other_way_round(name: str) -> None:
    for scale in paper(name).scales:
        tree = paper_study(name, scale, NEEDS[name] if scale == "paper" else {})
        shown = [figure for item in tree["analyses"].values() for figure in item.get("shows", {})]
        assert sorted(shown) == sorted(paper(name).figures), scale
        assert len(set(shown)) == len(shown)


@pytest.mark.parametrize("name", PAPERS)
def test_the_small_study_can_be_run_and_is_small(name: str) -> None:
    plan = make_plan(check(load_study(f"paper:{name}")))
    assert plan.shown.keys() == paper(name).figures.keys()
    assert all(titles for _, titles in plan.shown.values()), "every figure has answers"
    assert estimate(plan.steps, measured=False).seconds > 0, "--plan knows every kind of step"
    if name not in ("abnar2022", "chatterji2020"):  # whose networks are of many sizes
        assert sum(step.cost for step in plan.steps) < 144e6, "40 minutes on two cores at 30,000 images a second"


def test_text_lists_what_there_is() -> None:
    for name in PAPERS:
        text = paper(name).text()
        assert all(re.search(rf"^  {figure} ", text, re.M) for figure in paper(name).figures)
        assert all(f"--set {key}=…" in text for key in paper(name).scales["paper"].needs)


def test_what_a_paper_needs_is_said_at_once() -> None:
    needs = r"^--set: paper:neyshabur2020 at scale paper needs domainnet=… \(the folder .*; source=… .*; imagenet=…"
    with pytest.raises(SpecError, match=needs + r" .*; one of source and imagenet is enough$"):
        paper_study("neyshabur2020", "paper", {"chexpert": "/x"})
    with pytest.raises(SpecError, match=r"^--set chexprt: is nothing that .* did you mean 'chexpert'"):
        paper_study("neyshabur2020", "paper", {"chexprt": "/x"})
    with pytest.raises(SpecError, match=r"^--set domainnet: is nothing that neyshabur2020 needs at this scale"):
        load_study("paper:neyshabur2020", settings={"domainnet": "/x"})
    with pytest.raises(SpecError, match=r"^--scale: 'large' is not a scale of neyshabur2020"):
        load_study("paper:neyshabur2020", scale="large")
    with pytest.raises(
        SpecError, match=r"^paper:neyshabur2021: there is no such paper; did you mean 'neyshabur2020'"
    ):
        load_study("paper:neyshabur2021")
    with pytest.raises(UsageError, match=r"^--scale mini: is for papers"):
        load_study("demo", scale="mini")


def test_weights_of_a_source_stand_for_pretraining_it() -> None:
    given = {k: v for k, v in NEEDS["neyshabur2020"].items() if k != "imagenet"} | {"source": "/data/source"}
    tree = paper_study("neyshabur2020", "paper", given)
    assert tree["source"]["checkpoint"] == "/data/source" and "data" not in tree["source"]
    assert "checkpoints" not in tree["analyses"]
    with pytest.raises(SpecError, match=r"^--set: give one of source and imagenet, not both$"):
        paper_study("neyshabur2020", "paper", given | NEEDS["neyshabur2020"])
    tree = paper_study("neyshabur2020", "paper", NEEDS["neyshabur2020"])
    assert tree["source"]["data"] == "folder:/data/imagenet" and "checkpoint" not in tree["source"]
    assert "checkpoints" in tree["analyses"]


def test_the_paper_scale_is_the_paper() -> None:
    tree = paper_study("neyshabur2020", "paper", NEEDS["neyshabur2020"])
    assert tree["images"] == {"size": 224, "samples": 50000, "seed": 2020} and tree["network"] == "fixup_resnet50"
    recipe = tree["recipe"]
    assert (recipe["epochs"], recipe["batch"], recipe["schedule"], recipe["milestones"]) == (
        100,
        32,
        "step",
        [30, 60, 90],
    )
    chexpert = tree["targets"]["chexpert"]
    assert chexpert["recipe"] == {"batch": 256, "schedule": "constant"}
    assert (chexpert["recipes"]["P-T"]["epochs"], chexpert["recipes"]["RI-T"]["epochs"]) == (200, 400)
    assert (tree["starts"]["P-T"]["recipe"]["lr"], tree["starts"]["RI-T"]["recipe"]["lr"]) == (0.02, 0.1)
    liu = paper_study("liu2019", "paper", NEEDS["liu2019"])
    # 0.01 at a batch of 32 is 0.08 for 256 images.
    assert (
        liu["recipe"]["lr"] * liu["recipe"]["batch"] / 256 == pytest.approx(0.01) and liu["recipe"]["epochs"] == 200
    )
    assert liu["starts"]["P-T"]["seeds"] == [0, 1, 2] and liu["analyses"]["landscape"]["points"] == 200


def test_the_paper_scale_can_be_planned(tmp_path: Path) -> None:
    """On folders in the shape of the real ones, smaller."""
    rng = np.random.default_rng(0)
    for domain in ("real", "clipart", "quickdraw"):
        for part, count in (("train", 300), ("test", 12)):
            lines = []
            for i in range(count):
                place = f"{domain}/{'ab'[i % 2]}/{part}{i}.png"
                (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(0, 255, (4, 4, 3), np.uint8)).save(tmp_path / place)
                lines.append(f"{place} {i % 2}\n")
            (tmp_path / f"{domain}_{part}.txt").write_text("".join(lines))
    header = "Path,Sex,Age,Frontal/Lateral,AP/PA,Atelectasis,Cardiomegaly,Consolidation,Edema,Pleural Effusion\n"
    rows = [
        f"CheXpert-v1.0-small/train/p{i}.png,F,1,Frontal,AP,{i % 2},{i % 3 // 2},0,1,{i % 2}\n" for i in range(640)
    ]
    (tmp_path / "CheXpert-v1.0-small" / "train").mkdir(parents=True)
    for i in range(640):
        Image.new("L", (4, 4)).save(tmp_path / "CheXpert-v1.0-small" / "train" / f"p{i}.png")
    (tmp_path / "CheXpert-v1.0-small" / "train.csv").write_text(header + "".join(rows))
    (tmp_path / "CheXpert-v1.0-small" / "valid.csv").write_text(header)
    write_tensors(tmp_path / "p.safetensors", build("fixup_resnet50", 5, input=Input((224, 224))).params())
    given: dict[str, Any] = {
        "domainnet": tmp_path,
        "chexpert": tmp_path / "CheXpert-v1.0-small",
        "source": tmp_path / "p.safetensors",
    }
    plan = make_plan(check(load_study("paper:neyshabur2020", scale="paper", settings=given)))
    assert "fig7" not in plan.shown and "fig3" in plan.shown
    run = plan.runs["chexpert"]["P-T 0"].step.spec["recipe"]
    assert (run["epochs"], run["batch"], run["schedule"], run["lr"]) == (200, 256, "constant", 0.02)


def test_other_images_by_name() -> None:
    tree = library_study("demo")
    one = with_images(tree, {"clipart": "synthetic:quickdraw?train=600", "source": "synthetic:photo?train=600"})
    assert list(one["targets"]) == ["clipart"] and one["source"]["data"] == "synthetic:photo?train=600"
    assert "combined_domains" not in one["analyses"] and one["analyses"]["basin"]["targets"] == ["clipart"]
    other = with_images(tree, {"photo": "synthetic:quickdraw?train=600"})
    assert "basin" not in other["analyses"], "asked of clipart only"
    assert "cross_domain" not in one["analyses"]
    kept = with_images(tree, {"source": "synthetic:photo?train=600"})
    assert list(kept["targets"]) == list(tree["targets"])
    with pytest.raises(UsageError, match=r"^--data foto: the study has no target or source .* did you mean 'photo'"):
        with_images(tree, {"foto": "synthetic:photo"})
    with pytest.raises(SpecError, match=r"^--data photo: "):
        with_images(tree, {"photo": "synthetc:photo"})


@pytest.mark.parametrize("name", PAPERS[:2])
@pytest.mark.parametrize("target", ["clipart", "xray"])
def test_a_paper_can_be_asked_of_one_target_of_yours(name: str, target: str) -> None:
    data = {"source": "synthetic:photo?train=600&test=100", target: f"synthetic:{target}?train=600&test=100"}
    plan = make_plan(check(load_study(f"paper:{name}", data=data)))
    assert {t for t in plan.runs if "+" not in t} == {target} and plan.items
    other = make_plan(check(load_study(f"paper:{name}", data="synthetic:clipart?train=600&test=100")))
    assert list(other.runs) == ["clipart"]
    several = {f"fig{n}" for n in range(19, 30)} if name == "neyshabur2020" else set()
    assert other.shown.keys() == paper(name).figures.keys() - several, "figures keep their names"
    assert all(titles in (("clipart",), ("",)) for _, titles in other.shown.values())


def test_a_name_that_data_left_out_says_which_target_it_needs() -> None:
    def why(name: str, targets: list[str], study: str = "neyshabur2020-mini") -> str | None:
        return why_left_out(name, study, targets)

    assert why("criticality", ["clipart"]) == "needs target xray, which --data left out"
    assert why("fig18", ["xray"]) == "needs one of the targets photo, clipart, quickdraw, which --data left out"
    assert (
        why("fig24", ["clipart"])
        == "needs two of the targets photo, clipart, quickdraw; with --data there is only clipart"
    )
    assert why("fig7", ["chexpert"], "neyshabur2020") == (
        "needs one of the targets real, clipart, quickdraw, which --data left out"
    )
    everything = ["real", "clipart", "quickdraw", "chexpert"]
    assert (why("fig7", everything, "neyshabur2020") or "").startswith(
        "needs --set imagenet=… (the folder of ImageNet"
    )
    assert why("basin", ["photo"], "demo") == "needs target clipart, which --data left out"
    for name, targets in (
        ("table33", ["clipart"]),
        ("mistakes", ["clipart"]),
        ("cross_domain", ["photo", "clipart"]),
    ):
        assert why(name, targets) is None
    assert why("table3", ["clipart"], "mine") is None


@pytest.mark.parametrize("name", PAPERS[:2])
def test_a_description_is_true_of_other_images(name: str) -> None:
    authors = {"neyshabur2020": "Neyshabur et al. 2020", "liu2019": "Liu et al. 2019"}[name]
    data = {"source": "folder:mine/photos", "clipart": "folder:../clips"}
    assert load_study(f"paper:{name}", data=data).description.replace(
        "as before source upside down, source colours, source drawings; ", ""
    ) == (
        f"{authors}, made small, asked of other images: source folder:mine/photos; target clipart folder:../clips; "
        "left out targets photo, quickdraw, xray."
    )
    one = load_study(f"paper:{name}", data="folder:~/birds").description
    assert one.startswith(
        f"{authors}, made small, asked of other images: target birds folder:~/birds; as before source"
    )
    assert one.endswith("; left out targets photo, clipart, quickdraw, xray.")
    assert (
        load_study("demo", data={"photo": "folder:x"}).description
        == "The demo study, asked of other images: target photo folder:x; as before source; left out target clipart."
    )
    mine = with_images(library_study("demo") | {"description": "Mine."}, {"photo": "folder:x"})
    assert mine["description"] == "Mine."


def test_other_settings_by_place() -> None:
    study = load_study(
        "demo", settings={"recipe.epochs": 3, "analyses.barrier.points": 5, "analyses.mistakes": False}
    )
    assert study.recipe["epochs"] == 3 and study.analyses["barrier"].points == 5  # type: ignore[attr-defined]
    assert "mistakes" not in study.analyses
    assert changed({"analyses": {"mistakes": True}}, {"analyses.mistakes.gallery": 2})["analyses"]["mistakes"] == {
        "gallery": 2
    }
    with pytest.raises(UsageError, match=r"^--set name\.x: 'name' holds 'demo', no settings"):
        load_study("demo", settings={"name.x": 1})
    with pytest.raises(SpecError, match=r"^recipe: unknown key 'epoch'; did you mean 'epochs'"):
        load_study("demo", settings={"recipe.epoch": 3})


def test_quick_is_laid_over_what_the_study_says() -> None:
    quick = question_class("basin").quick
    there = {"analyses": {"basin": {"targets": ["clipart"], "images": 200}, "barrier": True}}
    (key,) = settings = {"analyses.basin": "quick"}
    assert changed(there, settings)["analyses"]["basin"] == {"targets": ["clipart"], **quick}
    assert there["analyses"]["basin"]["images"] == 200, "the tree that was given is as it was"
    for bare in (True, False, "quick", None):
        assert changed({"analyses": {"basin": bare}}, settings)["analyses"]["basin"] == quick
    finer = changed({"analyses": {"basin": "quick"}}, {"analyses.basin.images": 1000})
    assert finer["analyses"]["basin"] == {**quick, "images": 1000}
    assert changed({}, {key: "quick", f"{key}.draws": 20})["analyses"]["basin"] == {**quick, "draws": 20}
    named = {"analyses": {"fig9": {"question": "landscape", "shows": {"fig9": []}}}}
    assert changed(named, {"analyses.fig9": "quick"})["analyses"]["fig9"]["points"] == 11
    study = load_study("demo", settings={"landscape": "quick", "basin": "quick"})
    assert study.analyses["basin"].targets == ("clipart",) and study.analyses["landscape"].model_dump()["planes"] == 4
    assert load_study("paper:liu2019", settings={"basin": "quick"}).analyses["basin"].model_dump()["draws"] == 8
    with pytest.raises(SpecError, match=r"^analyses\.barrier: barrier has no quick form; those that have one: basin"):
        load_study("demo", settings={"barrier": "quick"})


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("liu2019", {"recipe.epochs": 5, "source.recipe.epochs": 3, "sources.colours.recipe.epochs": 1}),
        ("neyshabur2020", {"recipe.epochs": 1, "source.recipe.epochs": 2}),
    ],
)
def test_a_papers_study_can_be_made_shorter(name: str, settings: dict[str, Any]) -> None:
    few = dict.fromkeys(load_study(f"paper:{name}").pretrainings, "synthetic:source?train=64&test=32")
    study = load_study(f"paper:{name}", data=few, settings=settings)
    assert make_plan(check(study)).shown.keys() == paper(name).figures.keys()


def test_what_is_kept_goes_along_where_training_gets_shorter() -> None:
    tree: dict[str, Any] = {
        "recipe": {"epochs": 20},
        "source": {"recipe": {"epochs": 10}, "record": {"epochs": [0, 1, 4, 10]}},
        "sources": {"other": {"record": {"epochs": [2, 20]}}},
        "targets": {"a": {"recipes": {"P": {"epochs": 12}}}, "b": {}},
        "starts": {"P": {}, "R": {"average": {"replicas": 2, "every": 6}}},
        "record": {"epochs": [1, 3, 12]},
    }
    five = changed(tree, {"recipe.epochs": 5})
    assert five["record"] == {"epochs": [1, 3, 5]} and five["source"] == tree["source"]
    assert five["sources"]["other"]["record"] == {"epochs": [2, 5]}, "inherits the recipe of the study"
    assert five["starts"]["R"]["average"] == {"replicas": 2, "every": None}
    source = changed(tree, {"source.recipe.epochs": 4})
    assert source["source"]["record"] == {"epochs": [0, 1, 4]} and source["record"] == tree["record"]
    assert changed(tree, {"sources.other.recipe.epochs": 3})["sources"]["other"]["record"] == {"epochs": [2, 3]}
    start = {"starts.P.recipe.epochs": 2}
    assert changed(tree, start)["record"] == {"epochs": [1, 2]}, "of the shortest training"
    one = changed(tree | {"targets": {"a": tree["targets"]["a"]}}, start)
    assert one["record"] == tree["record"], "the target's own recipe for it goes over the start's"
    # What a person asks for is theirs to mend, and so is what was wrong before.
    asked = changed(tree, {"recipe.epochs": 5, "record.epochs": [1, 9]})
    assert asked["record"] == {"epochs": [1, 9]}
    assert changed(tree, {"recipe.epochs": 5, "record": {"epochs": [9]}})["record"] == {"epochs": [9]}
    assert changed(tree, {"recipe.epochs": 30})["record"] == tree["record"]
    assert changed(tree, {"recipe.epochs": "five"})["record"] == tree["record"]
    wrong = tree | {"record": {"epochs": [99]}}
    assert changed(wrong, {"recipe.lr": 0.1})["record"] == {"epochs": [99]}


def test_a_setting_of_something_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"^--set starts\.PT\.seeds: there is no start 'PT'; did you mean 'P-T'\?$"):
        load_study("demo", settings={"starts.PT.seeds": [3]})
    with pytest.raises(
        UsageError, match=r"^--set targets\.foto\.samples: there is no target 'foto'; did you mean 'pho"
    ):
        load_study("demo", settings={"targets.foto.samples": 3})
    with pytest.raises(UsageError, match=r"^--set sources\.x\.seed: there is no source 'x'$"):
        load_study("demo", settings={"sources.x.seed": 3})
    with pytest.raises(
        UsageError, match=r"^--set analyses\.barier\.points: there is no analysis 'barier'; did you mean '"
    ):
        load_study("demo", settings={"analyses.barier.points": 3})
    more = load_study("demo", settings={"starts.new": {"from": "random"}, "starts.new.seeds": [7]})
    assert more.starts["new"].seeds == (7,)
    question = changed({"analyses": {}}, {"analyses.weight_map.starts": ["P-T"]})
    assert question["analyses"] == {"weight_map": {"starts": ["P-T"]}}, "a question needs no more than its name"


def test_files_of_the_shelf_are_in_the_package() -> None:
    folder = resources.files("transferscope.papers")
    for name in PAPERS:
        assert {f.name for f in folder.joinpath(name).iterdir() if f.name.endswith(".yaml")} == {
            "about.yaml",
            "mini.yaml",
            "paper.yaml",
        }
