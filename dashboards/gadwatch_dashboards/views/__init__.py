"""View models: what a page shows, made from stored facts by pure functions."""
