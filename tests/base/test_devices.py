"""What `auto` becomes on a machine."""

import pytest

from sparring.base import devices
from sparring.base.devices import Hardware


@pytest.mark.parametrize(("half", "pictures", "fine", "precision"), [
    (True, True, False, "bf16"), (True, False, False, "bf16"), (True, False, True, "fp32"), (False, True, False, "fp32"),
])  # fmt: skip
def test_precision_is_what_the_machine_has_and_the_data_bear(monkeypatch, half, pictures, fine, precision):
    monkeypatch.setattr(devices, "has_bf16", lambda device: half)
    found, why = devices.resolve(Hardware(device="cpu", threads=1), pictures=pictures, fine=fine)
    assert (found.precision, found.channels_last) == (precision, pictures)
    assert ("blur" in why["precision"]) == fine and "auto" not in found.model_dump().values()


def test_what_is_said_stays():
    told = Hardware(device="cpu", threads=1, precision="bf16", channels_last=False)
    assert devices.resolve(told, pictures=True, fine=True) == (told, {})
