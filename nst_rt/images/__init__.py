"""Reading, writing and resizing of pictures: files, colour, orientation, working size."""

from nst_rt.images.arrays import as_rgb_array, buffer_shape, check_out
from nst_rt.images.blank import is_blank
from nst_rt.images.detail import restore_detail, shrink, working_size
from nst_rt.images.formats import FOUND_SUFFIXES, PICTURE_SUFFIXES, format_of
from nst_rt.images.limits import (
    DEFAULT_MAX_PIXELS,
    PictureLimits,
    allowed_memory,
    check_memory,
    check_pixels,
)
from nst_rt.images.mark import is_marked, mark
from nst_rt.images.mixing import blend, keep_color, lay_on
from nst_rt.images.picture import Metadata, Picture
from nst_rt.images.reading import from_pil, read_picture
from nst_rt.images.writing import check_fits, encode_picture, to_pil, write_picture

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "FOUND_SUFFIXES",
    "PICTURE_SUFFIXES",
    "Metadata",
    "Picture",
    "PictureLimits",
    "allowed_memory",
    "as_rgb_array",
    "blend",
    "buffer_shape",
    "check_fits",
    "check_memory",
    "check_out",
    "check_pixels",
    "encode_picture",
    "format_of",
    "from_pil",
    "is_blank",
    "is_marked",
    "keep_color",
    "lay_on",
    "mark",
    "read_picture",
    "restore_detail",
    "shrink",
    "to_pil",
    "working_size",
    "write_picture",
]
