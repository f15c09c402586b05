"""The outbox as workers see it: what is due, claimed, recorded."""
