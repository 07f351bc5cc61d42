"""Translation of pictures: from pairs, without pairs where the true partners are known, and without pairs on photographs.

    python -m benchmarks.translation pix2pix --data CAMVID [--side 64] [--rounds 8000] [--void 11] [--answers pixels recipe]
    python -m benchmarks.translation known --mnist FOLDER | --data NPZ [--rounds 10000] [--pictures 10000]
    python -m benchmarks.translation unpaired --cifar FILE [--classes horse deer] [--rounds 10000]
    all: [--threads auto] [--seed 0] [-n 2000] [--set path=value ...] [--out benchmarks/results/translation-PROTOCOL.json]

pix2pix     label maps to photographs. CAMVID holds train, val, test and the label maps trainannot, valannot, testannot; CamVid's own test part,
            whose frames come from other minutes than all that is learnt from. Three answers: the mean training picture, the network after pixels
            alone (--adversary 0), and the recipe, for the same rounds, or one of the two, which --rounds can give the other's seconds. Beside
            distances to the photograph a small segmentation network, trained on real training pairs, reads the labels back: pixel accuracy and
            mean intersection over union, without the class --void.
known       A holds white digits on black, B other digits, thicker, slanted, yellow on dark blue. No digit is on both sides, so there are no pairs;
            but of held-out digits the true partner is known. PSNR to it, Fréchet distance through a classifier of the side that is translated to,
            and how often that classifier reads the digit that was given. Beside it: the input as it is, the mean picture, the input with the
            other side's colours and its own shape, and the true partners. FOLDER holds the IDX files of MNIST; NPZ x (n, h, w), perhaps y.
unpaired    two classes of CIFAR-10 at 32 px, FILE as for benchmarks.cifar, its test pictures held out. Fréchet distance to the other class through a
            classifier of all ten, how often it sees that class, and what comes of pictures there and back.
Every protocol draws a sheet beside its result. --steps shortens the training of the networks that judge.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

import sparring
from benchmarks.cifar import CLASSES, unpack
from benchmarks.machine import write_result
from benchmarks.stacked_mnist import idx
from sparring.extractors.classifier import accuracy, classifier
from sparring.extractors.extractor import Extractor, extract
from sparring.extractors.selfsupervised import selfsupervised
from sparring.extractors.settings import Classifier, SelfSupervised
from sparring.metrics import paired
from sparring.metrics.frechet import frechet_distance
from sparring.modalities.images import grid
from sparring.modalities.open import open_named
from sparring.runs.data import Data
from sparring.runs.judging import ANSWERED, judge_for, mean_picture
from sparring.runs.run import Run

METRICS = ("psnr", "ssim", "perceptual", "fd", "kid")
ANSWERS = {"pixels": ("pixels alone", {"adversary": 0}), "recipe": ("recipe", {})}
SHOWN = 12
WHITE, BLACK, INK, PAPER = (255, 255, 255), (0, 0, 0), (255, 214, 64), (16, 24, 96)
SLANT = 0.3
"""pixels to the right for each pixel upwards"""


# ---- what the protocols share


def expand(batch: dict) -> dict:
    return batch | {"x": batch["x"].float().div_(127.5).sub_(1)}


def floats(x: Tensor) -> Tensor:
    return expand({"x": x})["x"]


def rounded(row: dict) -> dict:
    return {name: round(float(value), 4) for name, value in row.items()}


def trained(recipe: str, data: str, name: str, settings: dict, options: argparse.Namespace, folder: Path) -> tuple[Run, dict]:
    start = time.perf_counter()
    fixed = {"hardware.threads": options.threads, "watching.judge": 0, "watching.preview": 0, "split.test": 0, "split.validation": 0.02}
    settings = fixed | settings | dict(s.split("=", 1) for s in options.set)
    run = sparring.train(recipe, data, run=folder / name, rounds=options.rounds, seed=options.seed, settings=settings)
    facts = {"seconds": round(time.perf_counter() - start), "rounds": run.status["round"], "batch": run.configuration.batch}
    facts |= {"threads": run.configuration.hardware.threads, "verdict": run.doctor()["verdict"]}
    return Run(run.path, "last"), facts


@torch.no_grad()
def translated(run: Run, given: Tensor, direction: str = "a2b") -> Tensor:
    """Compact pictures of what is given as games see it, (n, c, h, w) floats, as they would be written to files."""
    made = [run.game.translate(some, direction) for some in given.split(ANSWERED)]
    return torch.from_numpy(run.codec.decode(torch.cat(made))).permute(0, 3, 1, 2).contiguous()          # (n, h, w, c) -> (n, c, h, w)


def sheet(columns: list[Tensor], abreast: int = 3) -> np.ndarray:
    """Compact pictures (n, 3, h, w) of several kinds side by side, `abreast` items in a row."""
    items = torch.stack(columns, 1).flatten(0, 1).permute(0, 2, 3, 1).numpy()
    return grid(items, np.arange(len(items)) // (len(columns) * abreast))


def side_by_side(sheets: list[np.ndarray], out: str) -> None:
    gap = np.full((sheets[0].shape[0], 24, 3), 255, np.uint8)
    parts = [part for drawn in sheets for part in (drawn, gap)][:-1]
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(parts, 1)).save(Path(out).with_suffix(".png"), optimize=True)


# ---- pix2pix: label maps to photographs


class Reader(nn.Module):
    """A small U-Net that reads classes from photographs: (n, 3, h, w) -> scores (n, classes, h, w). 8 must divide both sides."""

    def __init__(self, classes: int, width: int = 24):
        super().__init__()
        a, b, c, d = (width * 2**i for i in range(4))
        self.down = nn.ModuleList([self.block(3, a), self.block(a, b), self.block(b, c), self.block(c, d)])
        self.up = nn.ModuleList([self.block(d + c, c), self.block(c + b, b), self.block(b + a, a)])
        self.last = nn.Conv2d(a, classes, 1)

    @staticmethod
    def block(inputs: int, outputs: int) -> nn.Module:
        conv = lambda i: (nn.Conv2d(i, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())
        return nn.Sequential(*conv(inputs), *conv(outputs))

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for i, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if i else x)
            maps.append(x)
        maps.pop()
        for block in self.up:
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0), maps.pop()], 1))
        return self.last(x)


def varied(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Photographs (n, 3, h, w) and label maps (n, h, w), mirrored, moved by up to an eighth, and photographs in other light."""
    h, w = x.shape[2:]
    turned = torch.rand(len(x)) < 0.5
    x, y = torch.where(turned[:, None, None, None], x.flip(3), x), torch.where(turned[:, None, None], y.flip(2), y)
    pad, (down, right) = (w // 8, w // 8, h // 8, h // 8), (int(torch.randint(side // 4 + 1, ())) for side in (h, w))
    moved = lambda picture: F.pad(picture, pad, mode="reflect")[:, :, down : down + h, right : right + w]
    x, y = moved(x), moved(y[:, None].float())[:, 0].long()
    contrast, light = 1 + 0.2 * torch.randn(len(x), 1, 1, 1), 0.1 * torch.randn(len(x), 3, 1, 1)
    return x * contrast + light, y


def reader(x: Tensor, y: Tensor, classes: int, void: int, steps: int, seed: int, batch: int = 16) -> Reader:
    """Trained on compact photographs (n, 3, h, w) and class numbers (n, 1, h, w)."""
    torch.manual_seed(seed)
    network = Reader(classes).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.05, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    fast = torch.cpu._is_avx512_bf16_supported()
    for _ in range(steps):
        rows = torch.randint(len(x), (batch,))
        photographs, labels = varied(floats(x[rows]), y[rows, 0].long())
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            scores = network(photographs.contiguous(memory_format=torch.channels_last))
        optimizer.zero_grad()
        F.cross_entropy(scores.float(), labels, ignore_index=void).backward()
        optimizer.step()
        schedule.step()
    return network.eval()


@torch.no_grad()
def read_back(network: Reader, x: Tensor, y: Tensor, void: int) -> dict:
    """How far labels (n, 1, h, w) are what is read from compact pictures: of pixels, and over the classes that are in either."""
    seen = torch.cat([network(floats(some)).argmax(1) for some in x.split(64)])
    true, classes = y[:, 0].long(), network.last.out_channels
    seen, true = seen[true != void], true[true != void]
    counts = torch.bincount(true * classes + seen, minlength=classes**2).view(classes, classes).double()   # (true, seen)
    hit, either = counts.diagonal(), counts.sum(0) + counts.sum(1) - counts.diagonal()
    there = either > 0
    if 0 <= void < classes:
        there[void] = False
    return {"pixel accuracy": hit.sum() / counts.sum(), "mean iou": (hit[there] / either[there]).mean()}


def arranged(camvid: Path, out: Path) -> tuple[str, str, set[str]]:
    """CamVid as A::B in `out`: what is learnt from (train and val), all of it, and the names of the test pictures."""
    tests = set()
    for part in ("train", "val", "test"):
        for picture in sorted((camvid / part).iterdir()):
            labels = (camvid / f"{part}annot" / picture.name).with_suffix(".png")
            for where in ("all",) if part == "test" else ("all", "learn"):
                for file, kind in ((labels, "labels"), (picture, "photographs")):
                    (out / where / kind).mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, out / where / kind / file.name)
            tests |= {picture.stem} if part == "test" else set()
    learn, whole = (f"{out / where / 'labels'}::{out / where / 'photographs'}" for where in ("learn", "all"))
    return learn, whole, tests


