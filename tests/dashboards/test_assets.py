import tomllib
from hashlib import sha256

import plotly.offline
from starlette.testclient import TestClient

from gadwatch_dashboards import assets

VENDOR = assets.FOLDER / "vendor"


def test_what_is_vendored_is_what_it_says() -> None:
    listed = tomllib.loads((VENDOR / "VENDORED.toml").read_text())["file"]
    assert {one["name"] for one in listed} == {
        file.name for file in VENDOR.iterdir() if file.name != "VENDORED.toml"
    }
    for one in listed:
        assert sha256((VENDOR / one["name"]).read_bytes()).hexdigest() == one["sha256"], one
    assert listed[0]["version"] == plotly.offline.get_plotlyjs_version()


def test_files_come_compressed_and_are_kept_by_their_hash() -> None:
    with TestClient(assets.application(), root_path="/static") as client:
        reply = client.get("/app.css?v=1", headers={"accept-encoding": "gzip"})
        assert reply.headers["content-encoding"] == "gzip"
        assert "immutable" in reply.headers["cache-control"]
        assert client.get("/app.css").headers["cache-control"] == "no-cache"


def test_scripts_import_each_other_by_the_addresses_that_pages_use() -> None:
    with TestClient(assets.application(), root_path="/static") as client:
        script = client.get("/run.js").text
        assert f'from "{assets.address("app.js")}"' in script
        for file in assets.FOLDER.glob("*.js"):
            assert 'from "./' not in client.get(f"/{file.name}").text, file


def test_nothing_outside_the_folder_is_served() -> None:
    with TestClient(assets.application()) as client:
        for path in ("/..%2Finstall.py", "/../install.py", "/nothing.css", "/vendor"):
            assert client.get(path).status_code == 404


def test_no_template_has_inline_script_or_style() -> None:
    for file in (assets.FOLDER.parent / "templates").rglob("*.html"):
        if file.name == "report_file.html":  # a file of its own, under a policy of its own
            continue
        text = file.read_text()
        assert ' style="' not in text, file
        assert " onclick=" not in text, file
        assert "<style" not in text, file
        assert "<script>" not in text, file
