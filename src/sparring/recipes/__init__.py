"""Named functions that give complete, tuned configurations."""

from sparring.recipes import autoencoders, classic, images, restoration, tables, translation  # noqa: F401 - importing registers
