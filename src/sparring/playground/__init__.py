"""The game on points in the plane, to be watched, changed and broken while it is played. The same games, losses and trainer as everywhere."""
