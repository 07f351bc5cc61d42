"""Tools on what items are made from: truncation, paths, mixing, projection, directions. Functions of a watched game and tensors."""
