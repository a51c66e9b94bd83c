"""The tree of errors; every message gives what, why and the cure in one line.

NstError
├── InputError            a picture, painting or folder cannot be used
│   ├── LimitError        larger than the limit that was set
│   └── UnsafeError       would access other files or the network
├── UsageError            options are unknown, or do not fit together
├── ModelError            a model file, checkpoint or export was refused
│   ├── ParityError       an exported model does not paint like its network
│   └── SizeError         an engine does not take a picture of this size; an InputError too
├── ProviderError         an asked-for device, engine or extra cannot be used
│   ├── MissingExtraError a package is not installed, or does not load
│   └── OutOfMemoryError  a device has too little memory
├── OutputError           a result cannot be written
└── ClosedError           used after close()
"""

from __future__ import annotations

from os import PathLike, fsdecode


class NstError(Exception):
    """Base of the errors that a caller can act on; `exit_code` is for the command line."""

    exit_code = 1

    def __init__(
        self, what: str, *, path: str | bytes | PathLike[str] | None = None, cure: str = ""
    ) -> None:
        place = f"{shown(path)}: " if path is not None else ""
        super().__init__(f"{place}{what}" + (f"; {cure}" if cure else ""))
        self.what = what
        self.path = path  # after ImportError's own initialization, which would clear it
        self.cure = cure


class InputError(NstError, ValueError):
    """A picture, painting or folder cannot be used."""

    exit_code = 3


class LimitError(InputError):
    """A picture is larger than the limit that was set."""


class UnsafeError(InputError):
    """A file would access other files or the network."""


class UsageError(NstError, ValueError):
    """Options are unknown, or do not fit together."""

    exit_code = 2


class ModelError(NstError):
    """A model file, checkpoint or perceptual network was refused."""

    exit_code = 4


class ParityError(ModelError):
    """An exported model does not paint like the network that it came from."""


class SizeError(ModelError, InputError):
    """An engine does not take a picture of this size: others may still be painted."""


class ProviderError(NstError):
    """An asked-for device, engine or extra cannot be used."""

    exit_code = 5


class MissingExtraError(ProviderError, ImportError):  # type: ignore[misc]  # both name a path
    """A package that is needed is not installed, or does not load."""


class OutOfMemoryError(ProviderError, MemoryError):
    """A device has too little memory for a picture, or for a model."""

    def __init__(
        self,
        what: str = "more memory is needed than there is",
        *,
        path: str | bytes | PathLike[str] | None = None,
        cure: str = "choose a smaller size (--size)",
    ) -> None:
        super().__init__(what, path=path, cure=cure)


class OutputError(NstError, OSError):
    """A result cannot be written."""

    exit_code = 6

    @classmethod
    def from_error(
        cls, error: Exception, path: str | bytes | PathLike[str], *, cure: str = ""
    ) -> OutputError:
        """Return the error for a file that could not be written because of `error`."""
        why = getattr(error, "strerror", None) or error
        return cls(f"cannot be written ({why})", path=path, cure=cure)


class ClosedError(NstError, RuntimeError):
    """Used after `close()`."""


def shown(path: str | bytes | PathLike[str]) -> str:
    """Return a path as one printable line; control and undecodable characters are escaped."""
    text = fsdecode(path)
    return text if text.isprintable() else ascii(text)[1:-1]
