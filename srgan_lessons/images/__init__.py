"""Photo files, arrays and tensors: three forms of the same picture.

The forms are a file on disk, an array uint8 (H, W, 3) in 0..255, and a float tensor (N, 3, H, W) in [0, 1]. `arrays.py`
accepts a picture in any form (`check_image`) and converts arrays to tensors and back; `formats.py` lists the kinds of
files, `reading.py` reads them, `picture.py` describes a decoded file, `depth.py` reduces every bit depth to 8,
`metadata.py` keeps date, camera and resolution, `writing.py` saves, and `samples.py` has photos to start with.
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
