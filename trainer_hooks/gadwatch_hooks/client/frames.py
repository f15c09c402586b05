"""Exports of the service as pandas frames and plotly figures."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gadwatch_hooks.client.results import number
from gadwatch_hooks.errors import GadwatchError

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure


def metric_names(body: Mapping[str, Any]) -> list[str]:
    """The names in the answer of ``GET /runs/{id}/metrics``."""
    found = body.get("items", body.get("metrics", []))
    return [entry["name"] if isinstance(entry, dict) else str(entry) for entry in found]


def frame(raw: bytes, metrics: Sequence[str] | None) -> "pd.DataFrame":
    """The lines of an export (``{"step":…,"time":…,"metrics":{…}}``) as a frame."""
    try:
        import pandas as pd
    except ImportError:
        raise GadwatchError("history() needs pandas: `pip install gadwatch[pandas]`") from None
    rows: dict[int, dict[str, Any]] = {}
    for line in raw.splitlines():
        if line.strip():
            row = json.loads(line)
            values = {name: number(value) for name, value in row["metrics"].items()}
            rows.setdefault(row["step"], {}).update(values)
    columns = list(metrics) if metrics is not None else None
    table = pd.DataFrame.from_dict(rows, orient="index", dtype=float)
    if columns is not None:
        table = table.reindex(columns=columns)
    table.index.name = "step"
    return table.sort_index()


def figure(history: "pd.DataFrame", metric: str, title: str) -> "Figure":
    """A line of ``metric`` over the steps, with a mark on the axis for each non-finite value."""
    try:
        from plotly.graph_objects import Figure, Scatter
    except ImportError:
        raise GadwatchError("figure() needs plotly: `pip install gadwatch[pandas]`") from None
    values = history[metric]
    finite = values.map(lambda value: value if math.isfinite(value) else None)
    chart = Figure(
        Scatter(x=values.index, y=finite, mode="lines", name=metric),
        layout={
            "title": {"text": title},
            "xaxis": {"title": {"text": "step"}},
            "yaxis": {"title": {"text": metric}},
            "template": "plotly_white",
        },
    )
    lost = values.index[~finite.notna()]
    if len(lost):
        chart.add_scatter(
            x=lost,
            y=[0.0] * len(lost),
            yaxis="y2",
            mode="markers",
            marker={"symbol": "x", "color": "#b00020"},
            name="NaN or infinite",
        )
        chart.update_layout(
            yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
        )
    return chart
