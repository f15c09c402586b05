"""The drawing of one figure: content and view in, plotly's figure out."""

from typing import TYPE_CHECKING, Any

from gadwatch_dashboards.figures.layout import bounds, layout
from gadwatch_dashboards.figures.series import Content, View
from gadwatch_dashboards.figures.smoothing import value_range
from gadwatch_dashboards.figures.traces import corridor, curves, episodes, findings, non_finite
from gadwatch_dashboards.palette import PALETTES

if TYPE_CHECKING:
    import plotly.graph_objects as go


def figure_json(content: Content, view: View | None = None) -> dict[str, Any]:
    """The figure as plotly's JSON, ``{"data": […], "layout": {…}}``, ready for the wire.

    1. the expected corridor, 2. every series, faint below its smoothed self, 3. non-finite values
    on the axis and findings along the top, 4. below all: the healthy range shaded, its bounds as
    lines, the findings' episodes. It holds as many points as the series do. Building plain JSON
    keeps plotly out of the pages' path; :func:`figure` validates the same thing.
    """
    view = view or View()
    paint = PALETTES[view.theme]
    data = [*corridor(content, view, paint), *curves(content, view, paint)]
    data += [*non_finite(content, view, paint), *findings(content, view, paint)]
    shown = [value for series in content.series for value in series.values]
    span = value_range(shown, content.zone, log=view.log, robust=view.robust)
    frame = layout(content, view, span, paint)
    shapes, annotations = bounds(content, view, span, paint)
    frame["shapes"] = [*shapes, *episodes(content, view, paint)]
    frame["annotations"] = annotations
    return {"data": data, "layout": frame}


def figure(content: Content, view: View | None = None) -> "go.Figure":
    """The same as a validated plotly figure, for notebooks and other programs.

    Raises:
        ImportError: plotly is not installed (it comes with ``gadwatch[service]``).

    """
    import plotly.graph_objects as go

    return go.Figure(figure_json(content, view))
