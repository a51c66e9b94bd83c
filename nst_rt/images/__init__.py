PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png"}


class _P:
    alpha = None


def read_picture(f):
    from PIL import Image
    import numpy as np

    p = _P()
    p.rgb = np.asarray(Image.open(f).convert("RGB"))
    return p
