"""Training methods, a page each: how a network is trained for one purpose, from shared parts."""
