"""The MLflow door: enough of MLflow's tracking protocol for a real client to push to gadwatch.

An MLflow *experiment* is a gadwatch project, an MLflow *run* a gadwatch run, *params* its config.
Runs that come this way are judged like any other.
"""
