"""Counting fingers from landmarks: drawn by numbers here, on pictures with the recipe."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from model_store import hand

SIZE = 224


def landmarks(up: tuple[bool, ...], *, thumb_bend: float = 0.0) -> np.ndarray:
    """A right hand's 21 points, fingers up as told, 100 wide: ``float32[21, 2]``."""
    points = np.zeros((21, 2))
    points[0] = (50, 100)
    points[1] = (30, 85)
    points[2] = (18, 68)
    tip = (18, 68) + 22 * np.array([math.sin(-0.7 + thumb_bend), -math.cos(-0.7 + thumb_bend)])
    points[3] = (points[2] + tip) / 2 if up[0] else (35, 62)
    points[4] = tip if up[0] else (50, 60)
    for finger, knuckle in enumerate([(32, 45), (46, 42), (60, 45), (72, 52)]):
        base = 5 + 4 * finger
        lengths = (0, 14, 24, 32) if up[finger + 1] else (0, 14, 10, 4)
        points[base : base + 4] = [(knuckle[0], knuckle[1] - length) for length in lengths]
    return points.astype(np.float32)


EVERY = list(itertools.product([False, True], repeat=5))


@pytest.mark.parametrize("up", EVERY)
def test_each_way_to_hold_up_fingers_is_told(up):
    assert hand.raised(hand.measure(landmarks(up))) == up


def test_a_thumb_that_is_bent_backwards_is_up():
    for bend in (-0.9, -0.4, 0.3):
        assert hand.raised(hand.measure(landmarks((True,) * 5, thumb_bend=bend)))[0]


@given(
    up=st.sampled_from(EVERY),
    turn=st.floats(0, 2 * math.pi),
    scale=st.floats(0.05, 20),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
    is_left=st.booleans(),
)
def test_turned_left_right_near_and_far_a_hand_says_the_same(up, turn, scale, shift, is_left):
    points = landmarks(up).astype(np.float64)
    if is_left:
        points[:, 0] = -points[:, 0]
    turned = points @ np.array(
        [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    )
    moved = (turned * scale + shift).astype(np.float32)
    assert hand.raised(hand.measure(moved)) == up


@given(st.lists(st.integers(-3, 300), min_size=42, max_size=42))
def test_any_points_are_measured_without_trouble(values):
    measured = hand.measure(np.array(values, np.float32).reshape(21, 2))
    assert np.isfinite(measured).all()
    assert len(hand.raised(measured)) == len(hand.FINGERS)


def test_points_all_in_one_place_hold_up_nothing():
    points = np.full((21, 2), 7, np.float32)
    assert hand.raised(hand.measure(points)) == (False,) * 5
    assert hand.cut(Image.new("RGB", (30, 30)), points, 8).size == (8, 8)


def picture_of(points: np.ndarray) -> Image.Image:
    """White, with a red wrist and blue fingertips."""
    picture = Image.new("RGB", (300, 300), "white")
    draw = ImageDraw.Draw(picture)
    for index, colour in ((0, "red"), (12, "blue")):
        x, y = points[index]
        draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=colour)
    return picture


@pytest.mark.parametrize("turn", [0.0, 0.5, math.pi / 2, math.pi, 4.0])
def test_a_closer_look_is_upright_and_holds_the_whole_hand(turn):
    points = landmarks((True,) * 5) - 50
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    points = (points @ rotation + 150).astype(np.float32)
    seen = np.asarray(hand.cut(picture_of(points), points, SIZE)).astype(int)
    red = np.argwhere((seen[..., 0] > 200) & (seen[..., 2] < 60)).mean(axis=0)
    blue = np.argwhere((seen[..., 2] > 200) & (seen[..., 0] < 60)).mean(axis=0)
    assert red[0] > 150
    assert blue[0] < 90
    assert abs(red[1] - blue[1]) < 30


def answers(points: np.ndarray, presence: float, right: float = 0.5) -> tuple[np.ndarray, ...]:
    depth = np.zeros((21, 1), np.float32)
    landmarks = np.hstack([points, depth]).reshape(63)
    return landmarks, np.array([presence], np.float32), np.array([right], np.float32)


def seen(rows) -> hand.Seen:
    return hand.Seen(*(np.stack(column) for column in zip(*rows, strict=True)))


