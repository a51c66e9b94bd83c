"""Engines on disk: what each is, who built it, those that are kept, how one is built again."""
