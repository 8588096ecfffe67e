"""Tables of models as people have them, and one line for what cannot be read."""

import json
from pathlib import Path

import numpy as np
import pytest

from transferscope.data.tables.models import ModelTable, read_models
from transferscope.errors import DataError, UsageError


@pytest.fixture
def table(tmp_path: Path):
    def write(text: str, name: str = "models.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return write


def said(table: ModelTable, part: str) -> bool:
    return any(part in note for note in table.notes)


WIDE = "name,params (M),ImageNet 1k,Stanford Cars,Food-101\na,10,0.5,0.4,0.6\nb,20,0.7,0.6,0.8\nc,30,0.6,,0.7\n"


def test_a_wide_table_by_names_as_one_types_them(table) -> None:
    found = read_models(table(WIDE), "imagenet1k", ["cars", "food101"])
    assert found.names == ("a", "b", "c") and list(found.upstream) == ["ImageNet 1k"]
    assert found.upstream["ImageNet 1k"].tolist() == [0.5, 0.7, 0.6]
    assert [t.name for t in found.tasks] == ["Stanford Cars", "Food-101"]
    assert np.isnan(found.tasks[0].accuracy[2])
    assert [c.name for c in found.covariates] == ["params (M)"] and found.covariates[0].values.tolist() == [
        10,
        20,
        30,
    ]
    assert said(found, "'cars' is the column 'Stanford Cars'") and said(found, "1 in Stanford Cars (of 3 models)")
    assert said(found, "covariates are params (M) (guessed)")


def test_without_ds_all_that_look_like_accuracies_are_taken(table) -> None:
    found = read_models(table(WIDE), "ImageNet 1k")
    assert [t.name for t in found.tasks] == ["Stanford Cars", "Food-101"]
    assert said(found, "(guessed): Stanford Cars, Food-101")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("name\tus\tds\na\t50 %\t40%\nb\t70.0 %\t60%\n", "t.tsv"),
        ("name,us,ds\na,50,40\nb,70.0,60\n", "t.csv"),
        ('name;us;ds\na;"50,0";40,0\nb;70,00;60,0\n', "t.csv"),
        ("\ufeffname|us|ds\r\na|50|40\r\nb|70|60\r\n\r\n", "t.txt"),
        ('{"name": "a", "us": 0.5, "ds": 0.4}\n\n{"name": "b", "us": 0.7, "ds": 0.6}\n', "t.jsonl"),
        ('[{"name": "a", "us": 0.5, "ds": 0.4}, {"name": "b", "us": 0.7, "ds": 0.6}]', "t.json"),
    ],
)
def test_percent_signs_tabs_semicolons_and_json_come_to_the_same(table, text: str, name: str) -> None:
    found = read_models(table(text, name), "us", "ds")
    assert found.names == ("a", "b")
    assert found.upstream["us"].tolist() == pytest.approx([0.5, 0.7])
    assert found.tasks[0].accuracy.tolist() == pytest.approx([0.4, 0.6])


def test_thousands_and_words_for_missing(table) -> None:
    text = 'name,param_count,us,ds\na,"1,014.45",50,Nan\nb,"2,000",60,40\nc,300,N/A,50\nd,12,70,–\n'
    found = read_models(table(text), "us", "ds")
    assert found.covariates[0].values.tolist() == [1014.45, 2000.0, 300.0, 12.0]
    assert np.isnan(found.tasks[0].accuracy).tolist() == [True, False, False, True]
    assert said(found, "missing of 1 in us, 2 in ds (of 4 models)") and said(found, "accuracies are percentages")


def test_copies_are_left_out_and_equal_names_numbered(table) -> None:
    text = ",name,us,ds\n0,a,0.5,0.4\n1,a,0.5,0.4\n2,a,0.6,0.5\n3,b,0.7,0.6\n"
    found = read_models(table(text), "us", "ds")
    assert found.names == ("a", "a #2", "b")
    assert said(found, "1 rows say the same as one before") and said(found, "1 rows have a name that another row has")


def test_words_beside_the_name_tell_models_apart(table) -> None:
    text = "name,pretrained,us,ds\nViT,openai,0.5,0.4\nViT,laion,0.6,0.5\n"
    assert read_models(table(text), "us", "ds").names == ("ViT openai", "ViT laion")


def test_shots_in_the_names_of_columns(table) -> None:
    text = "name,us,cars_1shot,cars_5shot,pets@10\na,0.5,0.2,0.3,0.5\nb,0.6,0.3,0.4,0.6\n"
    found = read_models(table(text), "us", ["cars", "pets@10"])
    assert [(t.name, t.shots, t.label) for t in found.tasks] == [
        ("cars", 1.0, "cars, 1 shot"),
        ("cars", 5.0, "cars, 5 shots"),
        ("pets", 10.0, "pets, 10 shots"),
    ]


LONG = [
    {
        "model": m,
        "lr": lr,
        "dataset": d,
        "k": k,
        "acc1": round(0.1 * (i + 1) + 0.01 * j + 0.001 * n, 3),
        "n_test": 500,
    }
    for i, m in enumerate("ab")
    for j, (d, k) in enumerate([("in1k", -1), ("cars", 5), ("cars", -1)])
    for n, lr in enumerate([0.1, 0.2])
]


