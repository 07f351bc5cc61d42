"""Shared by all tests: one thread, a cache of their own, no user configuration."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Tests never read or fill the user's cache."""
    os.environ["SPARRING_CACHE"] = str(tmp_path_factory.mktemp("cache"))
