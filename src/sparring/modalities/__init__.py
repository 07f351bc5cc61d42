"""Files to tensors and back. A modality never sees a game; it hands out a Space."""
