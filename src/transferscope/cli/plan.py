"""What a study would compute, how long it would take here, and what it could tell: ``study --plan``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..study.schema import Study

__all__ = ["run"]


def run(options: argparse.Namespace, asked: Study) -> int:
    """Print what a study would compute, and how long it would take here."""
    from ..report.expected import report_line
    from ..runtime import cores, pick_device
    from ..study.check import check
    from ..study.estimate import estimate
    from ..study.on_paper import cluster_lines, cluster_of, here_line, laid_out
    from ..study.plan import make_plan
    from ..study.prospects import pilots_for, prospects, told
    from ..study.ray_cluster import check_name
    from ..study.run import remarks_of
    from ..study.selection import names_of, narrowed
    from ..study.status import not_there

    names = None if options.only is None else names_of(options.only)
    checked = check(narrowed(asked, names))
    for name, remark in remarks_of(checked):
        print(f"note: {name}: {remark}", file=sys.stderr)
    plan = make_plan(checked)
    every, jobs = plan.needed(names), _jobs(options)
    steps = not_there(every, options.out or Path("runs") / asked.name)
    if len(steps) < len(every):
        print(f"{len(every) - len(steps):,} of {len(every):,} steps are there already; what is left:")
    if steps:
        if options.engine == "local":
            found = estimate(steps, jobs=jobs, device=options.device)
            more = [here_line(found, jobs)]
        else:
            check_name(options.engine)
            cluster = cluster_of(options.nodes, options.gpus)
            measured = pick_device(options.device).type == "cuda" or not cluster.gpus
            found = estimate(steps, jobs=cores(), device=options.device, measured=measured)
            more = cluster_lines(found, laid_out(found, cluster))
        on_top = report_line(plan, checked.study.analyses, steps, options.jobs or cores())
        print("\n".join([*found.lines(), *more, *([on_top] if on_top else [])]))
    known, where = pilots_for(asked, options.out or Path("runs") / asked.name)
    print("\n".join(told(prospects(checked, known), where, known=bool(known))))
    return 0


def _jobs(options: argparse.Namespace) -> int:
    from ..runtime import pick_device
    from ..study.execute import usual_jobs

    return int(options.jobs) if options.jobs is not None else usual_jobs(pick_device(options.device))
