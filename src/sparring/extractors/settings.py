"""Settings of extractors that are trained on the user's data. Torch-free."""

from typing import Annotated

from pydantic import Field

from sparring.base.settings import Auto, Rule, Settings


class Augmentation(Settings):
    """Random affine changes that keep a picture's meaning. Each is drawn evenly between minus and plus its value; nothing is mirrored."""

    rotation: float = Field(10.0, ge=0)
    """degrees"""
    scale: float = Field(0.1, ge=0)
    """natural logarithm of the size"""
    stretch: float = Field(0.1, ge=0)
    """natural logarithm of width over height"""
    shear: float = Field(0.15, ge=0)
    """sideways shift of the top edge, in half heights"""
    shift: float = Field(0.1, ge=0)
    """in half widths and half heights"""


class Classifier(Settings):
    """Training of the classifier whose features judge labelled pictures."""

    steps: Annotated[Annotated[int, Field(gt=0)] | Auto, Rule("3 times the data, at least 800 steps and at most 6,000")] = "auto"
    """moves of the optimizer"""
    batch: int = Field(64, gt=1)
    """pictures a step"""
    learning_rate: float = Field(4e-3, gt=0)
    """at the peak of one cycle"""
    smoothing: float = Field(0.1, ge=0, lt=1)
    """of the labels"""
    augmentation: Augmentation = Augmentation()
    """random changes of the pictures"""


class SelfSupervised(Settings):
    """Training of the network whose features judge pictures without labels."""

    steps: int = Field(400, gt=0)
    """moves of the optimizer"""
    batch: int = Field(128, gt=1)
    """pictures a step, each seen twice"""
    learning_rate: float = Field(2e-3, gt=0)
    """at the peak of one cycle"""
    temperature: float = Field(0.2, gt=0)
    """of the contrast between pictures"""
    augmentation: Augmentation = Augmentation(rotation=20, scale=0.2, stretch=0.2, shear=0.3, shift=0.2)
    """random changes of the pictures: what the features become blind to"""
    bending: float = Field(0.12, gt=0)
    """how far places are moved in the bent pictures that the features learn to tell from straight ones: deviation in half sides"""
