"""Sparring: generative adversarial networks and their relatives, trained, judged, explained and shipped."""

__version__ = "0.1.0"
