"""A claim: one sentence of the paper, what it asks of the tables, the rule that judges it, and what would decide it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pendeval.claims.judgement import Rule
from pendeval.claims.question import Question

_OPTION = {"numerical-noise": "--eps-n", "graphical-noise": "--eps-g", "gaps": "--alpha-g", "cropping": "--alpha-c"}


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper, the section that makes it, and how it is judged."""

    id: str
    section: str
    text: str
    about: str
    """the number that is judged, in words"""
    question: Question
    rule: Rule
    seeds: int = 5
    """replicates wanted at every condition: the paper's number, or what the rule's test needs"""
    headline: bool = False
    """one of the four that are corrected for each other, and wanted in float32"""
    sweeps: tuple[str, ...] = ("",)
    """options of the sweeps that make its runs"""
    then: str = ""
    """what else to run"""

    def commands(self, levels: Sequence[float] = (), replicates: int = 0) -> str:
        """What to run for the conditions `levels`, or all that are wanted; `replicates`, or as many as are wanted."""
        variants = list(dict.fromkeys(side.variant for side in self.question.sides.values()))
        builds = [self._build(variant, levels, max(replicates, self.seeds)) for variant in variants]
        paths = " ".join(f"data/{variant}{'-' if variant in _OPTION else ''}*" for variant in variants)
        sweeps = [f"pendtrain sweep {paths} {options}{' ' if options else ''}--replicates" for options in self.sweeps]
        return "; ".join([*builds, *sweeps, *([self.then] if self.then else [])])

    def _build(self, variant: str, levels: Sequence[float], replicates: int) -> str:
        sides, axis = [side for side in self.question.sides.values() if side.variant == variant], self.question.axis
        start = f"pendgen build --variant {variant}"
        end = f"--replicates {replicates}"
        fixed = next((side.level for side in sides if side.level is not None), None)
        if fixed is not None:
            start += f" {_OPTION[variant]} {fixed:g}"
        if axis is None or all(side.fixed for side in sides):
            return f"{start} {end}"
        values = ", ".join(f"{value:g}" for value in levels or axis.wanted)
        if axis.column == "level":
            return f"{start} {_OPTION[variant]} X {end} (X: {values})"
        if axis.column == "num_gaps":
            return f"{start} --num-gaps X {end} (X: {values})"
        return f"{start} {end}"
