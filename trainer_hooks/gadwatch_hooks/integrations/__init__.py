"""Training frameworks' own extension points; each module needs its framework installed."""
