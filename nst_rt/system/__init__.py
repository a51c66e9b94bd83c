"""What every room needs of the system: files written whole, locks, caches, memory, signals."""