def parts_of(run: Run, whole: str, tests: set[str], n: int) -> Data:
    """All pictures through the run's codec, in CamVid's own parts; of the test part at most n, evenly spaced."""
    text, source = open_named(whole)
    held = np.array([Path(name).stem in tests for name in source.b.names])
    test = np.flatnonzero(held)[np.linspace(0, held.sum() - 1, min(n, held.sum())).astype(int)]
    rows = {"train": np.flatnonzero(~held), "validation": np.zeros(0, np.int64), "test": test}
    return Data(text, source, run.codec, rows, "", {})


def pix2pix(options: argparse.Namespace, folder: Path) -> dict:
    learn, whole, tests = arranged(options.data, folder)
    rows, columns = {}, []
    for answer in options.answers:
        name, settings = ANSWERS[answer]
        run, facts = trained("pix2pix", learn, answer, {"resolution": options.side} | settings, options, folder)
        data = parts_of(run, whole, tests, options.n)
        target, given, codec = data.part("test")["x"], data.given("test"), run.codec
        if not rows:                                                                        # what both are judged by
            judge = judge_for(data, "test", names=METRICS, n=options.n, game=run.game)
            start = time.perf_counter()
            network = reader(data.part("train")["x"], data.given("train"), len(codec.palette), options.void, options.steps or 800, options.seed)
            about = {"parameters": sum(p.numel() for p in network.parameters()), "seconds": round(time.perf_counter() - start)}
            mean = codec.compact(codec.decode(mean_picture(data.part("train")["x"], floats))).expand_as(target)
        seen = codec.taken.expand(given)
        x = translated(run, seen)
        near = paired.measure(list(METRICS[:3]), {"x": x, "target": target, "trivial": mean}, codec.expand, judge.extractors["own"])
        metrics = near | judge.judge({"x": x})["metrics"]
        pick = lambda column, metrics=metrics: {name: m[column] for name, m in metrics.items() if column in m}
        read = lambda x: read_back(network, x, given, options.void)
        rows |= {} if rows else {"trivial": rounded(pick("baseline") | read(mean)), "photographs": rounded(pick("floor") | read(target))}
        rows[name] = rounded(pick("value") | read(x)) | facts
        columns.append(x)
        print(name, rows[name], flush=True)
    shown = np.linspace(0, len(target) - 1, SHOWN).astype(int)
    side_by_side([sheet([column[shown] for column in (codec.shown(seen), *columns, target)])], options.out)
    counts = {"learnt from": len(data.rows["train"]), "judged": len(target)}
    protocol = counts | {"side": options.side, "classes": len(codec.palette), "void": options.void, "extractor": judge.extractors["own"].name}
    return {"data": options.data.name, "protocol": protocol, "reader": about, "rows": rows}


