"""Engines on disk: side-cars, trust, the cache, and commands that build one again."""
