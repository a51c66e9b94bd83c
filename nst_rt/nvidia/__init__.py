"""What NVIDIA's software on this machine is, and what it lacks; imports no engine."""
