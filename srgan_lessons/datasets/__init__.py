"""Data sets: the catalogue, downloads, and pictures in memory to train on or to measure with.

- `get("BSDS500")` fetches a set of the catalogue; `verify` checks that it is complete.
- `photos = load_photos(training_folders("BSDS500"))` reads it, or any folder of pictures.
- `pack(folders, "photos.store")` decodes pictures once and writes them to a store, for sets that do not fit into
  memory; `load_photos` also reads stores.
- `training, held_out = photos.split()`; CropSampler then cuts random crops from the training pictures.
- `for name, hr, lr in benchmark("Set5"): ...` goes through the images to measure on.
"""

from srgan_lessons.datasets.catalogue import (
    BenchmarkImage,
    DataSet,
    Status,
    benchmark,
    catalogue,
    find,
    status,
    training_folders,
)
from srgan_lessons.datasets.crops import CropSampler
from srgan_lessons.datasets.leakage import benchmark_hashes, find_benchmark, perceptual_hash
from srgan_lessons.datasets.packing import pack
from srgan_lessons.datasets.photos import Photos, load_photos
from srgan_lessons.datasets.store import Store, open_store
from srgan_lessons.datasets.verification import Verification, get, verify

__all__ = [
    "BenchmarkImage",
    "CropSampler",
    "DataSet",
    "Photos",
    "Status",
    "Store",
    "Verification",
    "benchmark",
    "benchmark_hashes",
    "catalogue",
    "find",
    "find_benchmark",
    "get",
    "load_photos",
    "open_store",
    "pack",
    "perceptual_hash",
    "status",
    "training_folders",
    "verify",
]
