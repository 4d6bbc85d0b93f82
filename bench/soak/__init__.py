"""The parts of the soak: what is asked, who asks, who looks at the service meanwhile, and what must be true in the end."""
