import re

from gadwatch_dashboards import report
from gadwatch_dashboards.figures.smoothing import thinned
from gadwatch_rules import Assessment, Engine, Step
from tests.dashboards.samples import METRICS, series


def steps() -> list[Step]:
    columns = {metric: series(metric).values for metric in METRICS}
    return [
        Step(
            number,
            {metric: column[number - 1] for metric, column in columns.items()},
            number * 40.0,
        )
        for number in range(1, 254)
    ]


def assessed(run: str = "warmup-7") -> Assessment:
    engine = Engine.for_run(stage="warmup", warmup_steps=253)
    state = engine.new_state()
    engine.advance(state, steps())
    return engine.assess(state, run)


def test_the_file_holds_its_charts_and_asks_for_nothing() -> None:
    text = report.html(assessed(), report.series_of(steps()), warmup_steps=253)
    assert text.count('<script type="application/json">') >= 6
    assert "ready for stage 2" in text
    markup = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r'(src|href)="https?:', markup)
    assert "default-src 'none'" in text


def test_foreign_text_stays_text() -> None:
    text = report.html(assessed("<script>alert(1)</script>"), report.series_of(steps()))
    assert "<script>alert(1)" not in text


def test_the_markdown_is_the_same_analysis() -> None:
    text = report.markdown(assessed(), report.series_of(steps()), warmup_steps=253)
    assert text.startswith("# gadwatch: warmup-7")
    assert "| Accuracy in its band |" in text


def test_percent_is_read_as_a_fraction() -> None:
    found = report.series_of([Step(1, {"d_acc": 94.7}), Step(2, {"d_acc": 95.1})])
    assert list(found["critic/d_acc"].values) == [94.7 * 0.01, 95.1 * 0.01]


def test_thinning_keeps_the_extremes_and_the_ends() -> None:
    long = series("critic/d_acc", 20_000, hole=777)
    short = thinned(long, 300)
    assert len(short.steps) <= 310
    assert (short.steps[0], short.steps[-1]) == (1, 20_000)
    assert 777 in short.steps
    assert max(short.finite()) == max(long.finite())
    assert min(short.finite()) == min(long.finite())
