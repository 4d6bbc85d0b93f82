"""Many photos: found, named, enhanced side by side, and remembered, so that a run can go on where it was cut off."""
