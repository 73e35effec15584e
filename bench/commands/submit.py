"""`submit`: hands runs to a cluster, or to processes of this machine, and returns."""

import argparse
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import configure
from bench.commands import request
from bench.commands.estimate import GUESSED, Estimate, estimated
from bench.commands.prepare import Needed, needed
from bench.commands.request import note
from bench.commands.run import check_device
from bench.config.spec import RunSpec
from bench.runner.local import forgive
from bench.runner.slurm.resources import Resources, hours, resolve
from bench.runner.slurm.submissions import Jobs
from bench.runner.slurm.submit import SlurmOrder, hand_over, in_packs
from bench.runs import manifest
from bench.runs.durations import clock
from bench.runs.rundir import RunDir, place


def submit(args: argparse.Namespace) -> int:
    experiment, suite = request.asked(args)
    resources = resolve(request.cluster_sources(args, args.suite))
    if args.cluster != "slurm":
        check_device(args.device)
    specs, results = configure.specs(experiment), args.results.absolute()
    runs = [place(results, spec) for spec in specs]
    choice = chosen(specs, runs, results, args.retry)
    places = request.places(args, experiment)
    data = needed(specs, runs, places, args.retry) if choice.runs else []
    ahead = [d for d in data if args.cluster == "slurm" and not d.ready]
    order = SlurmOrder(
        args.cluster,
        suite.name if suite else "",
        in_packs(choice.runs, resources.pack),
        resources,
        resources.cpus or resources.pack * max((s.train.threads for s in specs), default=1),
        places,
        [d.pending for d in ahead] if args.prepare == "job" else [],
    )
    sys.stdout.write(told(order, choice, estimated(choice.specs, results), ahead, args))
    if args.dry or not choice.runs:
        return 0
    for one in data:
        if one not in ahead or args.prepare == "here":
            one.open(note)
    for spec, run in zip(specs, runs, strict=True):
        run.create(spec)
    if suite:
        manifest.write(results, suite.name, runs, suite.ablation)
    for run in choice.runs:
        forgive(run)
    return hand(results, replace(order, gpus=gpus_here(args)))


@dataclass(frozen=True)
class Choice:
    """What is submitted, and why the rest is not."""

    specs: list[RunSpec] = field(default_factory=list)
    runs: list[RunDir] = field(default_factory=list)
    done: int = 0
    failed: dict[RunDir, str] = field(default_factory=dict)  # run -> reason
    elsewhere: dict[RunDir, str] = field(default_factory=dict)  # run -> a job that has it


def chosen(specs: list[RunSpec], runs: list[RunDir], results: Path, retry: bool) -> Choice:
    """What is neither done, nor in a job that is queued or runs, nor failed without a retry."""
    jobs, done, choice = Jobs(results), 0, Choice()
    if jobs.queue is None:
        note("squeue does not answer: runs that a job in its queue has are submitted again.")
    placed = jobs.placed()
    for spec, run in zip(specs, runs, strict=True):
        state, where = run.state, placed.get(run.path)
        if state == "done":
            done += 1
        elif where is not None and where.live:
            choice.elsewhere[run] = where.entry.job
        elif state == "failed" and not retry:
            choice.failed[run] = run.reason()
        else:
            choice.specs.append(spec)
            choice.runs.append(run)
    return Choice(choice.specs, choice.runs, done, choice.failed, choice.elsewhere)


def gpus_here(args: argparse.Namespace) -> tuple[int, ...]:
    """The GPUs that jobs of this machine may use."""
    if args.cluster != "local" or args.device == "cpu":
        return ()
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if named and all(part.isdecimal() for part in named.split(",")):
        return tuple(map(int, named.split(",")))
    import torch

    return tuple(range(torch.cuda.device_count()))


