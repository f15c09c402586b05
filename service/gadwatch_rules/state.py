"""Everything the engine remembers of a run: small, bounded, serialisable."""

from gadwatch_rules.gate import Latch
from gadwatch_rules.hold import QUIET, Cell
from gadwatch_rules.window import Window


class RunState:
    """The state of one attempt of a run. Changed by the engine alone.

    The newest step stays open: ``open_values`` holds what came for it, ``before_*`` what a
    merge of further values needs to take the step back.
    """

    def __init__(self, stage: str, pack: str) -> None:
        self.stage = stage
        self.pack = pack
        self.status = "running"
        # Counted over the whole attempt.
        self.steps = 0
        self.first_step: int | None = None
        self.last_step: int | None = None
        self.last_time: float | None = None
        self.step_seconds: list[float] = []
        self.promised_until: float | None = None
        self.stalled = 0
        self.stalled_since: float | None = None
        self.percent: set[str] = set()
        self.logged: set[str] = set()
        # Counted over the segment: since the start or the last change of stage.
        self.segment_start: int | None = None
        self.position = 0
        self.age = 0
        self.warmup_steps = 0
        self.bad_position = 0
        self.open_critical = 0
        self.windows: dict[str, Window] = {}
        self.cells: list[Cell] = []
        self.active: set[int] = set()
        self.latch = Latch()
        # The open step.
        self.open_values: dict[str, float] = {}
        self.folded: tuple[str, ...] = ()
        self.before_cells: dict[int, Cell] = {}
        self.before_latch = self.latch
        self.before_bad_position = 0

    def set_cell(self, index: int, cell: Cell) -> None:
        """Replace a cell, remembering what it was before the open step."""
        old = self.cells[index]
        self.before_cells.setdefault(index, old)
        self.cells[index] = cell
        if cell is QUIET:
            self.active.discard(index)
        else:
            self.active.add(index)

    def begin_segment(self, pack: str, windows: dict[str, Window], cells: int) -> None:
        """Start anew with another pack: windows, cells and positions are empty."""
        self.pack = pack
        self.segment_start = None
        self.position = self.age = self.bad_position = self.open_critical = 0
        self.windows = windows
        self.cells = [QUIET] * cells
        self.active = set()
        self.open_values = {}
        self.folded = ()
        self.before_cells = {}
        self.before_latch = self.latch
        self.before_bad_position = 0
