# ruff: noqa: E501  (tables of messages)
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from transferscope.errors import SpecError
from transferscope.models.build import build
from transferscope.models.network import Input
from transferscope.store.tensors import write_tensors
from transferscope.study.check import check
from transferscope.study.load import parse_study
from transferscope.study.run import remarks_of

Tree = Callable[..., dict[str, Any]]


def checked(tree: dict[str, Any]) -> Any:
    return check(parse_study(tree))


def test_finds_classes_counts_and_recipes(tree: Tree) -> None:
    found = checked(tree())
    assert (found.targets["photo"].train, found.targets["photo"].test) == (64, 48)
    assert len(found.targets["photo"].classes) == 12 and not found.targets["photo"].multilabel
    assert found.network["size"] == 16 and found.network["mean"] == [0.485, 0.456, 0.406]
    assert found.sources["source"].recipe.epochs == 1


def test_recipes_lie_over_each_other(tree: Tree) -> None:
    given = tree(
        targets__photo__recipe={"lr": 0.2, "epochs": 3},
        targets__photo__recipes={"P-T": {"epochs": 4}},
    )
    given["starts"]["P-T"]["recipe"] = {"lr": 0.01, "epochs": 5}
    recipes = checked(given).recipes
    assert (recipes["clipart", "RI-T"].lr, recipes["clipart", "RI-T"].epochs) == (0.05, 2)
    assert (recipes["photo", "RI-T"].lr, recipes["photo", "RI-T"].epochs) == (0.2, 3)
    assert (recipes["clipart", "P-T"].lr, recipes["clipart", "P-T"].epochs) == (0.01, 5)
    assert (recipes["photo", "P-T"].lr, recipes["photo", "P-T"].epochs) == (0.01, 4)
    (remark,) = remarks_of(checked(given))  # of epochs the target's own word for P-T is the last
    assert remark[0] == "targets.photo.recipe.lr" and remark[1].startswith("is not that of P-T, whose own recipe")
    given["starts"]["P-T"]["recipe"] = {"lr": 0.2}
    assert not remarks_of(checked(given))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "fixup_resnet21"}, r"^network: unknown network 'fixup_resnet21'; did you mean 'fixup_resnet\d\d'"),
        ({"network": {"name": "fixup_resnet8", "mean": [0.5]}}, r"^network: mean and std must have 3 entries"),
        ({"targets__photo__data": "folder:/no/such"}, r"^targets\.photo\.data: /no/such: no such folder"),
        ({"source__data": "folder:/no/such"}, r"^source\.data: /no/such: no such folder"),
        ({"source": None}, r"^starts\.P-T\.from: the study has no source; add 'source:'"),
        ({"source": {}}, r"^source: give either 'data' .* or 'checkpoint'"),
        ({"source__checkpoint": "x.pt"}, r"source: give either 'data'"),
        ({"source": {"checkpoint": "/no/such.pt"}}, r"^source\.checkpoint: /no/such.pt: no such file"),
        ({"targets__photo__data": "synthetic:photo?train=64&test=48&size=32"},
         r"^targets\.photo\.data: synthetic:photo\?.*: size=32, and all images here have size 16, which images\.size in a study"),
        ({"targets__photo__data": "synthetic:photo?train=64&test=48&size=16", "images": {}, "network": "lenet", "analyses": {}},
         r"^targets\.photo\.data: synthetic:photo\?.*: size=16, and all images here have size 28"),
        ({"source__data": "synthetic:source?train=64&test=32&channels=1"},
         r"^source\.data: synthetic:source\?.*: channels=1, and all images here have channels 3"),
        ({"recipe__lr": -1.0}, r"^recipe\.lr: -1\.0 is wrong; expected a positive number"),
        ({"recipe__augmentation__padding": -1}, r"^recipe\.augmentation\.padding: -1 is wrong"),
        ({"recipe__batch": 65}, r"^recipe\.batch: 65 is more than the 64 training images of synthetic:"),
        ({"targets__photo__recipe": {"lr": 0.0}}, r"^targets\.photo\.recipe\.lr: 0\.0 is wrong"),
        ({"targets__photo__recipes": {"P-T": {"lr": 0.0}}}, r"^targets\.photo\.recipes\.P-T\.lr: 0\.0 is wrong"),
        ({"targets__photo__recipes": {"PT": {}}}, r"^targets\.photo\.recipes: there is no start 'PT'; did you mean 'P-T'"),
        ({"starts__P-T__init": 3}, r"^starts\.P-T\.init: is for 'from: random' only"),
        ({"starts__RI-T__seeds": [1, 1]}, r"^starts\.RI-T\.seeds: holds a seed twice: \[1, 1\]"),
        ({"starts__RI-T__targets": ["foto"]}, r"^starts\.RI-T\.targets: there is no target 'foto'; did you mean 'photo'"),
        ({"record": {"epochs": [1, 9]}}, r"^record\.epochs\.1: epoch 9 does not come: training ends after epoch 2"),
        ({"source__record": {"epochs": [2]}}, r"^source\.record\.epochs\.0: epoch 2 does not come"),
        ({"source__head": "keep"}, r"^source\.head: the source's final layer has 16 outputs, clipart has 12 classes"),
        ({"analyses__barrier__targets": ["foto"]}, r"^analyses\.barrier\.targets: there is no target 'foto'"),
        ({"analyses__barrier__starts": ["P"]}, r"^analyses\.barrier\.starts: there is no start 'P'"),
        ({"analyses__barrier__metrics": ["auc"]}, r"^analyses\.barrier\.metrics: 'auc' is for several labels an image"),
        ({"analyses__similarity": {"only": ["layer9"]}}, r"^analyses\.similarity\.only: there is no module .* 'layer9'"),
        ({"analyses__combined_domains__unions": [["photo", "foto"]]}, r"^analyses\.combined_domains\.unions\.0: there is no"),
        ({"analyses__combined_domains__targets": ["photo"]}, r"combined_domains\.targets: is not for this question"),
        ({"analyses__combined_domains__unions": [["photo", "photo"]]}, r"unions\.0: names a target twice"),
        ({"starts": {"RI-T": {"from": "random", "seeds": [0]}}, "analyses": {"mistakes": True}, "source": None},
         r"^analyses\.mistakes: needs 2 runs on clipart, there are 1; add a start or a seed"),
        ({"analyses__hessian__module": "layer9"}, r"^analyses\.hessian\.module: there is no module of fixup_resnet8 'layer9'"),
        ({"analyses__landscape__only": ["layer9"]}, r"^analyses\.landscape\.only: there is no module of fixup_resnet8 'layer9'"),
        ({"analyses__rewind__epochs": [0, 3]}, r"^analyses\.rewind\.epochs: epoch 3 does not come: training ends after epoch 2$"),
        ({"record": {"epochs": [2]}}, r"^analyses\.rewind\.epochs: no weights are kept after epoch 1 \(kept: 0, 2\); set record: {epochs: \[1, 2\]}"),
        ({"analyses__loss_variation__steps": [1, 4]}, r"^analyses\.loss_variation\.steps: no weights are kept after step 1 \(kept: none\); set record: {steps: \[1\]}"),
        ({"analyses__loss_variation__steps": [5]}, r"^analyses\.loss_variation\.steps: step 5 does not come: training ends after step 4"),
        ({"record": {"epochs": []}, "analyses": {"loss_variation": True}},
         r"^analyses\.loss_variation: needs weights kept between start and end, and there are none; set record: {epochs: \[1, 2\]}"),
        ({"record": {"epochs": [2]}, "analyses": {"criticality": {"paths": ["optimisation"]}}},
         r"^analyses\.criticality\.paths: needs weights kept between start and end"),
        ({"recipe__epochs": 1, "analyses": {"loss_variation": True}},
         r"^analyses\.loss_variation: needs weights .* there are none; set record: {steps: \[1\]}"),
        ({"starts": {"RI-T": {"from": "random", "seeds": [0]}, "P-T": {"from": "source", "seeds": [0]}}, "analyses": {"basin": True}},
         r"^analyses\.basin: needs 2 runs on clipart that start alike \(from source, or from random\); add a seed"),
        ({"analyses__basin__groups": ["all"]}, r"^analyses\.basin: needs 3 runs on photo that start alike"),
        ({"analyses": {"cross_domain": {"targets": ["photo"]}}}, r"^analyses\.cross_domain: needs two targets of the same"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_said_before_anything_is(tree: Tree, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        checked(tree(**changes))


def test_the_number_nearest_to_the_images_counts(tree: Tree) -> None:
    """The block's own ``samples``, else that of the data string, else that of all images."""
    given = tree(images__samples=20, recipe__batch=8)
    assert checked(given).targets["photo"].train == 20
    given["targets"]["photo"]["data"] += "&samples=30"
    assert {name: found.train for name, found in checked(given).targets.items()} == {"photo": 30, "clipart": 20}
    given["targets"]["photo"]["samples"] = 40
    assert checked(given).targets["photo"].train == 40


def test_what_a_data_string_says_as_the_study_does_is_fine(tree: Tree) -> None:
    given = tree()
    given["targets"]["photo"]["data"] += "&size=16&channels=3"
    assert checked(given).targets["photo"].train == 64


def test_domains_of_other_classes(tree: Tree) -> None:
    given = tree()
    given["targets"]["xray"] = {"data": "synthetic:xray?train=64&test=48"}
    given["analyses"]["combined_domains"]["unions"] = [["photo", "xray"]]
    with pytest.raises(SpecError, match=r"unions\.0: joins targets of different classes: photo \(12 .*xray \("):
        checked(given)


def test_bad_folders_are_told_with_their_place(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "cats" / "cat").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "cats" / "cat" / "1.png")
    with pytest.raises(SpecError, match=r"^targets\.photo\.data: .*only one class, 'cat'; two or more are needed"):
        checked(tree(targets__photo__data=f"folder:{tmp_path}/cats"))
    (tmp_path / "cats" / "dog").mkdir()
    with pytest.raises(SpecError, match=r"^targets\.photo\.data: .*no images in the class folder 'dog'"):
        checked(tree(targets__photo__data=f"folder:{tmp_path}/cats"))


def test_which_weights_of_a_checkpoint_is_said_with_it(tree: Tree, tmp_path: Path) -> None:
    small, large = (build("fixup_resnet8", k, input=Input((16, 16))).params() for k in (5, 6))
    path = str(tmp_path / "a.pt")
    torch.save({"student": small, "teacher": large}, path)
    assert checked(tree(source={"checkpoint": path, "at": "teacher"})).sources["source"].classes == 6
    with pytest.raises(SpecError, match=r"source\.checkpoint: .* at 'student', 'teacher'; choose one"):
        checked(tree(source={"checkpoint": path}))
    with pytest.raises(SpecError, match=r"source\.at: says which weights of a 'checkpoint'; give that, too"):
        checked(tree(source={"data": "synthetic:photo", "at": "teacher"}))


def test_checkpoints_are_read_before_anything_is_run(tree: Tree, tmp_path: Path) -> None:
    net = build("fixup_resnet8", 7, input=Input((16, 16)))
    params = net.params()
    path = tmp_path / "p.safetensors"
    write_tensors(path, params)
    given = tree(source={"checkpoint": str(path)})
    checked(given)
    with pytest.raises(SpecError, match=r"^source\.recipe: is for pre-training on 'data'"):
        checked(tree(source={"checkpoint": str(path), "recipe": {"epochs": 3}}))
    with pytest.raises(SpecError, match=r"^source\.head: the source's final layer has 7 outputs"):
        checked(tree(source={"checkpoint": str(path), "head": "keep"}))
    write_tensors(path, {k: torch.full_like(v, np.nan) for k, v in params.items()})
    with pytest.raises(SpecError, match=r"^source\.checkpoint: .*NaN or infinite"):
        checked(given)
    write_tensors(path, build("fixup_resnet14", 7, input=Input((16, 16))).params())
    with pytest.raises(SpecError, match=r"^source\.checkpoint: .*does not fit fixup_resnet8"):
        checked(given)
    path.write_bytes(b"")
    with pytest.raises(SpecError, match=r"^source\.checkpoint: .*has zero bytes"):
        checked(given)
