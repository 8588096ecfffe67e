"""Networks that lie in files of the user: paths start at the study, and a changed file is another network."""

import pytest

from transferscope.errors import SpecError
from transferscope.study.image_settings import ImageSettings
from transferscope.study.load import parse_study
from transferscope.study.network_spec import network_spec

TREE = {
    "name": "mine",
    "images": {"size": 8},
    "targets": {"t": {"data": "synthetic:clipart?train=24&test=12"}},
    "starts": {"RI-T": {"from": "random", "seeds": [0]}},
    "analyses": {},
}
MAKE = "from torch import nn\ndef make(classes=2):\n    return nn.Sequential(nn.Flatten(), nn.Linear(192, classes))\n"


@pytest.mark.parametrize(
    ("name", "absolute"),
    [
        ("py:nets/mine.py:make?width=3", "py:{base}/nets/mine.py:make?width=3"),
        ("hf/vit", "hf/{base}/vit"),
        ("timm/resnet18?drop_rate=0.1", "timm/resnet18?drop_rate=0.1"),
    ],
)
def test_paths_start_at_the_study(tmp_path, name, absolute):
    study = parse_study(TREE | {"network": name}, tmp_path)
    assert study.network.name == absolute.format(base=tmp_path)


def test_what_is_no_place_is_said_with_all_else(tmp_path):
    with pytest.raises(SpecError, match="network: py:mine: expected py:FILE:FACTORY"):
        parse_study(TREE | {"network": "py:mine"}, tmp_path)


def test_a_changed_file_is_another_network(tmp_path):
    file, images = tmp_path / "mine.py", ImageSettings(size=8)
    file.write_text(MAKE)
    name = f"py:{file}:make"
    first = network_spec(name, images, None, None)
    assert len(first["files"]) == 1 and first == network_spec(name, images, None, None)
    file.write_text(MAKE + "\n")
    assert network_spec(name, images, None, None)["files"] != first["files"]
    assert "files" not in network_spec("lenet", images, None, None)
