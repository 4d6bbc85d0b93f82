"""What may be asked for: steps with their options, recipes, and their forms for command line and JSON."""
