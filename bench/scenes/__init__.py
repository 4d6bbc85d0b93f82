"""Photos that are rare among free ones, made of common ones in linear light: each way takes (h, w, 3) light in [0, 1] and gives it."""
