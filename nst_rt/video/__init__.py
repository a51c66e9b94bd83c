"""Video: files, streams and cameras in, painted video out."""
