from pathlib import Path

from gadwatch_trainer import FAULTS

PAGE = Path(__file__).parents[2] / "docs" / "trainer.md"


def test_every_fault_is_documented_with_its_cause() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [f.name for f in FAULTS.values() if f"`{f.name}`" not in page or f.cause not in page]
    assert not missing
