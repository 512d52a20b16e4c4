"""From samples to figures: medians over the rounds, ratios, budgets, a table and a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from benchmarks.meter import CORES
from benchmarks.peers import Served
from benchmarks.works import Sample, Work

LARGEST_MIB = 100.0  # what ours may take, idle and loaded
_UNITS = ("cpu_ms", "rps", "p50_ms", "p99_ms", "rss_mib")


@dataclass
class Result:
    """The samples of one work on both servers, one of each a round. `label`: the peer's name."""

    work: Work
    ours: list[Sample]
    peer: list[Sample]
    label: str = ""

    @property
    def ratio(self) -> float:
        """The peer's CPU for one over ours: above 1, ours needs less."""
        ours, peer = figures(self.ours)["cpu_ms"], figures(self.peer)["cpu_ms"]
        return peer / ours if ours else 0.0

    @property
    def is_within_budget(self) -> bool:
        """Whether ours keeps the work's budgets and that of memory."""
        return not misses([self])


def figures(samples: list[Sample]) -> dict[str, float]:
    """The median over the rounds of: CPU ms for one, how many a second, latency's p50 and p99 in ms, resident MiB."""
    rounds = [_figures(sample) for sample in samples]
    return {unit: median(figure[unit] for figure in rounds) for unit in _UNITS}


def rows(results: list[Result], peer: Served) -> list[dict[str, Any]]:
    """The file's content: one object a work, every figure as `{ours, peer}`; `ratio` is the peer's CPU over ours."""
    return [_row(result, peer.label) for result in results]


def write(file: Path, results: list[Result], peer: Served) -> None:
    """Keeps the rows as JSON."""
    file.write_text(json.dumps(rows(results, peer), indent=2) + "\n")


def line(work: Work, ours: Sample, peer: Sample) -> str:
    """One round of a work in a few words."""
    of_ours, of_peer = figures([ours]), figures([peer])
    return f"{work.name}: {of_ours['cpu_ms']:.3f} ms of CPU, beside {of_peer['cpu_ms']:.3f} ms"


def table(results: list[Result], ours: Served, peer: Served) -> Table:
    """Everything for a person: ours / the peer's in each column."""
    shown = Table(title=f"{ours.label} {ours.version} / {peer.label} {peer.version}, medians of {_rounds(results)}")
    for heading in ("work", "CPU ms for one", "ratio", "budget", "", "a second", "p50 ms", "p99 ms", "memory MiB"):
        shown.add_column(heading, justify="left" if heading in ("work", "") else "right", no_wrap=True)
    for result in results:
        shown.add_row(*_cells(result), style=None if result.is_within_budget else "bold")
    return shown


def misses(results: list[Result]) -> list[str]:
    """A line for each budget that does not hold."""
    missed = []
    for result in results:
        ours, work = figures(result.ours), result.work
        if ours[work.budgeted] > work.budget_ms:
            missed.append(f"{work.name}: {ours[work.budgeted]:.3f} ms, the budget is {work.budget_ms:g} ms")
        if ours["rss_mib"] >= LARGEST_MIB:
            missed.append(f"{work.name}: {ours['rss_mib']:.0f} MiB of memory, the budget is {LARGEST_MIB:g} MiB")
        if result.ratio < (least := work.least_ratio.get(result.label, 0)):
            missed.append(f"{work.name}: {result.label} needs {result.ratio:.1f} times as much, the goal is {least:g}")
    return missed


def disturbance(results: list[Result]) -> float:
    """The share of the machine's CPU that went to neither server nor load while it was measured, from 0 to 1."""
    usages = [sample.usage for result in results for sample in (*result.ours, *result.peer)]
    elapsed = sum(usage.elapsed for usage in usages)
    return sum(usage.others for usage in usages) / elapsed / CORES if elapsed else 0.0


def _figures(sample: Sample) -> dict[str, float]:
    latencies = sorted(sample.latencies)
    return {
        "cpu_ms": sample.usage.server / sample.done * 1e3,
        "rps": sample.done / sample.usage.elapsed,
        "p50_ms": _percentile(latencies, 50) * 1e3,
        "p99_ms": _percentile(latencies, 99) * 1e3,
        "rss_mib": sample.usage.resident_mib,
    }


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _row(result: Result, label: str) -> dict[str, Any]:
    ours, peer = figures(result.ours), figures(result.peer)
    both = {unit: {"ours": round(ours[unit], 4), "peer": round(peer[unit], 4)} for unit in _UNITS}
    return {"work": result.work.name, "peer": label, **both, "ratio": round(result.ratio, 2)}


def _cells(result: Result) -> list[str]:
    ours, peer = figures(result.ours), figures(result.peer)

    def pair(unit: str, digits: int) -> str:
        return f"{ours[unit]:,.{digits}f} / {peer[unit]:,.{digits}f}"

    kind = "CPU" if result.work.budgeted == "cpu_ms" else "p50"
    budget, verdict = f"{kind} ≤ {result.work.budget_ms:g}", "holds" if result.is_within_budget else "missed"
    first = [result.work.name, pair("cpu_ms", 3), f"{result.ratio:.1f}", budget, verdict]
    return [*first, pair("rps", 0), pair("p50_ms", 2), pair("p99_ms", 2), pair("rss_mib", 0)]


def _rounds(results: list[Result]) -> str:
    count = len(results[0].ours) if results else 0
    return f"{count} round" + ("" if count == 1 else "s")
