"""Photo files, arrays and tensors: three forms of the same picture.

A file on disk, an array uint8 (H, W, 3) in 0..255, and a float tensor (N, 3, H, W) in [0, 1]. `arrays.py` takes a
picture in any form (`check_image`), and leads from arrays to tensors and back; `formats.py` knows the kinds of files,
`reading.py` opens them, `picture.py` is what is kept of one, `depth.py` brings every bit depth to 8, `metadata.py`
keeps date, camera and resolution, `writing.py` saves, and `samples.py` has photos to begin with.
"""

from srgan_lessons.images.arrays import AnyPicture, check_image, take_pictures, to_image, to_tensor
from srgan_lessons.images.formats import SUFFIXES, WRITABLE, pictures_in
from srgan_lessons.images.picture import Picture
from srgan_lessons.images.reading import load_image, read_picture, upright_size
from srgan_lessons.images.samples import sample_photos
from srgan_lessons.images.writing import check_target, save_image

__all__ = [
    "SUFFIXES",
    "WRITABLE",
    "AnyPicture",
    "Picture",
    "check_image",
    "check_target",
    "load_image",
    "pictures_in",
    "read_picture",
    "sample_photos",
    "save_image",
    "take_pictures",
    "to_image",
    "to_tensor",
    "upright_size",
]
