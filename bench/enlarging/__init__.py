"""Pictures with known truth, made smaller and enlarged again."""
