"""The core: plays rounds of any game. It names no paper."""
