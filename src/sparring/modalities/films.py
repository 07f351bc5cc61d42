"""Frames as a moving picture: .gif by Pillow, .mp4 by PyAV (extra `video`)."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from sparring.base.errors import UserError
from sparring.base.files import full_disk

SMALLEST = 256
"""pixels of the longer side that small frames are enlarged to"""


def write_film(frames: np.ndarray, path: Path, rate: int = 24) -> None:
    """Frames (n, h, w, 1|3) uint8 as a film of `rate` frames a second, by the end of the name. Small frames are enlarged without smoothing."""
    times = max(1, SMALLEST // max(frames.shape[1:3]))
    frames = frames.repeat(times, 1).repeat(times, 2)
    frames = frames.repeat(3, 3) if frames.shape[3] == 1 else frames[..., :3]
    kind = path.suffix.lower()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == ".gif":
            pictures = [Image.fromarray(frame).quantize(128, dither=Image.Dither.NONE) for frame in frames]
            pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=max(20, round(1000 / rate)), loop=0)
        elif kind == ".mp4":
            _mp4(frames, path, rate)
        else:
            raise UserError(f"a film is written to .gif or .mp4, not to {path}")
    except OSError as error:
        raise full_disk(error, path) from error


def _mp4(frames: np.ndarray, path: Path, rate: int) -> None:
    try:
        import av
    except ImportError:
        raise UserError('writing .mp4 needs PyAV: pip install "sparring[video]", or end the name in .gif') from None
    h, w = (side - side % 2 for side in frames.shape[1:3])                     # x264 wants even sides
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=Fraction(rate), options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = w, h, "yuv420p"
        for frame in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[:h, :w]), format="rgb24")))
        film.mux(stream.encode())