def lines(records: list[dict[str, object]]) -> str:
    return "\n".join(json.dumps(r) for r in records)


def test_a_long_table_with_shots_and_settings(table) -> None:
    found = read_models(table(lines(LONG), "long.jsonl"), "in1k")
    assert found.names == ("a 0.1", "a 0.2", "b 0.1", "b 0.2")
    assert found.upstream["in1k@inf"].tolist() == pytest.approx([0.1, 0.101, 0.2, 0.201])
    assert [(t.name, t.shots, t.images) for t in found.tasks] == [("cars", 5.0, 500), ("cars", np.inf, 500)]
    assert found.tasks[1].accuracy.tolist() == pytest.approx([0.12, 0.121, 0.22, 0.221])
    assert said(found, "models are told apart by model, lr (guessed)") and said(found, "shots are in the column 'k'")
    assert [c.name for c in found.covariates] == ["lr"]


def test_several_values_are_refused_or_made_one_and_said(table) -> None:
    path = table(lines(LONG), "long.jsonl")
    with pytest.raises(DataError, match=r"long.jsonl line 2: 'a' has another .* line 1 already; they differ in lr"):
        read_models(path, "in1k", name="model")
    best = read_models(path, "in1k", name="model", duplicates="best")
    mean = read_models(path, "in1k", name="model", duplicates="mean")
    assert best.upstream["in1k@inf"].tolist() == pytest.approx([0.101, 0.201])
    assert mean.upstream["in1k@inf"].tolist() == pytest.approx([0.1005, 0.2005])
    assert said(best, "6 pairs of model and task have several values; the best is taken")


def test_test_images_by_task(table) -> None:
    found = read_models(table(WIDE), "ImageNet 1k", ["cars", "food101"], images={"imagenet1k": 50_000, "cars": 8041})
    assert found.images == {"ImageNet 1k": 50_000} and [t.images for t in found.tasks] == [8041, None]


@pytest.mark.parametrize(
    ("text", "us", "ds", "message"),
    [
        (WIDE, "imagenet", "cras", "there is no column 'cras'"),
        (WIDE, "e", "cars", "'e' could be 'name' or 'ImageNet 1k'; give the whole column"),
        (WIDE, "ImageNet 1k", "imagenet1k", "'ImageNet 1k' is upstream and downstream; leave it out of --ds"),
        ("name,us,ds\na,0.5\n", "us", "ds", r"line 2: 2 cells between commas, the header has 3"),
        ("name,us,ds\na,0.5,x\n", "us", "ds", r"line 2, column 'ds': 'x' is not an accuracy; expected e.g. 0.71"),
        ("name,us,ds\na,0.5,1.02\nb,0.5,0.7\n", "us", "ds", "1.02 is no accuracy in the unit share.*--unit"),
        ("name,us,ds\na,50,130\n", "us", "ds", "130 is no accuracy in the unit percent; expected .* 0 to 100"),
        ("name,us,ds\na,-0.1,0.5\n", "us", "ds", "-0.1 is no accuracy"),
        ("name,us,ds\n", "us", "ds", "has a header and no rows"),
        ("  \n", "us", "ds", "is empty"),
        ('name,us,ds\na,"0.5,0.4\n', "us", "ds", "a quote that is opened must be closed"),
        ('{"us": 0.5}\n{"us": \n', "us", "ds", "line 2: is no JSON"),
        ("[1, 2]", "us", "ds", "record 1: is no object"),
        ("name,us\na,0.5\nb,0.6\n", "us", (), "no column besides 'us' looks like accuracies; name some with --ds"),
        ("name,us,ds\na,0.5,\nb,0.6,nan\n", "us", "ds", "no downstream task has an accuracy"),
        ("dataset,model,a1,a2\nus,m,0.1,0.2\nds,m,0.3,0.5\n", "us", "ds", "give it with --value; it could be a1"),
        ("dataset,model,k,acc\nus,m,few,0.2\nds,m,5,0.5\n", "us", "ds", "'few' is no number of shots; expected e.g"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line_with_its_place(table, text: str, us: str, ds: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        read_models(table(text), us, ds)
    assert "\n" not in str(error.value) and "models.csv" in str(error.value)


def test_files_that_are_no_text(table, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a .xlsx file is no table of text; save it as CSV"):
        read_models(tmp_path / "a.xlsx", "us")
    with pytest.raises(DataError, match="cannot be read"):
        read_models(tmp_path / "absent.csv", "us")
    (tmp_path / "latin.csv").write_bytes("näme,us\n".encode("latin-1"))
    with pytest.raises(DataError, match="byte 1 is no UTF-8"):
        read_models(tmp_path / "latin.csv", "us")
    with pytest.raises(UsageError, match="no upstream task"):
        read_models(table(WIDE), ())
    with pytest.raises(DataError, match="--value is for tables with a row for each model and task"):
        read_models(table(WIDE), "ImageNet 1k", value="x")
