"""Training: the same bits however often it is stopped, and what it tells on the way."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from transferscope.data.augmentation import Augmentation
from transferscope.data.imageset import ImageSplits
from transferscope.errors import DataError, StoreError, UsageError
from transferscope.models.objective import example_losses
from transferscope.numerics.auc import macro_auroc
from transferscope.train.events import Ended, Epoch, Record, Saved, Snapshot, Steps
from transferscope.train.fit import fit
from transferscope.train.recipe import Recipe
from transferscope.train.run import collect
from transferscope.train.starts import Start
from transferscope.train.state import FitState

QUICK = Recipe(
    epochs=4,
    batch=16,
    lr=0.5,
    milestones=(2, 3),
    augmentation=Augmentation(crop="pad", padding=1),
    precision="float32",
)
KEEP = Record(epochs=(0, 1, 2), steps=(3, 6), save_steps=3)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def of(kind, events):
    return [e for e in events if isinstance(e, kind)]


def told(events):
    """What events say, to the last bit; the time they took left out."""
    said = {}
    for e in events:
        match e:
            case Steps():
                for i, step in enumerate(e.step.tolist()):
                    said[f"step {step}"] = (e.epoch, *(getattr(e, k)[i].item() for k in ("loss", "accuracy", "lr")))
            case Epoch():
                said[f"epoch {e.epoch}"] = (e.step, e.metrics)
            case Snapshot():
                params = {k: v.numpy().tobytes() for k, v in e.params.items()}
                said[f"weights {e.tag}"] = (e.epoch, e.step, params)
            case Ended():
                said["ended"] = e
    return said


@pytest.mark.parametrize(("kind", "mixup"), [("small", 0.4), ("normed", 0.0)])
def test_a_stopped_run_goes_on_to_the_same_bits(kind, mixup, images, request, drawn):
    net = request.getfixturevalue(kind)
    recipe = replace(QUICK, augmentation=replace(QUICK.augmentation, mixup=mixup))
    start = drawn(net)
    whole = list(fit(net, start, images, recipe, seed=3, record=KEEP))
    expected = told(whole)
    assert len(of(Saved, whole)) > len(of(Epoch, whole))
    for stop in range(1, len(whole), 3):
        run = fit(net, start, images, recipe, seed=3, record=KEEP)
        before = [next(run) for _ in range(stop)]
        run.close()
        saved = [i for i, e in enumerate(before) if isinstance(e, Saved)]
        state = before[saved[-1]].state if saved else None
        if state is not None:
            tensors = {k: v.clone() for k, v in state.tensors().items()}
            state = FitState.of(tensors, state.numbers())
        kept = told(before[: saved[-1]]) if saved else {}
        after = told(fit(net, start, images, recipe, seed=3, record=KEEP, state=state))
        assert not kept.keys() & after.keys(), "nothing is told twice"
        assert kept | after == expected


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(small, images, drawn):
    start = drawn(small)
    first, again, other = (told(fit(small, start, images, QUICK, seed=s)) for s in (0, 0, 1))
    assert first == again
    assert first["weights epoch 0"] == other["weights epoch 0"]
    assert first["step 1"] != other["step 1"]
    assert first["weights final"] != other["weights final"]


def test_torch_s_own_random_numbers_are_left_alone(small, images, drawn):
    before = torch.random.get_rng_state()
    list(fit(small, drawn(small), images, replace(QUICK, epochs=1)))
    assert torch.equal(before, torch.random.get_rng_state())


def test_what_is_told(small, images, drawn):
    events = list(fit(small, drawn(small), images, QUICK, record=Record(epochs=(0, 3), steps=(5,))))
    assert [e.tag for e in of(Snapshot, events)] == ["epoch 0", "step 5", "epoch 3", "best", "final"]
    steps = of(Steps, events)
    assert [s.epoch for s in steps] == [1, 2, 3, 4]
    assert np.concatenate([s.step for s in steps]).tolist() == list(range(1, 17))
    rates = [QUICK.rate(s, 4) for s in range(16)]
    assert np.concatenate([s.lr for s in steps]).tolist() == rates
    assert len(set(rates)) == 3
    parts = ("train", "val", "test")
    assert list(of(Epoch, events)[0].metrics) == [f"{p}_{m}" for p in parts for m in ("loss", "accuracy")]
    assert of(Epoch, events)[-1].metrics["test_accuracy"] > 0.8, "the task is learnt"
    assert events[-1] == Ended("finished", 16, of(Ended, events)[0].best_epoch, "val_accuracy", "float32")


def test_metrics_are_those_of_the_weights(small, images, drawn):
    events = list(fit(small, drawn(small), images, QUICK))
    last, weights = of(Epoch, events)[-1], of(Snapshot, events)[-1].params
    for part in ("train", "val", "test"):
        chosen = getattr(images, part)
        module = small.fresh(weights).double()
        with torch.no_grad():
            logits = module(small.input.prepare(torch.from_numpy(chosen.images)).double())
        labels = torch.from_numpy(chosen.labels)
        assert last.metrics[f"{part}_loss"] == pytest.approx(float(example_losses(logits, labels).mean()), rel=1e-5)
        assert last.metrics[f"{part}_accuracy"] == float((logits.argmax(1) == labels).double().mean())


def test_the_best_weights_are_best_on_validation(small, images, drawn):
    recipe = replace(QUICK, epochs=8, lr=2.0, schedule="constant")
    events = list(fit(small, drawn(small), images, recipe, record=Record(epochs=tuple(range(9)))))
    scores = [(e.metrics["val_accuracy"], -e.metrics["val_loss"]) for e in of(Epoch, events)]
    best = scores.index(max(scores)) + 1
    assert best != 8, "a run whose last epoch is not its best"
    kept = {e.tag: e for e in of(Snapshot, events)}
    assert of(Ended, events)[0].best_epoch == best
    assert (kept["best"].epoch, kept["best"].step) == (best, 4 * best)
    assert told([kept["best"]])["weights best"][2] == told([kept[f"epoch {best}"]])[f"weights epoch {best}"][2]


def test_without_validation_part_the_best_is_the_last_and_says_so(small, images, drawn):
    bare = replace(images, val=images.val.subset([]))
    events = list(fit(small, drawn(small), bare, QUICK, record=Record(evaluate_train="none")))
    assert events[-1].chosen_by == "last"
    assert events[-1].best_epoch == 4
    assert set(of(Epoch, events)[0].metrics) == {"test_loss", "test_accuracy"}
    kept = {e.tag: e.params for e in of(Snapshot, events)}
    assert all(torch.equal(v, kept["final"][k]) for k, v in kept["best"].items())


def test_evaluation_can_be_rarer_and_on_a_sample(small, images, drawn):
    record = Record(evaluate_every=3, evaluate_train=20)
    events = list(fit(small, drawn(small), images, QUICK, record=record))
    assert [e.epoch for e in of(Epoch, events)] == [3, 4]
    right = of(Epoch, events)[0].metrics["train_accuracy"] * 20
    assert right == pytest.approx(round(right))


def test_test_images_can_be_left_for_the_end(small, images, drawn):
    usual = collect(fit(small, drawn(small), images, QUICK), label="usual", recipe=QUICK)
    rare = collect(
        fit(small, drawn(small), images, QUICK, record=Record(evaluate_test="last")), label="rare", recipe=QUICK
    )
    assert list(rare.epochs) == [*(k for k in usual.epochs if "test" not in k), "test_loss", "test_accuracy"]
    for name, values in usual.epochs.items():
        left = len(values) - 1 if name.startswith("test") else 0
        assert np.isnan(rare.epochs[name][:left]).all() and np.array_equal(rare.epochs[name][left:], values[left:])
    assert rare.final_metric() == usual.final_metric() and rare.best_epoch == usual.best_epoch
    assert rare.epochs_to(0.0) == QUICK.epochs  # never seen before the end


@pytest.mark.parametrize("lr", [1e6, 1e25])
def test_divergence_ends_the_run_and_keeps_what_there_was(lr, small, images, drawn):
    recipe = replace(QUICK, lr=lr, warmup=40)
    events = list(fit(small, drawn(small), images, recipe, record=KEEP))
    ended = events[-1]
    assert ended.diverged
    assert ended.reason == f"diverged at step {ended.step}"
    losses = np.concatenate([s.loss for s in of(Steps, events)])
    steps = np.concatenate([s.step for s in of(Steps, events)])
    assert steps.tolist() == list(range(1, ended.step + 1))
    assert np.isfinite(losses[:-1]).all()
    tags = [s.tag for s in of(Snapshot, events)]
    assert "epoch 0" in tags
    assert "final" not in tags
    assert ("best" in tags) == (ended.best_epoch is not None)
    for kept in of(Snapshot, events):
        assert all(v.isfinite().all() for v in kept.params.values())


def test_multilabel_training_ignores_unknown_labels_and_measures_auc(small, findings, drawn):
    recipe = replace(QUICK, epochs=10, milestones=(), lr=1.0)
    events = list(fit(small, drawn(small), findings, recipe))
    last, weights = of(Epoch, events)[-1], of(Snapshot, events)[-1].params
    assert events[-1].chosen_by == "val_auc"
    test = findings.test
    with torch.no_grad():
        logits = small.fresh(weights)(small.input.prepare(torch.from_numpy(test.images)))
    labels = torch.from_numpy(test.labels)
    assert last.metrics["test_auc"] == pytest.approx(macro_auroc(logits, labels).macro)
    assert last.metrics["test_auc"] > 0.8, "the task is learnt"
    known = labels >= 0
    right = ((logits > 0) == (labels == 1)) & known
    assert last.metrics["test_accuracy"] == pytest.approx(float((right.sum(0) / known.sum(0)).mean()))


def test_a_frozen_body_does_not_move(normed, images, drawn):
    start = drawn(normed)
    events = list(fit(normed, start, images, replace(QUICK, frozen="body")))
    final = of(Snapshot, events)[-1].params
    for name, value in start.items():
        moved = not torch.equal(final[name], value)
        assert moved == name.startswith("fc."), f"{name}: batch norm statistics stay as well"


def test_batch_norm_statistics_are_trained(normed, images, drawn):
    final = of(Snapshot, list(fit(normed, drawn(normed), images, QUICK)))[-1].params
    assert int(final["bn.num_batches_tracked"]) == 16
    assert final["bn.running_mean"].abs().sum() > 0


def test_every_image_is_used_once_an_epoch(small, images, monkeypatch, drawn):
    from transferscope.data.feed import Feed

    seen = []
    gather = Feed.gather
    monkeypatch.setattr(Feed, "gather", lambda self, index: (seen.append(index), gather(self, index))[1])
    list(fit(small, drawn(small), images, replace(QUICK, epochs=2)))
    assert [len(part) for part in seen] == [13, 13, 12, 12] * 2
    epochs = [torch.cat(seen[:4]).tolist(), torch.cat(seen[4:]).tolist()]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(50))
    assert epochs[0] != epochs[1]


def test_progress_is_told_and_can_stop(small, images, drawn):
    calls = []

    def progress(done, total, unit):
        calls.append((done, total, unit))
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(fit(small, drawn(small), images, QUICK, progress=progress))
    assert calls == [(i, 16, "steps") for i in range(1, 8)]


def test_mixed_precision_is_near_float32(small, images, drawn):
    plain, mixed = (
        list(fit(small, drawn(small), images, replace(QUICK, precision=p))) for p in ("float32", "bfloat16")
    )
    assert mixed[-1].precision == "bfloat16"
    loss = [of(Steps, events)[0].loss[0] for events in (plain, mixed)]
    assert loss[0] != loss[1]
    assert loss[0] == pytest.approx(loss[1], rel=0.02)
    assert all(v.dtype == torch.float32 for v in of(Snapshot, mixed)[-1].params.values())


def test_a_start_and_its_weights_are_the_same(small, images, drawn):
    start = drawn(small)
    one = told(fit(small, Start(start, "RI", "RI 0"), images, QUICK))
    assert one == told(fit(small, start, images, QUICK))


def test_what_does_not_fit_is_refused_at_the_call(small, images, drawn):
    start = drawn(small)
    with pytest.raises(UsageError, match="batch: 64 is more than the 50 training images of train; use 50 or fewer"):
        fit(small, start, images, Recipe(batch=64))
    with pytest.raises(
        DataError, match="images are 8×8 with 3 channels and small wants 16×16 with 3; load them with"
    ):
        fit(replace(small, input=replace(small.input, size=(16, 16))), start, images, QUICK)
    with pytest.raises(DataError, match="3 classes and small has 5 outputs; build the network with classes=3"):
        fit(replace(small, classes=5), start, images, QUICK)
    with pytest.raises(UsageError, match=r"'fc.bias' is only in the first"):
        fit(small, {k: v for k, v in start.items() if k != "fc.bias"}, images, QUICK)
    with pytest.raises(UsageError, match=r"start: 'fc.bias' of small holds numbers that are not finite"):
        fit(small, start | {"fc.bias": torch.full((3,), torch.nan)}, images, QUICK)
    with pytest.raises(UsageError, match="frozen: the final classifier of small is not known"):
        fit(replace(small, head=""), start, images, replace(QUICK, frozen="body"))
    with pytest.raises(UsageError, match="head_lr or head_weight_decay: the final classifier of small is not known"):
        fit(replace(small, head=""), start, images, replace(QUICK, head_lr=2.0))
    with pytest.raises(DataError, match="train: no training images"):
        fit(small, start, ImageSplits(images.train.subset([]), images.val, images.test), QUICK)
    with pytest.raises(UsageError, match="the state is at step 99 and this recipe ends at step 16"):
        fit(small, start, images, QUICK, state=FitState(99, start))
    with pytest.raises(StoreError, match=r"momentum of 'fc.weight' does not fit"):
        fit(small, start, images, QUICK, state=FitState(4, start, {"fc.weight": torch.zeros(2)}))


def test_a_damaged_state_is_refused():
    state = FitState(3, {"w": torch.ones(1)}, {"w": torch.ones(1)})
    for tensors, numbers in (
        (state.tensors(), {"step": 3}),
        ({"w": torch.ones(1)}, state.numbers()),
        ({"other/w": torch.ones(1)}, state.numbers()),
    ):
        with pytest.raises(StoreError, match=r"not the state of a run .* delete it to train from the beginning"):
            FitState.of(tensors, numbers)