# ---- without pairs: translations both ways, judged by the side they are to be of


def unpaired_run(a: Tensor, b: Tensor, names: tuple[str, str], options: argparse.Namespace, folder: Path) -> tuple[Run, dict]:
    """cyclegan on compact pictures (n, 3, h, w)."""
    for name, x in zip(names, (a, b)):
        np.save(folder / f"{name}.npy", x.permute(0, 2, 3, 1).contiguous().numpy())
    sides = "::".join(str(folder / f"{name}.npy") for name in names)
    return trained("cyclegan", sides, "run", {"pairing": "unpaired", "encoding.channels": 3, "given_channels": 3}, options, folder)


def there_and_back(run: Run, x: Tensor, direction: str, learnt: Tensor) -> tuple[Tensor, Tensor, dict]:
    """Compact translations, what comes of them back, and how far that is from x, of 255, beside the mean of `learnt` pictures of that side."""
    made = translated(run, floats(x), direction)
    back = translated(run, floats(made), {"a2b": "b2a", "b2a": "a2b"}[direction])
    error = lambda y: float((y.double() - x.double()).abs().mean())
    return made, back, {"cycle": error(back), "cycle of the mean": error(mean_of(learnt, 1))}


def mean_of(x: Tensor, n: int) -> Tensor:
    """The mean of compact pictures, n times."""
    return mean_picture(x, lambda rows: rows.double()).round().byte().expand(n, -1, -1, -1)