def told(
    order: SlurmOrder,
    choice: Choice,
    times: Estimate,
    ahead: list[Needed],
    args: argparse.Namespace,
) -> str:
    """What will be submitted, and what will not and why."""
    lines = list(times.lines)
    total = len(choice.runs) + choice.done + len(choice.failed) + len(choice.elsewhere)
    others = [f"{choice.done} done"] if choice.done else []
    if choice.elsewhere:
        jobs = ", ".join(sorted(set(choice.elsewhere.values())))
        others.append(f"{len(choice.elsewhere)} in jobs that are queued or running ({jobs})")
    if choice.failed:
        others.append(f"{len(choice.failed)} failed, which only --retry runs again")
    lines += [f"failed: {run.path}: {reason}" for run, reason in choice.failed.items()]
    tail = f"; {', '.join(others)}" if others else ""
    lines.append(f"{len(choice.runs)} of {total} runs to submit{tail}.")
    if choice.runs:
        lines += plan(order, times) + [data_line(one, args) for one in ahead]
        lines += [GUESSED] if times.guessed else []
    return "\n".join(lines) + "\n"


def plan(order: SlurmOrder, times: Estimate) -> list[str]:
    """Tasks, what each asks for, and how long they take."""
    size, asked = order.resources.pack, order.resources
    longest = max(sum(times.seconds[i : i + size]) for i in range(0, len(times.seconds), size))
    side = f"up to {size} runs side by side" if size > 1 else "one run"
    lines = [f"{len(order.packs)} tasks of {side}, {clock(sum(times.seconds))} of work in all."]
    if order.cluster == "local":
        lines.append(f"{order.side_by_side} processes of this machine work through them.")
    elif order.cluster == "slurm":
        lines.append(f"Each asks for {asks(order)}; {left(order.resources)}.")
    if asked.time is not None and longest > 60 * asked.time:
        lines.append(
            f"A task takes about {clock(longest)}, longer than its time: it is requeued and goes "
            "on from its checkpoint."
        )
    return lines


def asks(order: SlurmOrder) -> str:
    """What a task asks the cluster for, in its own words."""
    asked = order.resources
    own = {
        "partition": asked.partition,
        "account": asked.account,
        "time": hours(asked.time) if asked.time else "",
        "gpus": asked.gpus_per_task or "",
        "cpus": order.cpus,
        "mem": f"{asked.mem:g}GB" if asked.mem else "",
        **asked.slurm,
    }
    words = [f"{key}={value}" for key, value in own.items() if value != ""]
    together = asked.array_parallelism
    return ", ".join([*words, f"{together} tasks at a time"] if together else words)


def left(asked: Resources) -> str:
    """What nobody asks for: the cluster has defaults of its own for that."""
    names = ("partition", "account", "time", "gpus_per_task", "mem")
    open_ = [name for name in names if not getattr(asked, name)]
    return f"left to the cluster: {', '.join(open_) or 'nothing'}"


def data_line(one: Needed, args: argparse.Namespace) -> str:
    """How a data set that is not packed yet will be."""
    how = {
        "job": "a job without GPUs packs it first, and the tasks wait for that",
        "here": "it is packed here before anything is submitted",
        "task": "the first task of each cache packs it, and others wait meanwhile",
    }
    return f"{one.name} is not packed in {request.cache_folder(args)}: {how[args.prepare]}."


def hand(results: Path, order: SlurmOrder) -> int:
    """Submits and says how to follow it; of `debug`, how it ended."""
    submission = hand_over(results, order)
    numbers = [entry.job for entry in submission.entries]
    for number in numbers:
        print(number)
    note(f"Submission {submission.name}: {len(numbers)} jobs; logs in {results}/submissions.")
    if order.cluster == "debug":
        runs = [run for pack in order.packs for run in pack]
        return 0 if all(run.result.exists() for run in runs) else 1
    note(
        f"`python -m bench status` tells how they go, `python -m bench cancel {submission.name}` "
        "ends them; the same command submits what is not done."
    )
    return 0
