"""Rules for the health of GAD training, and the gate at the end of its warm-up. Pure.

Nothing here reads a clock, a file outside the package or the network::

    engine = Engine.for_run(stage="warmup", warmup_steps=253)
    state = engine.new_state()
    changes = engine.advance(state, [Step(1, {"critic/d_acc": 0.52})])
    engine.assess(state, run="warmup-7").as_dict()
"""

from gadwatch_rules.assessment import Assessment
from gadwatch_rules.catalogue import canonical_name, watched_metrics
from gadwatch_rules.clauses import ClauseFact
from gadwatch_rules.engine import Engine
from gadwatch_rules.errors import PackError, RulesError, StateError
from gadwatch_rules.findings import (
    Changes,
    Finding,
    FindingChange,
    VerdictChange,
    finding_message,
)
from gadwatch_rules.pack import Pack, load_pack, shipped_packs
from gadwatch_rules.snapshot import snapshot
from gadwatch_rules.state import RunState
from gadwatch_rules.step import Step, Steps, Table

__all__ = [
    "Assessment",
    "Changes",
    "ClauseFact",
    "Engine",
    "Finding",
    "FindingChange",
    "Pack",
    "PackError",
    "RulesError",
    "RunState",
    "StateError",
    "Step",
    "Steps",
    "Table",
    "VerdictChange",
    "canonical_name",
    "finding_message",
    "load_pack",
    "shipped_packs",
    "snapshot",
    "watched_metrics",
]
