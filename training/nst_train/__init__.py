"""Training: from photos and a painting to a checkpoint."""
