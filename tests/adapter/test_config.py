"""The adapter's settings, as an operator gives them."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from adapter.config import AdapterConfig, Settings
from adapter.services import SERVICES
from model_store.settings import add_section_flags, from_json, read_sections, to_json


def read(*arguments: str, **environ: str) -> AdapterConfig:
    parser = argparse.ArgumentParser()
    add_section_flags(parser, Settings, "adapter")
    return read_sections(Settings, "adapter", parser.parse_args(arguments), environ).adapter


def test_the_defaults_meet_the_model_server_on_this_machine():
    assert read() == AdapterConfig()
    assert AdapterConfig().model_server == "127.0.0.1:8500"


def test_the_default_services_are_all_there_are():
    assert set(AdapterConfig().services) == set(SERVICES)


def test_the_documented_example_is_understood():
    assert read("--services", "classifier,numbers").services == ("classifier", "numbers")


def test_an_image_sets_it_through_the_environment():
    config = read(
        EASEL_ADAPTER_MODEL_SERVER="serving:8500",
        EASEL_ADAPTER_HOST="0.0.0.0",
        EASEL_ADAPTER_STORE="/models",
    )
    assert config == AdapterConfig(
        store=Path("/models"), model_server="serving:8500", host="0.0.0.0"
    )


def test_a_worker_gets_what_the_command_read():
    config = read("--port", "9", "--timeout-s", "0.5", "--services", "numbers", "--store", "a b")
    assert from_json(Settings, to_json(Settings(config))) == Settings(config)


def test_every_setting_of_every_section_says_what_it_means():
    parser = argparse.ArgumentParser()
    add_section_flags(parser, Settings, "adapter")
    for action in parser._actions[2:]:
        assert not action.help.startswith(" (default"), action.dest
    settings = Settings()
    count = sum(len(fields(getattr(settings, section.name))) for section in fields(settings))
    assert len(parser._actions) == count + 2
