"""Photo files, arrays and tensors: three forms of the same picture.

A file on disk, an array uint8 (H, W, 3) in 0..255, and a float tensor (N, 3, H, W) in [0, 1].
"""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from torch import Tensor

from srgan_lessons import UserError
from srgan_lessons.files import atomic

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded picture file with what must not be lost on the way to the enlarged file.

    rgb: uint8 (H, W, 3), upright, whatever the EXIF orientation of the file.
    alpha: uint8 (H, W), or None where the file has no transparency.
    grey: True if the file holds one channel of grey (then R = G = B).
    icc_profile: the colour profile that the numbers refer to, or None for sRGB.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    icc_profile: bytes | None = None


def read_picture(path: str | Path) -> Picture:
    """Reads a picture file of any common kind.

    Palettes are looked up, CMYK is converted to sRGB (by its profile, if it has one), EXIF rotation is applied, and 16
    bits a channel become 8 with a warning. Of a phone's multi-picture JPEG the photo is taken, with a warning that its
    extra picture (a gain or depth map) is not. Raises UserError for a missing, empty, cut-off or undecodable file, for
    an animation or a file with several pages, of which only one could be kept, and for Lab or floating-point numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} is not a file. Check the name; a folder cannot be read as a picture.")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty (0 bytes). Copy or download it again.")
    try:
        with Image.open(path) as image:
            if image.format == "MPO":  # what many phones write and name .jpg
                warnings.warn(f"{path}: a multi-picture JPEG; only its first picture, the photo, is read", stacklevel=2)
            elif getattr(image, "n_frames", 1) > 1:
                raise UserError(f"{path} holds {image.n_frames} frames. Save the frame that you want as a PNG.")
            kind = _Kind(image, path)
            image.load()
            return _decode(image, path, kind)
    except UnidentifiedImageError:
        raise UserError(
            f"{path} is not a picture that can be read here (a text file with a wrong ending, or an unknown format). "
            "Save it as PNG or JPEG."
        ) from None
    except Image.DecompressionBombError as error:
        raise UserError(f"{path} is too large to be opened safely ({error}). Cut it into parts.") from None
    except UserError:
        raise
    except (OSError, SyntaxError, EOFError, ValueError, struct.error, zlib.error) as error:
        # What Pillow raises for cut-off or broken data
        raise UserError(f"{path} is damaged or cut off ({error}). Copy or download it again.") from None


class _Kind:
    """What Pillow's mode does not tell of a file that it has opened and not yet decoded."""

    def __init__(self, image: Image.Image, path: Path):
        self.deep = image.mode.startswith("I") or image.mode == "F"  # 16 bits a channel or more
        self.grey = image.mode in ("1", "L", "LA", "La")
        self.inverted = False
        if image.format == "PNG":  # Pillow reduces 16-bit colour to 8 by itself, and gives 16-bit LA as RGBA
            with open(path, "rb") as file:
                depth, colour = file.read(26)[24:]  # PNG standard, IHDR: bit depth and colour type
            self.deep, self.grey = depth == 16, colour in (0, 4)
        elif image.format == "TIFF":
            self.deep |= 16 in image.tag_v2.get(258, ())  # TIFF 6.0: BitsPerSample
            white_is_zero = image.tag_v2.get(262) == 0  # PhotometricInterpretation; 8-bit files are inverted by Pillow
            self.inverted = white_is_zero and image.mode.startswith("I")


