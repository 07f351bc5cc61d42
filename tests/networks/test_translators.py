"""Translators: any size, as far as they say, plain operators; the patch discriminator: places at every size that it takes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sparring.base.errors import UserError
from sparring.base.settings import dump, load
from sparring.networks.translator_settings import Critic, PatchDiscriminator, ResidualTranslator, ResnetTranslator, Translator, UNetTranslator
from sparring.networks.translators import Doubling, InstanceNorm

SMALL = {
    "resnet": (ResnetTranslator(width=4, blocks=1), 1),
    "unet": (UNetTranslator(width=4, levels=3), 1),
    "unet of one level": (UNetTranslator(width=4, levels=1), 1),
    "residual": (ResidualTranslator(width=8, blocks=2), 1),
    "residual, dilated": (ResidualTranslator(width=8, blocks=3, dilations=(1, 3)), 1),
    "residual, patches": (ResidualTranslator(width=8, blocks=2, dilations=(1, 2), patch=4), 1),
    "residual x2": (ResidualTranslator(width=8, blocks=2), 2),
    "residual x4": (ResidualTranslator(width=8, blocks=1), 4),
}
EACH = pytest.mark.parametrize("settings, scale", SMALL.values(), ids=SMALL)


def pictures(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def awake(network):
    """Weights that all matter: those that start at zero, too."""
    torch.manual_seed(1)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter)
    return network


def without_norms(network):
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, InstanceNorm):
                setattr(module, name, nn.Identity())
    return network


def test_the_family_knows_its_members():
    assert sorted(Translator.choices()) == ["residual", "resnet", "unet"] and list(Critic.choices()) == ["patch"]
    dilated = ResidualTranslator(dilations=(1, 2, 4, 8))
    assert load(Translator, dump(dilated)) == dilated
    with pytest.raises(UserError):
        load(Translator, {"kind": "residual", "dilations": [0]})


@EACH
@pytest.mark.parametrize("size", [(37, 50), (64, 16), (8, 5), (3, 21)], ids=str)
@pytest.mark.parametrize("inputs, outputs", [(3, 3), (1, 3), (4, 3)], ids=str)
def test_any_size_and_aspect_ratio(settings, scale, size, inputs, outputs):
    network = awake(settings.build(inputs=inputs, outputs=outputs, scale=scale)).eval()
    with torch.no_grad():
        y = network(pictures(2, inputs, *size))
    assert y.shape == (2, outputs, scale * size[0], scale * size[1])
    assert y.isfinite().all() and y.abs().max() <= 1 and y.std() > 0.01


@EACH
def test_sees_as_far_as_it_says_and_no_farther(settings, scale):
    """The gradient of an output pixel of every kind is zero beyond the reach, and not zero at it."""
    network = without_norms(awake(settings.build(inputs=1, outputs=1, scale=scale)).double())
    reach, kinds = network.reach(), max(network.multiple, scale)
    side = 2 * (-(-(reach + 2) // network.multiple) * network.multiple) + network.multiple
    x = pictures(1, 1, side, side).double().requires_grad_(True)
    y, start, farthest = network(x), (side - network.multiple) // 2, 0
    for kind in range(kinds):
        at = scale * start + kind
        (slope,) = torch.autograd.grad(y[0, 0, at, at], x, retain_graph=True)
        rows, columns = slope[0, 0].nonzero().T
        distance = max((line - at // scale).abs().max().item() for line in (rows, columns))
        assert distance <= reach
        farthest = max(farthest, distance)
    assert farthest == reach


@EACH
@pytest.mark.parametrize("at", [(0, 0), (20, 33), (39, 50)], ids=str)
def test_a_changed_pixel_is_not_noticed_beyond_the_reach(settings, scale, at):
    """At borders, too, where pictures are reflected, and at sizes that are padded."""
    network = without_norms(awake(settings.build(inputs=1, outputs=1, scale=scale)).double()).train()
    height, width = 40, 51
    x = pictures(1, 1, height, width).double()
    changed = x.clone()
    changed[0, 0, at[0], at[1]] += 0.5
    with torch.no_grad():
        gap = (network(x) - network(changed)).abs()[0, 0]
    rows, columns = (torch.arange(scale * n) // scale - a for n, a in zip((height, width), at))
    near = torch.maximum(rows.abs()[:, None], columns.abs()[None]) <= network.reach()
    assert gap[near].max() > 1e-6
    assert not (~near).any() or gap[~near].max() < 1e-12


@EACH
def test_tiles_equal_the_whole(settings, scale):
    """Cut at a multiple, with the reach beside it, down to the last row, whose size is padded."""
    network = without_norms(awake(settings.build(inputs=1, outputs=1, scale=scale)).double()).eval()
    multiple = network.multiple
    margin = -(-network.reach() // multiple) * multiple
    top, x = 2 * multiple, pictures(1, 1, 3 * multiple + margin + 21, 24).double()
    with torch.no_grad():
        whole, tile = network(x), network(x[:, :, top:])
    assert torch.allclose(tile[:, :, scale * margin :], whole[:, :, scale * (top + margin) :], atol=1e-9)
    assert not torch.allclose(tile[:, :, :scale], whole[:, :, scale * top : scale * (top + 1)], atol=1e-4)


@pytest.mark.parametrize("inputs, outputs", [(3, 3), (4, 3), (1, 3), (2, 3)], ids=str)
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_residual_starts_as_its_skip(inputs, outputs, scale):
    network = ResidualTranslator(width=8, blocks=2).build(inputs=inputs, outputs=outputs, scale=scale)
    x = pictures(2, inputs, 9, 12)
    skip = torch.stack([x[:, min(c, inputs - 1)] for c in range(outputs)], 1)
    if scale > 1:
        skip = F.interpolate(skip, scale_factor=scale, mode="bicubic")
    assert torch.equal(network(x), skip)
    assert torch.equal(network.eval()(x), skip.clamp(-1, 1))


def test_residual_is_cut_in_evaluation_only():
    network, x = awake(ResidualTranslator(width=8, blocks=1).build(inputs=1, outputs=1, scale=1)), pictures(1, 1, 8, 8)
    assert network(x).abs().max() > 1
    assert torch.equal(network.eval()(x), network.train()(x).clamp(-1, 1))


@EACH
def test_gradients_reach_every_parameter(settings, scale):
    network = settings.build(inputs=3, outputs=3, scale=scale)
    if isinstance(settings, ResidualTranslator):
        awake(network)
    (network(pictures(2, 3, 37, 50)) ** 2).sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


@EACH
def test_channels_last_gives_the_same_and_stays(settings, scale):
    network = awake(settings.build(inputs=3, outputs=3, scale=scale)).eval()
    x = pictures(2, 3, 24, 40)
    with torch.no_grad():
        plain = network(x)
        network.to(memory_format=torch.channels_last)
        y = network(x.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(y, plain, atol=1e-3)
    assert y.is_contiguous(memory_format=torch.channels_last)


@EACH
def test_under_autocast(settings, scale):
    network, x = awake(settings.build(inputs=3, outputs=3, scale=scale)).eval(), pictures(1, 3, 24, 32)
    with torch.no_grad():
        plain = network(x)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(x)
    assert rough.dtype == torch.float32 and (rough - plain).abs().mean() < 0.05


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("size", [(5, 8), (1, 3)], ids=str)
def test_doubling_is_repetition_and_a_convolution(bias, size):
    layer = Doubling(3, 4, bias=bias)
    x = pictures(2, 3, *size)
    expected = F.conv2d(F.pad(F.interpolate(x, scale_factor=2), (1, 1, 1, 1), mode="reflect"), layer.weight, layer.bias)
    assert torch.allclose(layer(x), expected, atol=1e-5)


def test_instance_norm_is_torchs():
    x = pictures(2, 3, 9, 7) * 3 + 1
    assert torch.allclose(InstanceNorm()(x), F.instance_norm(x), atol=1e-5)
    assert torch.allclose(InstanceNorm()(x.contiguous(memory_format=torch.channels_last)), F.instance_norm(x), atol=1e-4)


@pytest.mark.parametrize("kind, scale", [("resnet", 2), ("unet", 2), ("residual", 3)])
def test_a_scale_that_it_has_not(kind, scale):
    with pytest.raises(UserError, match="times as large"):
        Translator.named(kind)().build(inputs=3, outputs=3, scale=scale)


# ---- export


def exportable(scale, dilations=(1, 2)):
    return awake(ResidualTranslator(width=4, blocks=2, dilations=dilations).build(inputs=3, outputs=3, scale=scale)).eval()


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_residual_is_exported_for_every_size(scale):
    network = exportable(scale)
    sides = {2: torch.export.Dim("height", min=2, max=4096), 3: torch.export.Dim("width", min=2, max=4096)}
    program = torch.export.export(network, (pictures(1, 3, 16, 20),), dynamic_shapes={"x": sides})
    names = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert not any("fft" in name for name in names)
    for size in ((16, 20), (37, 50), (9, 33)):
        x = pictures(1, 3, *size)
        with torch.no_grad():
            assert torch.allclose(program.module()(x), network(x), atol=1e-6)


@pytest.mark.parametrize("name", ["resnet", "unet", "residual, patches"])
def test_the_others_are_exported_for_multiples(name):
    network = SMALL[name][0].build(inputs=3, outputs=3, scale=1).eval()
    step = network.multiple
    sides = {i: step * torch.export.Dim(f"side{i}", min=3, max=512) for i in (2, 3)}
    program = torch.export.export(network, (pictures(1, 3, 4 * step, 5 * step),), dynamic_shapes={"x": sides})
    x = pictures(1, 3, 7 * step, 3 * step)
    with torch.no_grad():
        assert torch.allclose(program.module()(x), network(x), atol=1e-6)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_residual_as_onnx(scale, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    network, file = exportable(scale), tmp_path / "network.onnx"
    sides = {2: torch.export.Dim("height", min=2, max=4096), 3: torch.export.Dim("width", min=2, max=4096)}
    torch.onnx.export(network, (pictures(1, 3, 16, 20),), file, dynamo=True, dynamic_shapes={"x": sides}, input_names=["x"])
    graph = onnx.load(file).graph
    assert all(node.domain in ("", "ai.onnx") for node in graph.node)
    runtime = pytest.importorskip("onnxruntime")
    session, x = runtime.InferenceSession(file, providers=["CPUExecutionProvider"]), pictures(1, 3, 37, 50)
    with torch.no_grad():
        assert (torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]) - network(x)).abs().max() < 1e-4


# ---- patch

PLACES = {16: {1: 6, 2: 2}, 32: {1: 14, 2: 6, 3: 2}, 64: {2: 14, 3: 6}, 70: {2: 15, 3: 6, 4: 2}}


@pytest.mark.parametrize("norm", ["none", "instance"])
@pytest.mark.parametrize("side, layers, places", [(s, k, p) for s, found in PLACES.items() for k, p in found.items()])
def test_a_logit_for_every_place(norm, side, layers, places):
    network = PatchDiscriminator(width=4, layers=layers, norm=norm).build(inputs=3)
    logits = network(pictures(2, 3, side, side))
    assert logits.shape == (2, places**2) and logits.dtype == torch.float32
    logits.sum().backward()
    assert all(p.grad.abs().max() > 0 for p in network.parameters())


def test_a_patch_is_seventy_pixels_wide():
    network = PatchDiscriminator(width=4).build(inputs=1).double()
    x = pictures(1, 1, 128, 160).double().requires_grad_(True)
    logits = network.layers(x)                                             # (1, 1, 14, 18)
    assert network(x).shape == (1, 14 * 18)
    (slope,) = torch.autograd.grad(logits[0, 0, 7, 9], x)
    rows, columns = slope[0, 0].nonzero().T
    assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == 70


@pytest.mark.parametrize("layers, size", [(3, (31, 64)), (3, (64, 16)), (2, (15, 15))], ids=str)
def test_too_small_for_patches(layers, size):
    network = PatchDiscriminator(width=4, layers=layers).build(inputs=3)
    with pytest.raises(UserError, match=f"a side needs {4 * 2**layers} pixels"):
        network(pictures(1, 3, *size))


def test_a_gradient_penalty_can_be_taken():
    network, x = PatchDiscriminator(width=4, layers=2).build(inputs=3), pictures(2, 3, 16, 24).requires_grad_(True)
    (slope,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
    slope.square().sum().backward()
    assert all(p.grad is not None for p in network.parameters() if p.ndim > 1)
