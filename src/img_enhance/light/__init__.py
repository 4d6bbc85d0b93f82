"""Light and colour: profiles, illuminants, tone curves, noise, and what is seen of them in a photo."""
