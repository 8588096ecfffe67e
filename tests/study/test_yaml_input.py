from pathlib import Path

import pytest

from transferscope.errors import SpecError
from transferscope.study.yaml_input import parse_yaml, read_yaml


def test_yaml_1_2() -> None:
    assert parse_yaml("lr: 1e-4\nbatch: 1_000\nflag: yes\nother: true\nnone: ~\n") == {
        "lr": 1e-4,
        "batch": 1000,
        "flag": "yes",
        "other": True,
        "none": None,
    }
    assert parse_yaml("a: &x {lr: 1}\nb: *x\n") == {"a": {"lr": 1}, "b": {"lr": 1}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "study: is empty; expected a study"),
        ("# only a comment\n", "is empty"),
        ("- a\n- b\n", "holds a list; expected a mapping: name, network"),
        ("hello", "holds text; expected a mapping"),
        ("3", "holds a int; expected a mapping"),
        ("a: 1\nb: 2\na: 3\n", 'study, line 3: not valid YAML: found duplicate key "a"'),
        ("a:\n\tb: 1\n", "study, line 2: not valid YAML: .* indent with spaces"),
        ("a: [1,\n", "not valid YAML"),
        ("a: b: c", "study, line 1: not valid YAML: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2\n", "not valid YAML: but found another document"),
        ("a: !!python/object:os.system x", "could not determine a constructor for the tag"),
        ("1: x", "the key 1 is not text; put it in quotes: '1'"),
        ("a: {b: {true: x}}", r"a\.b: the key True is not text"),
        ("name: 2020-01-01", "name: 2020-01-01 is read as a date; put it in quotes"),
        ("a: &a {b: *a}", "does an alias .* hold itself"),
        ("a: " + "[" * 600, "not valid YAML"),
        ("\x00", "not valid YAML"),
        (
            "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
            + "".join(f"{y}: &{y} [{','.join(['*' + x] * 10)}]\n" for x, y in zip("abcdef", "bcdefg", strict=True)),
            "holds more values than a study can have",
        ),
    ],
)
def test_bad_yaml_is_one_line(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        parse_yaml(text)
    assert "\n" not in str(caught.value)


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"none\.yaml: there is no such file; expected a study file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(SpecError, match="is a folder; expected a study file"):
        read_yaml(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("name: Größe\n".encode("latin-1"))
    with pytest.raises(SpecError, match=r"is not UTF-8 text \(byte 8\); save it as UTF-8"):
        read_yaml(tmp_path / "latin.yaml")
    (tmp_path / "bom.yaml").write_bytes("name: Größe\n".encode("utf-8-sig"))
    assert read_yaml(tmp_path / "bom.yaml") == {"name": "Größe"}