def _decode(image: Image.Image, path: Path, kind: _Kind) -> Picture:
    profile = image.info.get("icc_profile")
    transparent_level = image.info.get("transparency")
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise UserError(f"{path} holds floating-point numbers, whose white is not defined. Save it with 8 or 16 bits.")
    if image.mode == "LAB":
        raise UserError(f"{path} holds Lab colours, which few programs write alike. Save it as RGB.")
    if kind.deep:
        warnings.warn(f"{path}: 16 bits a channel were reduced to 8, which is what the networks work in", stacklevel=3)
    if image.mode.startswith("I"):  # "I;16", in older Pillow "I"
        levels = np.asarray(image).astype(np.int64)  # (H, W), 0..65535
        if levels.min() < 0 or levels.max() > 65535:
            raise UserError(f"{path} holds values outside 0..65535. Save it with 8 or 16 bits a channel.")
        grey = (((65535 - levels if kind.inverted else levels) + 128) // 257).astype(np.uint8)
        alpha = None
        if transparent_level is not None:
            alpha = np.where(levels == transparent_level, 0, 255).astype(np.uint8)
        return Picture(rgb=np.stack([grey] * 3, axis=-1), alpha=alpha, grey=True, icc_profile=profile)
    if kind.deep and image.mode == "RGB" and transparent_level is not None:
        raise UserError(f"{path} marks one 16-bit colour as transparent, which 8 bits cannot tell. Save it as RGBA.")
    if image.mode in ("CMYK", "YCbCr"):
        return Picture(rgb=np.asarray(_to_srgb(image, profile, path)))
    transparent = "A" in image.mode or "a" in image.mode or "transparency" in image.info
    if transparent:
        rgba = np.asarray(image.convert("RGBA"))
        alpha = rgba[..., 3].copy() if rgba[..., 3].min() < 255 or image.mode != "P" else None
        return Picture(rgb=rgba[..., :3].copy(), alpha=alpha, grey=kind.grey, icc_profile=profile)
    return Picture(rgb=np.asarray(image.convert("RGB")), grey=kind.grey, icc_profile=profile)


def _to_srgb(image: Image.Image, profile: bytes | None, path: Path) -> Image.Image:
    """CMYK and its kin to sRGB: by the embedded profile where there is one, else by the plain formula."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError) as error:  # OSError: the profile itself cannot be parsed
            warnings.warn(f"{path}: its colour profile cannot be used ({error}); plain conversion", stacklevel=4)
    return image.convert("RGB")


def load_image(path: str | Path) -> np.ndarray:
    """The picture in a file as uint8 (H, W, 3). Transparency is left out; `read_picture` keeps it.

    Raises UserError as `read_picture` does.
    """
    return read_picture(path).rgb


def save_image(path: str | Path, image: np.ndarray | Picture) -> None:
    """Writes uint8 (H, W, 3) or (H, W), or a Picture, in the format that the file name's ending asks for.

    The file is complete or not there at all. JPEG is written at quality 95 without chroma subsampling, WebP without
    loss. Raises UserError for an unknown ending, a full disk, or a format that cannot hold the picture's size, its
    transparency or its colour profile.
    """
    path = Path(path)
    picture = image if isinstance(image, Picture) else Picture(rgb=check_image(image), grey=np.ndim(image) == 2)
    height, width = picture.rgb.shape[:2]
    check_target(path, height, width, alpha=picture.alpha is not None, profile=picture.icc_profile is not None)
    lossy = path.suffix.lower() in (".jpg", ".jpeg")
    pixels = picture.rgb[..., 0] if picture.grey else picture.rgb
    if picture.alpha is not None:
        pixels = np.dstack([pixels, picture.alpha])  # (H, W, 2) or (H, W, 4)
    options = {"icc_profile": picture.icc_profile} if picture.icc_profile else {}
    options |= {"quality": 95, "subsampling": 0} if lossy else {}
    options |= {"lossless": True} if path.suffix.lower() == ".webp" else {}
    with atomic(path) as temporary:
        kind = Image.registered_extensions()[path.suffix.lower()]
        Image.fromarray(np.ascontiguousarray(pixels)).save(temporary, format=kind, **options)


# The longest side that a format or Pillow's writer of it allows, in pixels.
_LONGEST_SIDE = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383}


def check_target(path: str | Path, height: int, width: int, *, alpha: bool = False, profile: bool = False) -> None:
    """Raises UserError where `save_image` could not write such a picture to such a file name.

    To be asked before hours of work. height, width: in pixels. alpha, profile: whether it has transparency or a colour
    profile.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in SUFFIXES:
        raise UserError(f"{path}: the ending {path.suffix or '(none)'} is not one of {' '.join(SUFFIXES)}.")
    if alpha and ending in (".jpg", ".jpeg", ".bmp"):
        raise UserError(f"{path}: this format has no transparency, and the picture has. Write a .png instead.")
    if profile and ending == ".bmp":
        raise UserError(f"{path}: this format has no colour profile, and the picture has. Write a .png instead.")
    if max(height, width) > _LONGEST_SIDE.get(ending, 2**31 - 1):
        raise UserError(
            f"{path}: this format ends at {_LONGEST_SIDE[ending]} pixels a side, the picture has {width} x {height}. "
            "Write a .png instead."
        )
    if path.is_dir():
        raise UserError(f"{path} is a folder; a file name is needed.")


def check_image(image: np.ndarray) -> np.ndarray:
    """The same picture as uint8 (H, W, 3); grey (H, W) becomes R = G = B. Raises UserError for anything else."""
    image = np.asarray(image)
    if image.dtype != np.uint8:
        raise UserError(
            f"a picture must be uint8 in 0..255, this array is {image.dtype}. For floats in [0, 1] use to_image."
        )
    if image.ndim == 2 and image.size:
        return np.stack([image] * 3, axis=-1)
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise UserError(f"a picture must be of shape (H, W, 3) or (H, W), this array is {image.shape}.")
    return image


def to_tensor(image: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) or (H, W) in 0..255 -> float32 (1, 3, H, W) in [0, 1]."""
    pixels = torch.from_numpy(np.array(check_image(image)))  # (H, W, 3)
    return pixels.permute(2, 0, 1).unsqueeze(0).float() / 255  # (1, 3, H, W)


def to_image(tensor: Tensor) -> np.ndarray:
    """float (1, 3, H, W) or (3, H, W) -> uint8 (H, W, 3): clipped to [0, 1], rounded half up.

    Raises UserError for another shape: a batch is several pictures, give them one by one.
    """
    if tensor.ndim == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.ndim != 3 or tensor.shape[0] != 3:
        raise UserError(f"to_image takes one picture, (3, H, W) or (1, 3, H, W); this tensor is {tuple(tensor.shape)}.")
    levels = (tensor.detach().float().clamp(0, 1) * 255 + 0.5).floor()  # (3, H, W), 0..255
    return levels.to(torch.uint8).permute(1, 2, 0).cpu().numpy()  # (H, W, 3)


# Photographs, not diagrams, among the files that scikit-image carries in its wheel.
_COLOUR = ("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field", "immunohistochemistry", "retina")
_GREY = ("camera", "brick", "grass", "gravel", "coins", "moon")


@cache
def _sample_photos() -> dict[str, np.ndarray]:
    from skimage import data  # takes a second to import

    photos = {name: getattr(data, name)() for name in (*_COLOUR, *_GREY)}
    photos["motorcycle"] = data.stereo_motorcycle()[0]
    return {name: check_image(photo) for name, photo in sorted(photos.items())}


def sample_photos() -> dict[str, np.ndarray]:
    """Fourteen photos that come with scikit-image: name -> uint8 (H, W, 3). No network is needed.

    Grey ones are given as R = G = B. Licences: public domain or CC0, see scikit-image's data/README.txt.
    """
    return {name: photo.copy() for name, photo in _sample_photos().items()}
