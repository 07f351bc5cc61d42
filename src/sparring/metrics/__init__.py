"""How good generated items are. Every metric judges several sets by one function against one reference (judge.py)."""
