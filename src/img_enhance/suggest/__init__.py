"""What a photo needs, and why."""
