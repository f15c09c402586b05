"""Web pages of gadwatch: server-rendered, live where scripts run, no front-end build."""

from gadwatch_dashboards.install import install

__all__ = ["install"]
