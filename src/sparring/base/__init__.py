"""Names, time, and what data looks like. Nothing here imports torch at import time."""
