"""A run: its folder, its log, its doctor, its report."""
