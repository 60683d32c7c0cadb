"""Flags of tensorflow_model_server that do nothing here are taken and explained."""

from __future__ import annotations

import argparse
from dataclasses import fields

import pytest

from model_store.settings import add_flags, read_settings
from serving.config import ServerConfig
from serving.drop_in import (
    OTHER_NAMES,
    WITHOUT_EFFECT,
    add_flags_without_effect,
    add_other_names,
    explain_flags_without_effect,
)


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_flags_without_effect(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("name", sorted(WITHOUT_EFFECT))
@pytest.mark.parametrize("value", ["", "=false", "=/some/file"])
def test_each_is_taken_and_explained(name, value):
    (sentence,) = explain_flags_without_effect(parse(f"--{name}{value}"))
    assert sentence == f"--{name} has no effect: {WITHOUT_EFFECT[name]}"


def test_nothing_is_said_of_what_was_not_given():
    assert not list(explain_flags_without_effect(parse()))


def test_no_flag_is_both_a_setting_and_without_effect():
    assert not WITHOUT_EFFECT.keys() & {field.name for field in fields(ServerConfig)}


@pytest.mark.parametrize(("name", "setting"), OTHER_NAMES.items())
def test_tf_servings_name_and_ours_are_one_setting(name, setting):
    parser = argparse.ArgumentParser()
    add_flags(parser, ServerConfig)
    add_other_names(parser)
    for flag in (name, setting):
        config = read_settings(ServerConfig, "serve", parser.parse_args([f"--{flag}=1"]), {})
        assert getattr(config, setting) == 1
