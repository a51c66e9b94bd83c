"""What ours is measured against, where a peer is not simply a call of another library."""
