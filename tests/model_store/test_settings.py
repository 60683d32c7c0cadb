"""Settings: who wins, what is refused, and the way to another process."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store import settings
from model_store.errors import InvalidRequest
from model_store.settings import add_flags, read_settings


@dataclass(frozen=True, slots=True)
class ShopConfig:
    """Settings of a shop.

    Attributes:
        max_visitors: How many may be inside, 100 % of them.
        door: Which door is open.
        is_open: Whether it is open.
        wait_s: Seconds.
        folder: Where the goods are.
        goods: What there is.
        name: What it is called.
    """

    max_visitors: int = 10
    door: Literal["front", "back"] = "front"
    is_open: bool = True
    wait_s: float = 1.5
    folder: Path = Path("goods")
    goods: tuple[str, ...] = ("tea", "coffee")
    name: str = "shop"


def read(*arguments: str, environ: dict[str, str] | None = None) -> ShopConfig:
    parser = argparse.ArgumentParser()
    add_flags(parser, ShopConfig)
    return read_settings(ShopConfig, "shop", parser.parse_args(arguments), environ or {})


@pytest.fixture
def file(tmp_path):
    """Writes the TOML file and gives its path."""

    def write(text: str) -> str:
        path = tmp_path / "easel.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_switch_may_stand_alone_or_have_a_value():
    environ = {"EASEL_SHOP_IS_OPEN": "false"}
    assert read("--is_open", environ=environ).is_open
    assert read("--is-open", "--name", "kiosk", environ=environ) == ShopConfig(name="kiosk")
    assert not read("--is_open=false").is_open


def test_without_anything_the_defaults_hold():
    assert read() == ShopConfig()


def test_a_flag_wins_over_the_environment_that_over_the_file_that_over_the_default(file):
    path = file("[shop]\nmax_visitors = 20\nwait_s = 2.0\nname = 'filed'\n")
    environ = {"EASEL_SHOP_MAX_VISITORS": "30", "EASEL_SHOP_WAIT_S": "3"}
    assert read("--config", path, "--max_visitors", "40", environ=environ) == ShopConfig(
        max_visitors=40, wait_s=3.0, name="filed"
    )


def test_the_environment_may_name_the_file_and_the_flag_wins(file, tmp_path):
    environ = {"EASEL_CONFIG": file("[shop]\nname = 'from environ'\n")}
    assert read(environ=environ).name == "from environ"
    other = tmp_path / "other.toml"
    other.write_text("[shop]\nname = 'from flag'\n")
    assert read("--config", str(other), environ=environ).name == "from flag"


def test_an_empty_variable_names_no_file():
    assert read(environ={"EASEL_CONFIG": ""}) == ShopConfig()


@pytest.mark.parametrize("flag", ["--max_visitors", "--max-visitors"])
def test_a_flag_may_be_written_with_underscores_or_dashes(flag):
    assert read(flag, "7").max_visitors == 7
    assert read(f"{flag}=7").max_visitors == 7


def test_every_type_is_read_from_text():
    environ = {
        "EASEL_SHOP_MAX_VISITORS": "3",
        "EASEL_SHOP_DOOR": "back",
        "EASEL_SHOP_IS_OPEN": "False",
        "EASEL_SHOP_WAIT_S": "0.25",
        "EASEL_SHOP_FOLDER": "/srv/goods",
        "EASEL_SHOP_GOODS": "tea, cake,,",
        "EASEL_SHOP_NAME": "한글",
    }
    want = ShopConfig(3, "back", False, 0.25, Path("/srv/goods"), ("tea", "cake"), "한글")
    assert read(environ=environ) == want


def test_every_type_is_read_from_a_file(file):
    path = file(
        "[shop]\nmax_visitors = 3\ndoor = 'back'\nis_open = false\nwait_s = 2\n"
        "folder = '/srv/goods'\ngoods = ['tea', 'cake']\nname = '한글'\n[other]\nx = 1\n"
    )
    want = ShopConfig(3, "back", False, 2.0, Path("/srv/goods"), ("tea", "cake"), "한글")
    assert read("--config", path) == want


def test_a_file_without_the_section_changes_nothing(file):
    assert read("--config", file("[other]\nmax_visitors = 3\n")) == ShopConfig()


def test_a_setting_that_does_not_exist_is_refused_by_name(file):
    with pytest.raises(InvalidRequest, match=r"\[shop\] has no setting max_visitor, wait"):
        read("--config", file("[shop]\nwait = 1\nmax_visitor = 3\n"))


@pytest.mark.parametrize(
    "text",
    ["[shop", "shop = 5\n", "shop = [1]\n", "shop = 'x'\n", "[[shop]]\n", "x = " + "[" * 9999],
)
def test_a_file_that_is_not_as_it_should_be_is_refused_with_its_path(file, text):
    with pytest.raises(InvalidRequest, match=r"easel\.toml"):
        read("--config", file(text))


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read("--config", str(tmp_path / "none.toml"))
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read("--config", str(tmp_path))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read("--config", str(tmp_path / "bytes.toml"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_visitors", "many"),
        ("max_visitors", ""),
        ("max_visitors", "1.5"),
        ("door", "side"),
        ("is_open", "yes"),
        ("is_open", ""),
        ("wait_s", "soon"),
    ],
)
def test_text_that_is_no_such_value_is_refused_with_the_settings_name(name, value):
    for arguments, environ in (
        ((f"--{name}={value}",), {}),
        ((), {f"EASEL_SHOP_{name}".upper(): value}),
    ):
        with pytest.raises(InvalidRequest, match=f"setting {name}: '{value}' is not valid"):
            read(*arguments, environ=environ)


@pytest.mark.parametrize(
    "line",
    [
        "max_visitors = true", "max_visitors = 80.5", "max_visitors = [1]", "max_visitors = inf",
        "wait_s = {}", "wait_s = true", "is_open = 2", "is_open = []",
        "folder = 5", "goods = 5", "door = ['front']", "name = true",
    ],
)  # fmt: skip
def test_a_value_of_another_type_in_the_file_is_refused(file, line):
    with pytest.raises(InvalidRequest, match=f"setting {line.split()[0]}: "):
        read("--config", file(f"[shop]\n{line}\n"))


CONFIGS = st.builds(
    ShopConfig,
    max_visitors=st.integers(),
    door=st.sampled_from(["front", "back"]),
    is_open=st.booleans(),
    wait_s=st.floats(allow_nan=False),
    folder=st.text("abc/. ", min_size=1).map(Path),
    goods=st.lists(st.text("abc-", min_size=1)).map(tuple),
    name=st.text(),
)


@given(CONFIGS)
def test_settings_survive_the_way_to_another_process(config):
    assert settings.from_json(ShopConfig, settings.to_json(config)) == config


def test_help_has_each_setting_with_its_meaning_and_default():
    parser = argparse.ArgumentParser()
    add_flags(parser, ShopConfig)
    text = " ".join(parser.format_help().split())
    assert "--max_visitors VALUE, --max-visitors VALUE" in text
    assert "How many may be inside, 100 % of them (default: 10)" in text
    assert "Where the goods are (default: goods)" in text