class Side:
    """One side's training pictures, and what sees how far others are from them."""

    def __init__(self, extractor: Extractor, x: Tensor, n: int):
        self.extractor = extractor
        self.reference = self.features(x[torch.randperm(len(x), generator=torch.Generator().manual_seed(1))[:n]])

    def features(self, x: Tensor) -> Tensor:
        return extract(self.extractor, expand, x)

    @torch.no_grad()
    def judge(self, x: Tensor, y: Tensor | None, named: str) -> dict:
        """Fréchet distance of compact pictures to the training ones, and how often they are seen as y, where classes are known."""
        features = self.features(x)
        row = {"fd": frechet_distance(self.reference, features)}
        scores = self.extractor.head(features)
        return row if scores is None or y is None else row | {named: (scores.argmax(1) == y).double().mean()}


def extractor_of(name: str, x: Tensor, y: Tensor | None, classes: int, held: dict, steps: int | None) -> Extractor:
    """A classifier where classes are known, else a network that learns without them."""
    shape = tuple(x.shape[1:])
    if y is None:
        return selfsupervised(f"ssl-{name}", shape, {"x": x}, expand, **({"settings": SelfSupervised(steps=steps)} if steps else {}))
    return classifier(f"cnn-{name}", shape, classes, {"x": x, "y": y}, held, expand, Classifier(steps=steps or "auto"))


# ---- known: digits and what becomes of other digits


def changed(ink: Tensor) -> Tensor:
    """Digits (n, h, w) in [0, 1], thicker by a pixel on every side and slanted."""
    x = F.pad(ink[:, None], (1, 1, 1, 1))
    x = torch.stack([x[..., 1:-1, 1:-1], x[..., :-2, 1:-1], x[..., 2:, 1:-1], x[..., 1:-1, :-2], x[..., 1:-1, 2:]]).amax(0)
    h, w = ink.shape[1:]
    theta = torch.tensor([[1.0, SLANT * h / w, 0], [0, 1, 0]]).expand(len(x), 2, 3)
    return F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)[:, 0]


