"""Everything the engine remembers of a run: small, bounded, serialisable."""

from gadwatch_rules.gate import INSUFFICIENT, Latch
from gadwatch_rules.hold import QUIET, Cell, State
from gadwatch_rules.results import Severity
from gadwatch_rules.window import Window


class RunState:
    """The state of one attempt of a run. Changed by the engine alone.

    The newest step stays open: ``logged_now`` holds what came for it
    (``open_values`` with what is derived), ``before_*`` what a
    merge of further values needs to take the step back.
    """

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.pack = ""
        self.status = "running"
        # Of the whole attempt.
        self.steps = 0
        self.first_step: int | None = None
        self.last_step: int | None = None
        self.last_time: float | None = None
        self.step_seconds: list[float] = []
        self.promised_until: float | None = None
        self.silent = False
        self.percent: set[str] = set()
        self.logged: set[str] = set()
        self.warmup_steps = 0
        self.latch = Latch()
        self.verdict = INSUFFICIENT
        """The verdict as last announced; a stalled run's is not its latch's."""
        self.begin_segment("", {}, 0)

    def begin_segment(self, pack: str, windows: dict[str, Window], cells: int) -> None:
        """Start anew with another pack: windows, cells and positions are empty."""
        self.pack = pack
        self.segment_start: int | None = None
        self.position = self.age = 0
        self.bad_position = 0
        self.open_critical = 0
        self.windows = windows
        self.cells = [QUIET] * cells
        self.active: set[int] = set()
        self.told: dict[int, tuple[int, int]] = {}
        """Findings told without being hidden: first step and severity. Replaced, never changed."""
        # The open step.
        self.logged_now: dict[str, float] = {}
        self.open_values: dict[str, float] = {}
        self.folded: list[str] = []
        self.before_cells: dict[int, Cell] = {}
        self.before_latch = self.latch
        self.before_told = self.told
        self.before_bad_position = 0

    @property
    def criticals(self) -> int:
        """How many critical findings are firing."""
        return sum(
            self.cells[index].state is State.FIRING
            and self.cells[index].severity is Severity.CRITICAL
            for index in self.active
        )

    def set_cell(self, index: int, cell: Cell) -> None:
        """Replace a cell, remembering what it was before the open step."""
        self.before_cells.setdefault(index, self.cells[index])
        self.put_cell(index, cell)

    def put_cell(self, index: int, cell: Cell) -> None:
        """Replace a cell for good."""
        self.cells[index] = cell
        if cell is QUIET:
            self.active.discard(index)
        else:
            self.active.add(index)
