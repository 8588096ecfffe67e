"""Several copies in parallel: their average is the average, and a stopped run goes on to the same bits."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import update_bn

from transferscope.data.augmentation import Augmentation
from transferscope.errors import StoreError, UsageError
from transferscope.models.batchnorm import recalibration_sample, statistics
from transferscope.models.objective import example_losses
from transferscope.rng import seed_of
from transferscope.train.averaged import fit_averaged
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


def weights(events):
    return {e.tag: e.params for e in of(Snapshot, events)}


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
                said[f"weights {e.tag}"] = (e.epoch, e.step, {k: v.numpy().tobytes() for k, v in e.params.items()})
            case Ended():
                said["ended"] = e
    return said


def plain_rounds(net, start, images, recipe, replicas, every, seed):
    """The slow way: each copy by plain ``fit`` from one averaging to the next, averaged by NumPy in float64."""
    per_epoch = recipe.steps_per_epoch(len(images.train))
    states = [FitState(0, dict(start)) for _ in range(replicas)]
    for end in range(every, recipe.epochs + 1, every):
        for r in range(replicas):
            events = fit(net, start, images, recipe, seed=seed_of("replica", seed, r), state=states[r])
            states[r] = next(e.state for e in events if isinstance(e, Saved) and e.state.step == end * per_epoch)
        mean = {
            k: torch.from_numpy(np.mean([s.params[k].numpy().astype(np.float64) for s in states], 0)).to(v.dtype)
            for k, v in start.items()
        }
        states = [FitState(end * per_epoch, mean, s.momentum) for s in states]
    return mean


def close(a, b):
    return all(torch.allclose(v, b[k], rtol=0, atol=1e-7) for k, v in a.items())


@pytest.mark.parametrize(("kind", "every"), [("small", None), ("small", 1), ("normed", 2)])
def test_a_stopped_run_goes_on_to_the_same_bits(kind, every, images, request, drawn):
    net = request.getfixturevalue(kind)
    how = {"replicas": 3, "every": every, "seed": 3, "record": KEEP}
    start = drawn(net)
    whole = list(fit_averaged(net, start, images, QUICK, **how))
    expected = told(whole)
    assert len(of(Saved, whole)) > len(of(Epoch, whole))
    for stop in range(2, len(whole), 6):
        run = fit_averaged(net, start, images, QUICK, **how)
        before = [next(run) for _ in range(stop)]
        run.close()
        saved = [i for i, e in enumerate(before) if isinstance(e, Saved)]
        state = before[saved[-1]].state if saved else None
        if state is not None:
            state = FitState.of({k: v.clone() for k, v in state.tensors().items()}, state.numbers())
        kept = told(before[: saved[-1]]) if saved else {}
        after = told(fit_averaged(net, start, images, QUICK, **how, state=state))
        assert not kept.keys() & after.keys(), "nothing is told twice"
        assert kept | after == expected


@pytest.mark.parametrize("every", [1, 2, 4])
def test_it_is_what_the_slow_way_gives(every, small, images, drawn):
    start = drawn(small)
    events = list(fit_averaged(small, start, images, QUICK, replicas=3, every=every, seed=5))
    assert close(weights(events)["final"], plain_rounds(small, start, images, QUICK, 3, every, 5))


def test_without_rounds_it_is_the_mean_of_independent_runs(small, images, drawn):
    start = drawn(small)
    runs = [list(fit(small, start, images, QUICK, seed=seed_of("replica", 1, r), record=KEEP)) for r in range(2)]
    events = list(fit_averaged(small, start, images, QUICK, replicas=2, seed=1, record=KEEP))
    for tag in ("epoch 1", "step 6", "final"):
        ends = [weights(run)[tag] for run in runs]
        mean = {k: ((ends[0][k].double() + ends[1][k].double()) / 2).float() for k in start}
        assert close(weights(events)[tag], mean), tag
    for name in ("loss", "accuracy"):
        both = np.mean([np.concatenate([getattr(s, name) for s in of(Steps, run)]) for run in runs], 0)
        np.testing.assert_allclose(np.concatenate([getattr(s, name) for s in of(Steps, events)]), both, rtol=1e-5)
    assert all(torch.equal(v, start[k]) for k, v in weights(events)["epoch 0"].items()), "the start itself"
    rounds = weights(list(fit_averaged(small, start, images, QUICK, replicas=2, seed=1, every=1)))
    assert not close(rounds["final"], weights(events)["final"])


def test_metrics_and_the_choice_of_the_best_are_those_of_the_average(small, images, drawn):
    recipe = replace(QUICK, epochs=6, lr=2.0, schedule="constant")
    record = Record(epochs=tuple(range(7)))
    events = list(fit_averaged(small, drawn(small), images, recipe, replicas=2, every=2, record=record))
    kept = weights(events)
    for epoch in of(Epoch, events):
        module = small.fresh(kept[f"epoch {epoch.epoch}"]).double()
        with torch.no_grad():
            logits = module(small.input.prepare(torch.from_numpy(images.val.images)).double())
        labels = torch.from_numpy(images.val.labels)
        assert epoch.metrics["val_loss"] == pytest.approx(
            float(example_losses(logits, labels).mean()), rel=1e-5, abs=1e-7
        )
        assert epoch.metrics["val_accuracy"] == float((logits.argmax(1) == labels).double().mean())
    scores = [(e.metrics["val_accuracy"], -e.metrics["val_loss"]) for e in of(Epoch, events)]
    best = scores.index(max(scores)) + 1
    assert of(Ended, events)[0].best_epoch == best
    assert all(torch.equal(v, kept[f"epoch {best}"][k]) for k, v in kept["best"].items())
    assert max(scores)[0] > 0.8, "the task is learnt"


@pytest.mark.parametrize("every", [None, 1])
def test_batch_norm_statistics_are_those_of_the_average(every, normed, images, drawn):
    events = list(fit_averaged(normed, drawn(normed), images, QUICK, replicas=2, every=every))
    final = weights(events)["final"]
    module = normed.fresh(final)
    chosen = images.train.images[recalibration_sample(len(images.train))]
    with torch.no_grad():
        update_bn([normed.input.prepare(torch.from_numpy(chosen))], module)
    for name in statistics(module):
        torch.testing.assert_close(final[name], module.state_dict()[name], rtol=1e-5, atol=1e-6)
    assert int(final["bn.num_batches_tracked"]) == 16


def test_a_frozen_body_stays_as_it_is(normed, images, drawn):
    start = drawn(normed)
    recipe = replace(QUICK, frozen="body")
    final = weights(list(fit_averaged(normed, start, images, recipe, replicas=2, every=2)))["final"]
    for name, value in start.items():
        assert (not torch.equal(final[name], value)) == name.startswith("fc."), name


def test_copies_draw_numbers_of_their_own_and_the_seed_names_them(small, images, drawn):
    start = drawn(small)
    first, again, other, more = (
        told(fit_averaged(small, start, images, replace(QUICK, epochs=1), replicas=n, seed=s))
        for n, s in ((2, 0), (2, 0), (2, 1), (3, 0))
    )
    assert first == again
    assert first["step 1"] != other["step 1"] and first["step 1"] != more["step 1"]
    state = of(Saved, list(fit_averaged(small, start, images, replace(QUICK, epochs=1), replicas=2)))[-1].state
    assert not torch.equal(state.params["0/fc.weight"], state.params["1/fc.weight"])
    assert not torch.equal(state.momentum["0/fc.weight"], state.momentum["1/fc.weight"])


def test_each_keeps_its_momentum_and_takes_over_the_average(small, images, drawn):
    events = fit_averaged(small, drawn(small), images, QUICK, replicas=2, every=2)
    first, second = [e.state for e in events if isinstance(e, Saved)][:2]
    assert not torch.equal(first.params["0/fc.weight"], first.params["1/fc.weight"])
    assert torch.equal(second.params["0/fc.weight"], second.params["1/fc.weight"])
    assert not torch.equal(second.momentum["0/fc.weight"], second.momentum["1/fc.weight"])


def test_divergence_of_copies_ends_the_run(small, images, drawn):
    recipe = replace(QUICK, lr=1e25, warmup=40)
    events = list(fit_averaged(small, drawn(small), images, recipe, replicas=2, every=1, record=KEEP))
    assert events[-1].diverged and "final" not in weights(events)
    assert all(v.isfinite().all() for params in weights(events).values() for v in params.values())


def test_multi_label_and_what_a_run_is_made_of(small, findings, drawn):
    start = Start(drawn(small), "", "P, averaged")
    events = fit_averaged(small, start, findings, replace(QUICK, epochs=2), replicas=2)
    run = collect(events, label="average 0", recipe=QUICK, group=start.group)
    assert (run.metric, run.chosen_by, run.ended) == ("auc", "val_auc", "finished")
    assert len(run.steps["step"]) == 6 and run.epochs["epoch"].tolist() == [1, 2]


def test_devices_are_named_as_everywhere(small, images, drawn):
    start, how = drawn(small), {"replicas": 2, "seed": 1}
    here = "auto" if not torch.cuda.is_available() else "cpu"
    found = weights(list(fit_averaged(small, start, images, QUICK, device=here, **how)))["final"]
    assert close(found, weights(list(fit_averaged(small, start, images, QUICK, device="cpu", **how)))["final"])
    with pytest.raises(UsageError, match="device 'gpu': expected cpu, cuda, cuda:1 or auto"):
        fit_averaged(small, start, images, QUICK, device="gpu", **how)


def test_progress_counts_the_steps_of_each(small, images, drawn):
    calls = []
    list(
        fit_averaged(
            small, drawn(small), images, replace(QUICK, epochs=1), replicas=2, progress=lambda *a: calls.append(a)
        )
    )
    assert calls == [(i, 4, "steps") for i in range(1, 5)]


def test_what_cannot_be_right_is_refused_at_the_call(small, images, drawn):
    start = drawn(small)
    with pytest.raises(UsageError, match="replicas: 1 is wrong; expected 2 or more networks to average"):
        fit_averaged(small, start, images, QUICK, replicas=1)
    with pytest.raises(UsageError, match="every: 0 is wrong; expected a number of epochs, or None"):
        fit_averaged(small, start, images, QUICK, replicas=2, every=0)
    with pytest.raises(UsageError, match="batch: 64 is more than the 50 training images"):
        fit_averaged(small, start, images, Recipe(batch=64), replicas=2)
    plain = of(Saved, list(fit(small, start, images, replace(QUICK, epochs=1))))[-1].state
    with pytest.raises(StoreError, match=r"the saved state holds '.*' and is not of 2 networks to average"):
        fit_averaged(small, start, images, QUICK, replicas=2, state=plain)
    three = of(Saved, list(fit_averaged(small, start, images, replace(QUICK, epochs=1), replicas=3)))[-1].state
    with pytest.raises(StoreError, match=r"the saved state holds '2/.*' and is not of 2 networks"):
        fit_averaged(small, start, images, QUICK, replicas=2, state=three)
    with pytest.raises(StoreError, match="the saved state is not of 4 networks to average"):
        fit_averaged(small, start, images, QUICK, replicas=4, state=three)
