from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_rt.errors import InputError, UsageError
from nst_train.photo_files import find_photos
from nst_train.photos import CropBatches, CropPool
from tests.users import ordinary_user


def bomb() -> bytes:
    """Return a PNG of a few hundred bytes whose header claims 30,000 pixels a side."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def encoded(mode: str, kind: str) -> bytes:
    random = np.random.default_rng(0)
    picture = Image.fromarray(random.integers(0, 256, (48, 56, 3), np.uint8)).convert(mode)
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def pool(folder: Path, *, max_bad: float = 1.0, cache_bytes: int = 0, seed: int = 0) -> CropPool:
    return CropPool(
        folder, size=32, crops_per_photo=2, seed=seed, max_bad=max_bad, cache_bytes=cache_bytes
    )


@pytest.mark.parametrize(
    ("mode", "kind", "name"),
    [
        ("CMYK", "JPEG", "cmyk.jpg"),
        ("L", "JPEG", "gray.jpg"),
        ("RGBA", "PNG", "rgba.png"),
        ("P", "PNG", "palette.png"),
        ("1", "PNG", "black-and-white.png"),
    ],
)
def test_photos_of_every_mode_become_rgb(tmp_path: Path, mode: str, kind: str, name: str) -> None:
    (tmp_path / name).write_bytes(encoded(mode, kind))
    crops = pool(tmp_path)
    crop = crops.crop(0)
    assert (crop.shape, crop.dtype) == ((32, 32, 3), np.uint8)
    assert crop.std() > 10
    assert not crops.bad


def test_damaged_photos_are_skipped_counted_and_listed(photos: Path) -> None:
    whole = encoded("RGB", "JPEG")
    bad = {
        "a-truncated.jpg": whole[: len(whole) // 2],
        "b-corrupt.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "c-text.jpg": b"no picture at all",
        "d-empty.png": b"",
        "e-bomb.png": bomb(),
    }
    for name, data in bad.items():
        (photos / name).write_bytes(data)
    crops = pool(photos)
    for index in range(len(crops)):
        assert crops.crop(index).shape == (32, 32, 3)
    assert {Path(name).name for name in crops.bad} == set(bad)
    assert "178,000,000 pixels" in crops.bad[str(photos / "e-bomb.png")]


def test_too_many_damaged_photos_stop_with_their_share_and_names(photos: Path) -> None:
    for index in range(2):
        (photos / f"a{index}.jpg").write_bytes(b"x")
    crops = pool(photos, max_bad=0.3)
    crops.crop(0)  # passes over two of seven
    with pytest.raises(InputError, match=r"2 of 7 photos cannot be read \(a0.jpg, a1.jpg\)"):
        pool(photos, max_bad=0.1).crop(0)


def test_the_first_damaged_photo_stops_where_none_is_forgiven(photos: Path) -> None:
    (photos / "a.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match=r"1 of 6 photos.*raise max_bad .--max-bad"):
        pool(photos, max_bad=0).crop(0)


def test_not_one_readable_photo_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match="not one photo can be read"):
        pool(tmp_path).crop(0)


def test_folders_without_photos_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no photos; expected files ending in .*\.jpg"):
        find_photos(tmp_path)
    file = tmp_path / "notes.txt"
    file.write_text("x")
    with pytest.raises(UsageError, match="not a readable folder") as caught:
        find_photos(file)
    assert caught.value.exit_code == 2
    with pytest.raises(UsageError, match="not a readable folder"):
        find_photos(tmp_path / "nowhere")


def test_folder_that_may_not_be_read_is_refused_at_once(photos: Path, monkeypatch) -> None:
    monkeypatch.chdir(photos.parent)
    photos.chmod(0o755), photos.parent.chmod(0o755)
    with ordinary_user():
        assert len(find_photos(Path("photos"))) == 5
    photos.chmod(0)
    with ordinary_user(), pytest.raises(UsageError, match="Permission denied"):
        find_photos(Path("photos"))
    photos.chmod(0o755)


def test_sub_folders_count_and_what_is_no_file_does_not(photos: Path) -> None:
    below = photos / "more" / "folder.png"
    below.mkdir(parents=True)
    (below / "UPPER.JPG").write_bytes(encoded("RGB", "JPEG"))
    (photos / "dangling.png").symlink_to(photos / "nowhere")
    (photos / "notes.txt").write_text("x")
    names = [str(path.relative_to(photos)) for path in find_photos(photos)]
    assert names == ["more/folder.png/UPPER.JPG", *(f"photo-{index}.png" for index in range(5))]


def test_small_photos_are_enlarged_and_counted(tmp_path: Path) -> None:
    for index, size in enumerate([(1, 1), (9, 200), (31, 32), (40, 40)]):
        Image.new("RGB", size, (9, 90, 200)).save(tmp_path / f"{index}.png")
    crops = pool(tmp_path)
    for index in range(len(crops)):
        assert crops.crop(index).shape == (32, 32, 3)
    assert {Path(name).name for name in crops.enlarged} == {"0.png", "1.png", "2.png"}


def test_crops_are_fixed_and_cut_from_different_places(photos: Path) -> None:
    one, two = pool(photos), pool(photos)
    crops = [one.crop(index) for index in range(len(one))]
    for index in reversed(range(len(two))):  # whatever was asked for before
        assert np.array_equal(two.crop(index), crops[index])
    assert not np.array_equal(crops[0], crops[1])
    assert any(
        not np.array_equal(pool(photos, seed=1).crop(index), crops[index])
        for index in range(len(crops))
    )


def test_half_of_the_crops_are_mirrored(tmp_path: Path) -> None:
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None], (40, 64, 3))
    Image.fromarray(np.ascontiguousarray(ramp)).save(tmp_path / "ramp.png")
    slopes = [int(pool(tmp_path).crop(index)[0, :2, 0].astype(int) @ [-1, 1]) for index in (0, 1)]
    assert slopes == [1, -1]


def test_photos_are_decoded_once_while_memory_lasts(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = pool(photos, cache_bytes=3 * 32 * 32 * 3 + 1)
    assert crops.kept_bytes == 3 * 32 * 32 * 3
    first = [crops.crop(index) for index in range(len(crops))]
    read: list[int] = []
    again = crops._read
    monkeypatch.setattr(crops, "_read", lambda index: [read.append(index), again(index)][1])
    for index, crop in enumerate(first):
        assert np.array_equal(crops.crop(index), crop)
    assert read == list(range(3, len(crops)))
    assert pool(photos, cache_bytes=10**9).kept_bytes == len(crops) * 32 * 32 * 3


def test_every_crop_comes_once_in_an_epoch_and_epochs_differ(photos: Path) -> None:
    batches = CropBatches(pool(photos), batch=2, seed=3)
    epochs = [
        [index for step in range(start, start + 5) for index in batches.indices(step)]
        for start in (0, 5)
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(10))
    assert epochs[0] != epochs[1]


def test_a_batch_depends_on_seed_and_step_alone(photos: Path) -> None:
    def read(workers: int, start: int = 0, seed: int = 3) -> list[tuple[int, ...]]:
        batches = CropBatches(pool(photos, seed=seed), batch=3, seed=seed, workers=workers)
        with batches.prefetched(start, 9) as ahead:
            loaded = list(ahead)
        for step, batch in enumerate(loaded, start):
            assert np.array_equal(batch.images, batches.load(step).images)
        return [batch.indices for batch in loaded]

    assert read(0) == read(1) == read(4)
    assert read(4, start=6) == read(0)[6:]
    assert read(0, seed=4) != read(0)


def test_an_error_while_reading_ahead_reaches_the_reader(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    batches = CropBatches(pool(tmp_path), batch=1, seed=0, workers=2)
    with batches.prefetched(0, 3) as ahead, pytest.raises(InputError, match="not one photo"):
        next(ahead)


def test_identity_tells_other_files_and_other_cuts(photos: Path) -> None:
    before = pool(photos).identity
    assert pool(photos).identity == before
    assert pool(photos, seed=1).identity != before
    (photos / "photo-0.png").rename(photos / "photo-00.png")
    assert pool(photos).identity != before


def test_paintings_beside_their_photos_are_not_learnt_from(tmp_path: Path) -> None:
    for name in ("a.jpg", "a-great-wave.jpg", "my-great-wave.jpg", "b.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    names = [file.name for file in find_photos(tmp_path)]
    assert names == ["a.jpg", "b.png", "my-great-wave.jpg"]
