"""One page each: how a network is trained for a purpose, composed of the parts beside it."""