def test_the_surest_of_four_turns_is_looked_at_closer_as_it_is_and_in_a_mirror():
    batches = []
    open_hand, fist = landmarks((True,) * 5), landmarks((False,) * 5)

    def see(pixels):
        batches.append(pixels)
        rows = [answers(fist, 0.2), answers(open_hand, 0.9), answers(fist, 0.1), answers(fist, 0.0)]
        if len(batches) == 2:
            rows = [answers(open_hand, 1.0), answers(open_hand, 0.8)]
        return seen(rows)

    found = hand.look(picture_of(open_hand), see, SIZE)
    assert [batch.shape for batch in batches] == [(4, SIZE, SIZE, 3), (2, SIZE, SIZE, 3)]
    turned = np.rot90(batches[0][0]).astype(int)
    assert np.abs(turned - batches[0][1]).max() <= 2  # resizing rounds
    assert np.abs(turned - batches[0][2]).max() > 100
    assert np.array_equal(batches[1][0][:, ::-1], batches[1][1])
    assert found.presence == pytest.approx(0.9)
    assert found.count == 5


def test_what_is_hardly_a_hand_has_no_number():
    def see(pixels):
        rows = [answers(landmarks((True,) * 5), 0.4) for _ in pixels]
        return seen(rows)

    assert hand.look(Image.new("RGB", (60, 40)), see, SIZE).count is None


def test_a_page_shows_the_whole_picture_with_white_beside_it():
    seen = hand.page(Image.new("RGB", (100, 50), "black"), SIZE)
    assert seen.shape == (SIZE, SIZE, 3)
    assert (seen[0] == 255).all()
    assert (seen[SIZE // 2] == 0).all()


def test_where_the_surest_turn_shows_no_hand_from_near_the_next_one_is_tried():
    points, batches = landmarks((True,) * 5), []

    def see(pixels):
        batches.append(len(pixels))
        sure = [[0.3, 0.2, 0.9, 0.1], [0.1, 0.1], [0.9, 0.9]][len(batches) - 1]
        rows = [answers(points, presence) for presence in sure]
        return seen(rows)

    assert hand.look(Image.new("RGB", (60, 60)), see, SIZE).count == 5
    assert batches == [4, 2, 2]


def see_colours(points: np.ndarray):
    """A model that finds a picture's red and blue by sight and knows how they lie to the rest."""

    def see(pixels):
        rows = []
        for row in pixels.astype(int):
            red = np.argwhere((row[..., 0] > 180) & (row[..., 2] < 90))
            blue = np.argwhere((row[..., 2] > 180) & (row[..., 0] < 90))
            if not len(red) or not len(blue):
                rows.append(answers(points, 0.0))
                continue
            wrist, tip = red.mean(axis=0)[::-1] + 0.5, blue.mean(axis=0)[::-1] + 0.5
            # The turn and size that bring the two points where they are, as complex numbers.
            known = points[:, 0] + 1j * points[:, 1]
            turn = (complex(*tip) - complex(*wrist)) / (known[12] - known[0])
            there = complex(*wrist) + (known - known[0]) * turn
            is_upright = float(abs(np.angle(turn)) < 0.8)
            rows.append(answers(np.stack([there.real, there.imag], axis=1), is_upright, 0.9))
        return seen(rows)

    return see


@pytest.mark.parametrize("quarter", range(4))
@pytest.mark.parametrize("size", [(400, 300), (300, 400), (360, 360)])
def test_landmarks_are_where_they_are_in_the_whole_picture(quarter, size):
    points = landmarks((True,) * 5)
    points[[0, 12], 0] = 50  # a mirror leaves the middle where it is
    picture = Image.new("RGB", size, "white")
    picture.paste(picture_of(points).crop((0, 0, 130, 130)), (size[0] - 200, 60))
    turned = picture.rotate(90 * quarter, expand=True)
    found = hand.look(turned, see_colours(points), SIZE)
    seen_at = {}
    pixels = np.asarray(turned).astype(int)
    seen_at[0] = np.argwhere((pixels[..., 0] > 180) & (pixels[..., 2] < 90)).mean(axis=0)[::-1]
    seen_at[12] = np.argwhere((pixels[..., 2] > 180) & (pixels[..., 0] < 90)).mean(axis=0)[::-1]
    for index, there in seen_at.items():
        assert np.abs(found.points[index, :2] - there).max() < 2.5


def test_left_and_right_are_told_by_the_hand_and_its_mirror_image_together():
    def see(pixels):
        sure = [0.5] * 4 if len(pixels) == 4 else [0.9, 0.3]
        return seen([answers(landmarks((True,) * 5), 0.9, right) for right in sure])

    assert hand.look(Image.new("RGB", (60, 60)), see, SIZE).is_right == pytest.approx(0.8)
