from __future__ import annotations

import pytest

from nst_rt import errors

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.NstError)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_what_where_and_the_cure(kind: type[errors.NstError]) -> None:
    """ImportError and OSError, which some are too, have a `path` or arguments of their own."""
    error = kind("is broken", path="a photo.png", cure="mend it")
    assert (error.what, error.path, error.cure) == ("is broken", "a photo.png", "mend it")
    assert str(error) == "a photo.png: is broken; mend it"


def test_what_lacks_is_known_by_pythons_own_errors() -> None:
    """A handler of ImportError for an optional package must not catch a full GPU."""
    assert issubclass(errors.MissingExtraError, ImportError)
    assert issubclass(errors.OutOfMemoryError, MemoryError)
    assert not issubclass(errors.OutOfMemoryError, ImportError)
    assert not issubclass(errors.ProviderError, ImportError)
