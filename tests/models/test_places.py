"""Where weights lie in a file, and how those that are wanted are named."""

import pytest
import torch

from transferscope.errors import CheckpointError
from transferscope.models.build import build, initialise
from transferscope.models.checkpoint import read
from transferscope.models.heads import fit_to
from transferscope.models.load import load_weights
from transferscope.questions.doctor.measure import doctor


@pytest.fixture(scope="module")
def net():
    return build("resnet20", 3)


@pytest.fixture(scope="module")
def two(net):
    return initialise(net, 1), initialise(net, 2)


def under(prefix, params):
    return {prefix + k: v for k, v in params.items()}


def same(params, expected):
    assert all(torch.equal(params[k], v) for k, v in expected.items())


def test_student_and_teacher_are_chosen_by_name(net, two, tmp_path):
    a, b = two
    path = tmp_path / "dino.pth"
    torch.save({"student": under("module.backbone.", a), "teacher": under("backbone.", b), "epoch": 9}, path)
    with pytest.raises(
        CheckpointError, match=r"several sets of weights, at 'student', 'teacher'; choose one with --at NAME"
    ):
        load_weights(net, path)
    student, teacher = (load_weights(net, path, at=name) for name in ("student", "teacher"))
    same(student.params, a)
    same(teacher.params, b)
    assert (student.label, teacher.label) == ("dino.pth at student", "dino.pth at teacher")
    same(load_weights(net, path, at="student.module.backbone").params, a)
    with pytest.raises(
        CheckpointError, match=r"no weights at 'techer'; there are some at .*; did you mean 'teacher'"
    ):
        read(path, at="techer")
    d = doctor(path, at="teacher")
    assert (d.nested, d.others, d.model) == ("teacher", ("student",), "resnet20")
    assert "also there student (--at student)" in d.text() and "--at teacher --data" in d.use


def test_averaged_weights_beside_raw_ones_are_named(net, two, tmp_path):
    a, b = two
    path = tmp_path / "last.pth.tar"
    torch.save({"state_dict": a, "state_dict_ema": b}, path)
    same(load_weights(net, path).params, a)
    same(load_weights(net, path, at="state_dict_ema").params, b)
    assert doctor(path).others == ("state_dict_ema",)


def test_two_networks_under_two_beginnings(net, two, tmp_path):
    a, b = two
    path = tmp_path / "moco.pth"
    torch.save({"state_dict": {**under("module.encoder_q.", a), **under("module.encoder_k.", b)}}, path)
    loaded = fit_to(net, read(path))
    same(loaded.params, a)
    assert loaded.report.twins == ("module.encoder_k.",)
    assert len(loaded.report.aside) == len(b) and loaded.report.complete
    same(load_weights(net, path, at="module.encoder_k").params, b)
    assert "second     module.encoder_k. (--at module.encoder_k)" in doctor(path).text()
    torch.save({**under("left.", a), **under("right.", b)}, path)
    with pytest.raises(
        CheckpointError, match="holds resnet20 several times, at 'left', 'right'; choose one with --at"
    ):
        load_weights(net, path)
    same(load_weights(net, path, at="right").params, b)
    with pytest.raises(CheckpointError, match="no weights at 'middle'; there are some at the top, 'left', 'right'"):
        load_weights(net, path, at="middle")


def test_arrays_beside_weights_are_not_taken_for_them(net, two, tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"model": two[0], "curve": torch.ones(9), "seen": torch.tensor([1, 2])}, path)
    file = read(path)
    assert file.nested == "model" and set(file.dropped) == {"curve", "seen"}
    same(load_weights(net, path).params, two[0])


def test_lists_of_networks(net, two, tmp_path):
    path = tmp_path / "ensemble.pt"
    torch.save({"members": list(two)}, path)
    with pytest.raises(CheckpointError, match=r"at 'members\.0', 'members\.1'"):
        read(path)
    same(load_weights(net, path, at="members.1").params, two[1])


def test_one_tensor_is_no_checkpoint(tmp_path):
    torch.save(torch.ones(3), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="holds one tensor without a name"):
        read(tmp_path / "a.pt")


def test_a_name_with_one_set_of_weights_below_it_is_enough(net, two, tmp_path):
    path = tmp_path / "ema.pt"
    torch.save({"model": under("module.", two[0]), "ema": {"decay": 0.9, "shadow": two[1]}}, path)
    same(load_weights(net, path).params, two[0])
    for at in ("ema", "ema.shadow"):
        same(load_weights(net, path, at=at).params, two[1])


def test_weights_in_a_tuple_with_other_things(net, two, tmp_path):
    torch.save((two[0], {"epoch": 3}), tmp_path / "a.pt")
    same(load_weights(net, tmp_path / "a.pt").params, two[0])
    torch.save(list(two[0].values()), tmp_path / "b.pt")
    with pytest.raises(CheckpointError, match="holds a list, expected a dict of tensors by name"):
        load_weights(net, tmp_path / "b.pt")
