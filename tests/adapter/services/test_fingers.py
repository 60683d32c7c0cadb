"""``/api/fingers`` over the bundled model and pictures of which it is known what they show."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapter.app import create_app
from adapter.config import AdapterConfig, Settings
from adapter.wiring import build_parts
from model_store.spec import ModelVersion
from tests.adapter.stores import publish, spec_of
from tests.adapter.support import client_over
from tests.fakes import FakeModelServer, FakeServable
from tests.model_store.pictures import COLOUR, encode, photo
from tests.support import BUNDLED_STORE, ROOT

HANDS = ROOT / "export" / "recipes" / "hands"
NAMES = ("thumb", "index", "middle", "ring", "little")


@pytest.fixture(scope="module")
def client(numbers_server):
    config = AdapterConfig(
        store=BUNDLED_STORE, services=("fingers",), model_server=numbers_server.address
    )
    return create_app(build_parts(Settings(config))).test_client()


def read(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


@pytest.mark.parametrize("path", sorted(HANDS.iterdir()), ids=lambda path: path.stem)
def test_fingers_are_counted_and_named(client, path):
    body = client.post("/api/fingers", data=path.read_bytes()).get_json()
    count = int(path.stem.split("-")[1])
    assert (body["label"], body["count"], len(body["raised"])) == (str(count), count, count)
    assert list(body["raised"]) == [name for name in NAMES if name in body["raised"]]
    assert body["score"] > 0.5
    assert body["predictions"] == [{"label": str(count), "score": body["score"]}]
    assert body["hand"]["label"] in ("left", "right")
    width, height = read(path).size
    assert body["picture"] == {"width": width, "height": height}
    assert len(body["landmarks"]) == 21
    assert all(-0.1 * width < point["x"] < 1.1 * width for point in body["landmarks"])
    assert all(-0.1 * height < point["y"] < 1.1 * height for point in body["landmarks"])


def test_two_fingers_are_the_index_and_the_middle_with_their_tips_on_top(client):
    body = client.post("/api/fingers", data=(HANDS / "drawn-2.png").read_bytes()).get_json()
    assert set(body["raised"]) <= set(NAMES)
    tips = [body["landmarks"][4 + 4 * NAMES.index(name)]["y"] for name in body["raised"]]
    assert max(tips) < body["landmarks"][0]["y"]


def points_of(client, picture: Image.Image, **options) -> np.ndarray:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95, **options)
    body = client.post("/api/fingers", data=file.getvalue()).get_json()
    return np.array([[point["x"], point["y"]] for point in body["landmarks"]])


def test_landmarks_go_with_the_hand_where_it_is_moved_turned_and_enlarged(client):
    small = read(HANDS / "photo-5-window.jpg")
    there = points_of(client, small)
    page = Image.new("RGB", (2400, 1500), "white")
    page.paste(small.resize((4 * small.width, 4 * small.height)), (700, 300))
    assert np.abs((points_of(client, page) - (700, 300)) / 4 - there).mean() < 6
    turned = points_of(client, page.rotate(90, expand=True))
    back = np.stack([2400 - turned[:, 1], turned[:, 0]], axis=1)
    assert np.abs((back - (700, 300)) / 4 - there).mean() < 6


def test_landmarks_are_those_of_the_picture_upright_by_its_exif(client):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    upright = read(HANDS / "photo-5-window.jpg")
    as_stored = points_of(client, upright.rotate(90, expand=True), exif=exif)
    assert np.abs(as_stored - points_of(client, upright)).mean() < 3


def test_no_hand_is_an_answer_that_says_so(client):
    body = client.post("/api/fingers", data=encode(Image.new("RGB", (200, 100), "white")))
    assert body.status_code == 200
    answer = body.get_json()
    assert (answer["label"], answer["count"], answer["hand"]) == ("null", None, None)
    assert (answer["raised"], answer["landmarks"], answer["predictions"]) == ([], [], [])
    assert "No hand" in answer["msg"]
    korean = client.post(
        "/api/fingers",
        data=encode(Image.new("RGB", (9, 9))),
        headers={"Accept-Language": "ko"},
    )
    assert "손" in korean.get_json()["msg"]


def test_all_looks_are_by_the_version_that_had_the_first(tmp_path):
    publish(tmp_path, COLOUR, name="fingers")
    publish(tmp_path, COLOUR, name="fingers")

    def see(inputs):
        rows = len(inputs["image"])
        server.live = {"fingers": 2}  # a rollout in the middle
        landmarks = np.tile(np.arange(63, dtype=np.float32), (rows, 1))
        one = np.full((rows, 1), 0.9, np.float32)
        return {"landmarks": landmarks, "presence": one, "handedness": one}

    hands = FakeServable(spec_of(COLOUR), see)
    servables = {ModelVersion("fingers", number): hands for number in (1, 2)}
    server = FakeModelServer(servables, live={"fingers": 1})
    client = client_over(AdapterConfig(store=tmp_path, services=("fingers",)), server)
    body = client.post("/api/fingers", data=encode(photo())).get_json()
    assert body["model"]["version"] == 1
    assert [call.version for call in server.calls] == [None, 1]


def test_a_model_that_is_not_of_hands_is_our_mistake(tmp_path):
    publish(tmp_path, COLOUR, name="fingers")
    flat = FakeServable(spec_of(COLOUR), lambda _: {"presence": np.ones((4, 1))})
    server = FakeModelServer({ModelVersion("fingers", 1): flat})
    client = client_over(AdapterConfig(store=tmp_path, services=("fingers",)), server)
    response = client.post("/api/fingers", data=encode(photo()))
    assert response.status_code == 500
