"""Candidates of different networks ranked: what words name, how each sees the images, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from transferscope.errors import CheckpointError, ModelError, SpecError, StoreError, TransferscopeError, UsageError
from transferscope.models.build import build, initialise
from transferscope.models.network import Input
from transferscope.study.candidates import named
from transferscope.study.load import load_study
from transferscope.study.rank import Ranking, plan_ranking, rank
from transferscope.study.run import run_study
from transferscope.study.stored_study import open_study

DATA = "synthetic:clipart?train=60&test=24"
QUICK = {"draws": 3, "permutations": 2}
STUDY = """
name: small
network: lenet
images: {size: 16}
recipe: {epochs: 1, batch: 32, augmentation: {crop: none}}
source: {data: "synthetic:photo?train=48&test=40"}
targets: {clips: {data: "synthetic:clipart?train=60&test=40"}}
starts: {P-T: {from: source, seeds: [0]}}
analyses: {scores: {draws: 2, permutations: 1}}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "image-cache"))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Weights of three networks with heads of three sizes, one of them for grey images."""
    made = {
        "small.pt": build("lenet", 12, input=Input((16, 16))),
        "grey.pt": build("lenet", 7, input=Input((28, 28), 1, (0.5,), (0.5,))),
        "deep.pt": build("fixup_resnet8", 5),
    }
    for name, net in made.items():
        torch.save(initialise(net, 0), tmp_path / name)
    return {name.removesuffix(".pt"): str(tmp_path / name) for name in made}


def test_each_candidate_has_its_own_network_size_and_channels(files: dict[str, str], tmp_path: Path) -> None:
    words = (f"lenet={files['small']}", files["grey"], f"fixup_resnet8={files['deep']}")
    folder, outcome = rank(Ranking(words, DATA, QUICK), tmp_path / "out", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    study = open_study(folder.root)
    result = study.results("scores")[""]
    seen = {c.label: (c.network, c.side, c.width) for c in result.candidates}  # type: ignore[attr-defined]
    assert seen == {
        "small.pt": ("lenet", 16, 84), "grey.pt": ("lenet", 28, 84), "deep.pt": ("fixup_resnet8", 32, 64)
    }  # fmt: skip
    assert result.n == 60 and np.isfinite(result.of("ridge")).all()  # type: ignore[attr-defined]
    assert np.isfinite(result.of("leep")).all(), "each has a final layer of its own"  # type: ignore[attr-defined]
    assert study.description == "3 candidates of 2 networks ranked on 60 training images."
    again = rank(Ranking(words, DATA, QUICK), tmp_path / "out", device="cpu", threads=1)[1]
    assert not again.done, "what is there is taken up"
    with pytest.raises(StoreError, match=r"holds the ranking 'small\.pt"):
        rank(Ranking(words[:2], DATA, QUICK), tmp_path / "out", device="cpu", threads=1)


def test_networks_with_options_and_files_with_signs_of_equality(tmp_path: Path) -> None:
    name = "timm/vit_tiny_patch16_224?depth=1&img_size=32&embed_dim=24&num_heads=3"
    path = tmp_path / "lr=0.1.pt"
    torch.save(initialise(build(name, 3), 0), path)
    [found] = named([f"{name}={path}"])
    assert (found.path, found.network["name"], found.network["size"]) == (str(path), name, 32)
    with pytest.raises(CheckpointError, match=r"nope\.pt: no such file"):
        named([f"{name}={tmp_path}/nope.pt"])


def test_the_pre_trainings_of_a_run_folder(files: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    folder, outcome = run_study(load_study(str(tmp_path / "study.yaml")), tmp_path / "run", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    (scored,) = open_study(folder.root).results("scores").values()
    assert scored.labels == ("P", "random weights")  # type: ignore[attr-defined]
    assert scored.candidates[1].reasons["leep"] == "it has no final layer of its own"  # type: ignore[attr-defined]
    assert np.isfinite(scored.of("task_move")).tolist() == [True, False]  # type: ignore[attr-defined]
    assert scored.candidates[1].reasons["task_move"] == "it was not pre-trained"  # type: ignore[attr-defined]
    found = named([str(folder.root), files["deep"]])
    labels = [c.label for c in found]
    assert labels == ["source, epoch 0", "source", ""], "epoch 1, the last, is the final one"
    assert all("clips" not in label for label in labels), "runs on targets are no candidates"
    plan, text, _ = plan_ranking(Ranking((str(folder.root), files["deep"]), DATA, QUICK))
    assert [s.name for s in plan.steps if s.kind == "checkpoint"] == [*labels[:-1], "deep.pt"]
    assert "network" in text and "deep.pt" in text
    (answer,) = (s for s in plan.steps if s.kind == "analysis")
    learned = [one.get("learned") for one in answer.spec["given"]]
    assert learned == ["it was not pre-trained", "learned source", None], "what a file has learned is not known"
    assert answer.inputs["learned source"].kind == "data"


def refused(error: type[TransferscopeError], said: str, *words: str, data: str = DATA, **more: object) -> None:
    with pytest.raises(error, match=said) as caught:
        plan_ranking(Ranking(words, data, **more))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_one_size_for_all_and_a_copy_is_named(files: dict[str, str], tmp_path: Path) -> None:
    save_file(torch.load(files["deep"]), tmp_path / "twin.safetensors")
    words = (files["deep"], str(tmp_path / "twin.safetensors"))
    plan, _, notes = plan_ranking(Ranking(words, DATA, QUICK, size=24))
    assert {step.spec["network"]["size"] for step in plan.steps if step.kind == "checkpoint"} == {24}
    said = "deep.pt and twin.safetensors are one and the same network: all their weights are equal"
    assert ("candidates", said) in notes
    refused(UsageError, "--size 4: expected 8 to 4096", *words, size=4)
    refused(TransferscopeError, "small.pt", files["small"], files["deep"], size=24)  # its layers are for 16 pixels


def test_which_weights_of_files_that_hold_several(files: dict[str, str], tmp_path: Path) -> None:
    """``at`` is for all, or for each in their order; the weights read are those it names."""
    net, words = build("fixup_resnet8", 5), [str(tmp_path / name) for name in ("last.pt", "other.pt")]
    for seed, word in enumerate(words):
        torch.save({"state_dict": initialise(net, seed), "ema": initialise(net, 7 + seed)}, word)
    plan, text, notes = plan_ranking(Ranking((words[0], words[0]), DATA, QUICK, at=("state_dict", "ema")))
    steps = {step.name: step.spec["at"] for step in plan.steps if step.kind == "checkpoint"}
    assert steps == {"last.pt at state_dict": "state_dict", "last.pt at ema": "ema"}
    assert "at: [state_dict, ema]" in text and not notes, "they are not one and the same network"
    torch.save(initialise(net, 7), tmp_path / "plain.pt")
    _, _, notes = plan_ranking(Ranking((words[0], str(tmp_path / "plain.pt")), DATA, QUICK, at=("ema", "")))
    said = "last.pt at ema and plain.pt are one and the same network: all their weights are equal"
    assert ("candidates", said) in notes
    plan, _, _ = plan_ranking(Ranking(tuple(words), DATA, QUICK, at=("ema",)))
    assert [step.spec["at"] for step in plan.steps if step.kind == "checkpoint"] == ["ema", "ema"]
    assert [step.name for step in plan.steps if step.kind == "checkpoint"] == ["last.pt", "other.pt"]
    refused(UsageError, "--at is given 3 times for 2 candidates; give it once for all", *words, at=("a", "b", "c"))
    refused(UsageError, r"last\.pt: is given twice", words[0], words[0], at=("ema",))
    refused(CheckpointError, "last.pt: no weights at 'emma'; .*did you mean 'ema'", *words, at=("emma",))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "study.yaml").write_text(STUDY)
    refused(
        UsageError,
        "--at ema: says which weights of a file; .*run is a run folder",
        words[0],
        str(tmp_path / "run"),
        at=("ema",),
    )


def test_what_is_refused(files: dict[str, str], tmp_path: Path) -> None:
    both = (files["small"], files["deep"])
    refused(UsageError, "1 candidate given; ranking takes 2 or more", files["small"])
    refused(UsageError, "small.pt: is given twice", files["small"], files["small"])
    refused(UsageError, "expected NETWORK=FILE", files["small"], "lenet=")
    refused(CheckpointError, "nothing.pt", files["small"], str(tmp_path / "nothing.pt"))
    refused(ModelError, "deep.pt: unknown network 'fixup_resnet9'", files["small"], f"fixup_resnet9={files['deep']}")
    refused(CheckpointError, "does not fit resnet20", files["small"], f"resnet20={files['deep']}")
    refused(SpecError, "--set scores: unknown key 'drows'", *both, settings={"drows": 3})
    refused(SpecError, r"--set scores\.targets: is for studies", *both, settings={"targets": ["a"]})
    refused(UsageError, "--samples 0", *both, samples=0)
    refused(SpecError, "5 training images of 12 classes", *both, data="synthetic:clipart?train=60&test=24", samples=5)
    (tmp_path / "empty").mkdir()
    refused(StoreError, "is not a run folder", files["small"], str(tmp_path / "empty"))
    torch.save({"a.weight": torch.zeros(3, 4), "b.weight": torch.zeros(5, 3)}, tmp_path / "odd.pt")
    refused(UsageError, "odd.pt: which network it is of cannot be told", files["small"], str(tmp_path / "odd.pt"))


def test_a_class_with_a_single_image(files: dict[str, str], tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for part, counts in (("train", (6, 1)), ("test", (2, 2))):
        for name, count in zip(("cat", "dog"), counts, strict=True):
            (tmp_path / "set" / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "set" / part / name / f"{i}.png")
    refused(
        SpecError, "class 'dog' has a single training image", files["small"], files["deep"],
        data=f"folder:{tmp_path / 'set'}",
    )  # fmt: skip


def test_the_best_are_settled_by_short_trainings_of_networks_with_the_targets_classes(
    files: dict[str, str], tmp_path: Path
) -> None:
    words = (f"lenet={files['small']}", f"fixup_resnet8={files['deep']}")
    asked = Ranking(words, DATA, {**QUICK, "finetune": 2})
    folder, outcome = rank(asked, tmp_path / "out", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    result = open_study(folder.root).results("scores")[""]
    done = result.settled  # type: ignore[attr-defined]
    assert {t.label for t in done.trainings} == {"small.pt", "deep.pt"} == {done.chosen, *done.others}
    assert done.right.shape == (2, 24) and all(t.ended == "finished" for t in done.trainings)
    assert result.findings()[1].text.startswith("Of ") and "fine-tuned and halved" in result.findings()[1].text
    with pytest.raises(SpecError, match=r"--set scores\.finetune"):
        plan_ranking(Ranking(words, DATA, {"finetune": 0}))
