"""Painting smaller where it is too slow, and larger again only where that will last."""

from __future__ import annotations

from nst_rt.video.live.working_sizes import WorkingSizes


def simulate(largest: int, seconds: float, cost, rate: float = 30.0, **options):
    """Paint for so long; `cost` gives the seconds of a paint from long side and time."""
    told: list[str] = []
    sizes = WorkingSizes(largest, told.append, **options)
    now, history = 0.0, []
    while now < seconds:
        took = cost(sizes.long_side, now)
        now += max(took, 1 / rate)
        history.append((now, sizes.long_side))
        sizes.painted(took, now, rate)
    return history, told


def steady(size: int, now: float) -> float:
    return 0.1 * (size / 1280) ** 2


def test_it_goes_straight_to_the_size_that_fits() -> None:
    history, told = simulate(1280, 20, steady)
    assert {size for _, size in history} == {1280, 640}
    assert told == [
        "painting at 640 pixels instead of 1280, which takes 100 ms when a frame lasts 33"
    ]
    assert next(now for now, size in history if size == 640) < 1.5


def test_what_fits_stays_and_nothing_is_told() -> None:
    history, told = simulate(640, 20, steady)
    assert {size for _, size in history} == {640}
    assert told == []


def test_fixed_size_stays_whatever_it_costs() -> None:
    history, told = simulate(1280, 20, steady, fixed=True)
    assert {size for _, size in history} == {1280}
    assert told == []


def test_a_single_slow_frame_changes_nothing() -> None:
    _, told = simulate(640, 30, lambda size, now: 0.5 if int(now * 2) % 8 == 3 else 0.02)
    assert told == []


def test_it_returns_when_the_machine_is_free_again() -> None:
    def cost(size: int, now: float) -> float:
        return 0.02 * (size / 640) ** 2 * (3 if now < 10 else 1)

    history, told = simulate(640, 60, cost)
    assert next(size for now, size in history if now > 9) == 416
    assert history[-1][1] == 640
    assert "again: there is time for it" in told[-1]
    back = [now for now, size in history if size > 416 and now > 10]
    assert back[0] > 15  # not at once: it has to have lasted


def test_a_step_up_that_fails_is_tried_ever_more_rarely() -> None:
    # foretold by pixels the next step fits; in truth it does not
    def treacherous(size: int, now: float) -> float:
        return 0.015 if size <= 512 else 0.05

    _, told = simulate(640, 400, treacherous)
    raised = [line for line in told if "640 pixels again" in line]
    assert 2 <= len(raised) <= 7


def test_smallest_size_that_is_too_slow_is_told_once() -> None:
    history, told = simulate(640, 60, lambda size, now: 0.2)
    assert history[-1][1] == 256
    assert [line for line in told if "smallest" in line] == [
        "painting takes 200 ms at 256 pixels, the smallest size: frames are dropped"
    ]


def test_nobody_knows_the_rate_yet() -> None:
    told: list[str] = []
    sizes = WorkingSizes(640, told.append)
    for moment in range(100):
        sizes.painted(1.0, float(moment), None)
    assert (sizes.long_side, told) == (640, [])
