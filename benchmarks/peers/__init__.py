"""Peers to measure against that are not simply a call of another library."""
