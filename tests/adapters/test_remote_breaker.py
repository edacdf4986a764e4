"""When a failing server is left alone, and when it is asked again."""

from __future__ import annotations

from frontdesk.adapters.remote.breaker import IN_A_ROW, REST_S, WINDOW, Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def is_open(breaker: Breaker) -> bool:
    return breaker.open


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(IN_A_ROW):
        assert breaker.allow()
        breaker.record(success=False)
    assert is_open(breaker)
    return breaker


def test_it_opens_after_failures_in_a_row_and_not_before() -> None:
    breaker = Breaker(Clock())
    for success in (False, False, False, False, True, False, False, False, False):
        breaker.record(success=success)
    assert not is_open(breaker)
    breaker.record(success=False)
    assert is_open(breaker)
    assert not breaker.allow()


def test_it_opens_when_half_of_the_last_ones_failed() -> None:
    breaker = Breaker(Clock())
    for at in range(WINDOW - 1):
        breaker.record(success=at % 2 == 0)
        assert not is_open(breaker)
    breaker.record(success=False)
    assert is_open(breaker)


def test_less_than_half_is_endured() -> None:
    breaker = Breaker(Clock())
    for at in range(10 * WINDOW):
        breaker.record(success=at % 5 not in (1, 3))
    assert not is_open(breaker)


def test_one_probe_at_a_time_until_one_succeeds() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += REST_S
    assert [breaker.allow() for _ in range(3)] == [True, False, False]
    breaker.record(success=False)
    assert is_open(breaker)
    clock.now += REST_S / 2
    assert not breaker.allow()
    clock.now += REST_S / 2
    assert breaker.allow()
    breaker.record(success=True)
    assert not is_open(breaker)
    assert all(breaker.allow() for _ in range(3))


def test_a_fresh_start_forgets_the_old_failures() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += REST_S
    breaker.allow()
    breaker.record(success=True)
    for _ in range(IN_A_ROW - 1):
        breaker.record(success=False)
    assert not is_open(breaker)


def test_a_probe_that_was_never_heard_of_again_blocks_nobody_for_long() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += REST_S
    assert breaker.allow()
    clock.now += REST_S
    assert breaker.allow()
