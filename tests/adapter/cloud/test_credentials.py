"""Where default credentials are looked for: never in the network."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from adapter.cloud.credentials import find_credentials
from tests.support import ROOT


@pytest.fixture
def nowhere(tmp_path):
    """A home without gcloud on a machine that is nobody's."""
    return tmp_path, tmp_path / "product_name"


def test_a_bare_machine_has_none(nowhere):
    assert find_credentials({}, *nowhere) is None


def test_the_file_that_the_environment_names_comes_first(nowhere):
    environ = {"GOOGLE_APPLICATION_CREDENTIALS": "/keys/easel.json", "K_SERVICE": "x"}
    assert find_credentials(environ, *nowhere) == "the file /keys/easel.json"


@pytest.mark.parametrize("is_moved", [False, True])
def test_what_gcloud_left_at_home_or_in_its_folder_is_found(nowhere, tmp_path, is_moved):
    folder = tmp_path / ("elsewhere" if is_moved else ".config/gcloud")
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text("{}")
    environ = {"CLOUDSDK_CONFIG": str(folder)} if is_moved else {}
    assert "application_default_credentials.json" in (find_credentials(environ, *nowhere) or "")


@pytest.mark.parametrize("name", ["K_SERVICE", "GAE_ENV", "GCE_METADATA_HOST"])
def test_a_machine_at_google_has_a_metadata_server(nowhere, name):
    assert find_credentials({name: "something"}, *nowhere) == "the metadata server"
    assert find_credentials({name: "something", "NO_GCE_CHECK": "True"}, *nowhere) is None


@pytest.mark.parametrize(
    ("product", "is_googles"),
    [("Google Compute Engine\n", True), ("Google\n", True), ("Standard PC (Q35)\n", False),
     ("", False), ("\udcff", False)],
)  # fmt: skip
def test_the_name_of_the_machine_says_whose_it_is(nowhere, product, is_googles):
    home, product_name = nowhere
    product_name.write_bytes(product.encode("utf-8", "surrogateescape"))
    assert (find_credentials({}, home, product_name) is not None) is is_googles


AS_A_STRANGER = """
import os, pwd
from adapter.cloud.credentials import find_credentials
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(12345)
    os.setuid(12345)
print(find_credentials({"NO_GCE_CHECK": "true", **dict(os.environ)}))
"""


@pytest.mark.parametrize("home", ["/root", None])
def test_a_user_without_a_home_or_in_anothers_has_none(home):
    """As in containers: a number that the system does not know, and HOME of another."""
    environ = {"PATH": os.environ["PATH"], **({"HOME": home} if home else {})}
    done = subprocess.run(
        [sys.executable, "-c", AS_A_STRANGER], cwd=ROOT, env=environ, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stdout == "None\n", done.stderr
