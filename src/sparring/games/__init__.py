"""Families, one a file. A game sees data only as a Space and never imports the trainer."""
