def report() -> None:
    """Not there yet."""
