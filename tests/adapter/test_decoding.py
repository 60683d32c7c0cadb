"""How many pictures are decoded at once."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
from PIL import Image

from adapter.deadline import Deadline
from adapter.decoding import AT_ONCE, LARGE_PX, DecodingRoom
from adapter.http.turns import Turns
from model_store.errors import BadImage, ImageTooLarge, Overloaded
from model_store.images.limits import ImageLimits
from tests.model_store.pictures import encode, png_claiming, three

SMALL = encode(three())
LARGE = encode(Image.new("L", (2001, LARGE_PX // 2000)))


LONG = Deadline.after(600)


def waiter(room: DecodingRoom, picture: bytes) -> tuple[threading.Thread, threading.Event]:
    """A thread that wants room, and whether it has had it."""
    had = threading.Event()

    def want() -> None:
        with room.take(picture, LONG):
            had.set()

    thread = threading.Thread(target=want)
    thread.start()
    return thread, had


def test_a_large_picture_waits_for_another_and_small_ones_pass_it():
    room = DecodingRoom(ImageLimits())
    with room.take(LARGE, LONG):
        waiting, had = waiter(room, LARGE)
        for _ in range(2 * AT_ONCE):
            with room.take(SMALL, LONG):
                assert not had.is_set()
    waiting.join(30)
    assert had.is_set()


def test_a_large_picture_that_waits_leaves_its_turn_to_work_to_others():
    turns, begun = Turns(1), threading.Event()
    room = DecodingRoom(ImageLimits(), turns.resting)

    def work() -> None:
        with turns.working(LONG):
            begun.set()
            with room.take(LARGE, LONG):
                pass

    waiting = threading.Thread(target=work)
    with room.take(LARGE, LONG):
        waiting.start()
        begun.wait(30)
        with turns.working(Deadline.after(30)), room.take(SMALL, LONG):
            pass
    waiting.join(30)
    with turns.working(LONG), pytest.raises(Overloaded), turns.working(Deadline.after(0.01)):
        pass


def test_there_is_room_for_so_many_and_no_more():
    room = DecodingRoom(ImageLimits())
    with ExitStack() as held:
        for _ in range(AT_ONCE):
            held.enter_context(room.take(SMALL, LONG))
        waiting, had = waiter(room, SMALL)
        waiting.join(0.1)
        assert not had.is_set()
    waiting.join(30)
    assert had.is_set()


@pytest.mark.parametrize("picture", [LARGE, SMALL])
def test_nobody_waits_for_room_longer_than_the_caller_waits(picture):
    room = DecodingRoom(ImageLimits())
    with ExitStack() as held:
        held.enter_context(room.take(LARGE, LONG))
        for _ in range(AT_ONCE - 1):
            held.enter_context(room.take(SMALL, LONG))
        waits = room.take(picture, Deadline.after(0.05))
        with pytest.raises(Overloaded, match="pictures at once; try again"), waits:
            pass
    for _ in range(2 * AT_ONCE):
        with room.take(LARGE, LONG):
            pass


def test_who_fails_leaves_the_room():
    room = DecodingRoom(ImageLimits())
    for _ in range(2 * AT_ONCE):
        with pytest.raises(ZeroDivisionError), room.take(LARGE, LONG):
            raise ZeroDivisionError


@pytest.mark.parametrize(
    ("picture", "error"),
    [(b"drawing", BadImage), (png_claiming(50_000, 50_000), ImageTooLarge)],
)
def test_what_will_be_refused_does_not_wait(picture, error):
    room = DecodingRoom(ImageLimits())
    with ExitStack() as held:
        for _ in range(AT_ONCE):
            held.enter_context(room.take(SMALL, LONG))
        with pytest.raises(error), room.take(picture, LONG):
            pass
