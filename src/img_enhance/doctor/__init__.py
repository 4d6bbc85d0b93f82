"""What is right and wrong on this machine for this program, and how fast it is here."""
