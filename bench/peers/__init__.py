"""What img-enhance is measured against; scripts that run in an environment of their own."""