def drawn(ink: Tensor, colour: tuple[int, int, int], paper: tuple[int, int, int]) -> Tensor:
    """Ink (n, h, w) in [0, 1] as compact pictures (n, 3, h, w)."""
    on, under = (torch.tensor(c, dtype=torch.float32)[None, :, None, None] for c in (colour, paper))
    return (ink[:, None] * on + (1 - ink[:, None]) * under).round().byte()


def digits_of(options: argparse.Namespace) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
    """Ink (n, h, w) in [0, 1] and classes of the digits for training and of those for judging."""
    if options.mnist:
        read = lambda part: (idx(options.mnist, f"{part}-images-idx3-ubyte"), idx(options.mnist, f"{part}-labels-idx1-ubyte").astype(np.int64))
        (x, y), (test, test_y) = read("train"), read("t10k")
    else:
        with np.load(options.data) as packed:
            x, y = packed["x"].reshape(len(packed["x"]), *packed["x"].shape[1:3]), packed["y"].astype(np.int64) if "y" in packed else None
        order = np.random.default_rng(options.seed).permutation(len(x))
        x, y, held = x[order], None if y is None else y[order], len(x) // 6
        x, test, y, test_y = x[held:], x[:held], None if y is None else y[held:], None if y is None else y[:held]
    tensors = (torch.from_numpy(array.copy()) if array is not None else None for array in (x, y, test[: options.n], test_y))
    x, y, test, test_y = tensors
    return x / 255, y, test / 255, None if test_y is None else test_y[: options.n]


def known(options: argparse.Namespace, folder: Path) -> dict:
    ink, y, test, test_y = digits_of(options)
    half = min(options.pictures, len(ink) // 2)
    sides = {"a": drawn(ink[:half], WHITE, BLACK), "b": drawn(changed(ink[half : 2 * half]), INK, PAPER)}
    labels = {"a": None if y is None else y[:half], "b": None if y is None else y[half : 2 * half]}
    partners = {"a": drawn(test, WHITE, BLACK), "b": drawn(changed(test), INK, PAPER)}
    recoloured = {"b": drawn(test, INK, PAPER), "a": drawn(changed(test), WHITE, BLACK)}
    run, facts = unpaired_run(sides["a"], sides["b"], ("digits", "others"), options, folder)
    rows, sheets, seen = {}, [], {}
    for direction in run.game.directions:
        here, there = direction.split("2")
        held = {} if test_y is None else {"x": partners[there], "y": test_y}
        extractor = extractor_of(f"known-{there}", sides[there], labels[there], 10 if y is None else int(y.max()) + 1, held, options.steps)
        side = Side(extractor, sides[there], options.n)
        made, back, cycle = there_and_back(run, partners[here], direction, sides[here])
        answers = {
            "cyclegan": made, "copied input": partners[here], "mean picture": mean_of(sides[there], len(test)),
            "the other colours alone": recoloured[there], "true partners": partners[there],
        }  # fmt: skip
        rows[direction] = {}
        for name, x in answers.items():
            row = {} if name == "true partners" else {"psnr": paired.psnr(floats(x), floats(partners[there])).mean()}
            rows[direction][name] = rounded(row | side.judge(x, test_y, "digit kept") | (cycle if name == "cyclegan" else {}))
        seen[there] = extractor.name if not held else f"{extractor.name}, {accuracy(extractor, held, expand):.4f} right"
        sheets.append(sheet([partners[here][:SHOWN], made[:SHOWN], partners[there][:SHOWN]]))
        print(direction, rows[direction], flush=True)
    side_by_side(sheets, options.out)
    about = {"ink": INK, "paper": PAPER, "slant": SLANT, "thicker": "by a pixel on every side"}
    protocol = {"a side": half, "judged": len(test), "tile": list(partners["a"].shape[1:]), "B": about, "extractors": seen}
    return {"data": (options.mnist or options.data).name, "protocol": protocol, "run": facts, "rows": rows}


# ---- unpaired: two classes of photographs


def unpaired(options: argparse.Namespace, folder: Path) -> dict:
    unpack(options.cifar, folder / "cifar.npz")
    with np.load(folder / "cifar.npz") as packed, np.load(options.cifar) as original:
        x, y = torch.from_numpy(packed["x"]).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(packed["y"])
        held = torch.from_numpy(original["split"] == 1)
    numbers = [CLASSES.index(name) for name in options.classes]
    of = lambda number, test: x[(y == number) & (held == test)][: options.n if test else options.pictures]
    extractor = extractor_of("cifar10", x[~held], y[~held], len(CLASSES), {"x": x[held], "y": y[held]}, options.steps)
    run, facts = unpaired_run(*(of(number, False) for number in numbers), tuple(options.classes), options, folder)
    rows, sheets = {}, []
    for direction, (here, there) in zip(run.game.directions, (numbers, numbers[::-1])):
        given, other = of(here, True), of(there, True)
        side = Side(extractor, of(there, False), options.n)
        made, back, cycle = there_and_back(run, given, direction, of(here, False))
        answers = {"cyclegan": made, "copied input": given, "mean picture": mean_of(of(there, False), len(given)), "photographs": other}
        rows[f"{CLASSES[here]} to {CLASSES[there]}"] = row = {
            name: rounded(side.judge(x, torch.tensor(there), "seen as the other class") | (cycle if name == "cyclegan" else {}))
            for name, x in answers.items()
        }
        sheets.append(sheet([given[:SHOWN], made[:SHOWN], back[:SHOWN]]))
        print(direction, row, flush=True)
    side_by_side(sheets, options.out)
    protocol = {"learnt from": [len(of(number, False)) for number in numbers], "judged": [len(of(number, True)) for number in numbers]}
    protocol |= {"extractor": extractor.name, "its accuracy": round(extractor.test_accuracy, 4)}
    return {"data": "CIFAR-10, 32 px, JPEG copy", "classes": options.classes, "protocol": protocol, "run": facts, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    protocols = parser.add_subparsers(dest="protocol", required=True)
    of_pairs, of_digits, of_photographs = (protocols.add_parser(p.__name__) for p in (pix2pix, known, unpaired))
    of_pairs.add_argument("--data", type=Path, required=True)
    of_pairs.add_argument("--side", type=int, default=64)
    of_pairs.add_argument("--answers", nargs="+", choices=list(ANSWERS), default=list(ANSWERS))
    of_pairs.add_argument("--void", type=int, default=11, help="class number that is not judged, -1 for none")
    where = of_digits.add_mutually_exclusive_group(required=True)
    where.add_argument("--mnist", type=Path)
    where.add_argument("--data", type=Path)
    of_photographs.add_argument("--cifar", type=Path, required=True)
    of_photographs.add_argument("--classes", nargs=2, choices=CLASSES, default=["horse", "deer"])
    for one, rounds in ((of_pairs, 8000), (of_digits, 10_000), (of_photographs, 10_000)):
        one.add_argument("--rounds", type=int, default=rounds)
        one.add_argument("--threads", default="auto")
        one.add_argument("--seed", type=int, default=0)
        one.add_argument("-n", type=int, default=2000, help="held-out pictures of a side that are judged, at most")
        one.add_argument("--steps", type=int, help="of the networks that judge, if not their own number")
        one.add_argument("--set", nargs="*", default=[], help="settings, path=value")
        one.add_argument("--out")
    for one in (of_digits, of_photographs):
        one.add_argument("--pictures", type=int, default=10_000, help="of a side for training, at most")
    options = parser.parse_args()
    options.out = options.out or f"benchmarks/results/translation-{options.protocol}.json"
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        result = {"pix2pix": pix2pix, "known": known, "unpaired": unpaired}[options.protocol](options, Path(folder))
    write_result(options.out, {"task": options.protocol, "seed": options.seed, "set": options.set} | result)


if __name__ == "__main__":
    main()
