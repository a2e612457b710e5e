"""ArcFace packs and dlib's network: loading, building, and recognition of people."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from framecloak.adapters.media.pictures.untrusted import UntrustedImageReader
from framecloak.adapters.vision.detection.centerface import CenterFace
from framecloak.adapters.vision.recognition.alignment import similarity_transform
from framecloak.adapters.vision.recognition.arcface import (
    ArcFace,
    Normalization,
    is_arcface,
    landmark_template,
    read_normalization,
)
from framecloak.adapters.vision.recognition.dlib_graph import build
from framecloak.adapters.vision.recognition.dlib_resnet import DlibResNet, build_graph
from framecloak.adapters.vision.recognition.factory import choose_recognizer
from framecloak.adapters.vision.runtime.onnx import Provider, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import DLIB_RESNET, record_digests
from framecloak.domain.errors import ModelCorruptError, ModelMissingError
from framecloak.domain.reid.analysis import Capacity, FaceAnalyzer
from framecloak.domain.reid.calibration import calibration_of
from support.samples import images, onnx_models

FACES = Path(__file__).parents[4] / "shared" / "data" / "faces"
POINTS = np.array([[300, 200], [360, 210], [325, 250], [295, 290], [345, 300]], np.float32)


def load(folder: Path, **options: int | str | bool) -> ArcFace:
    return ArcFace.load(onnx_models.write_arcface_pack(folder, **options), Provider.CPU)


@pytest.mark.filterwarnings("ignore:`estimate` is deprecated:FutureWarning")
def test_vectors_equal_those_of_insightface(tmp_path: Path) -> None:
    from insightface.model_zoo.arcface_onnx import ArcFaceONNX
    from insightface.utils.face_align import norm_crop

    ours = load(tmp_path / "tiny")
    photograph = images.group_photo()
    chips = ours.align(photograph, POINTS[np.newaxis])
    bgr = np.ascontiguousarray(photograph[:, :, ::-1])
    theirs = norm_crop(bgr, POINTS, 112)
    assert np.abs(chips[0][:, :, ::-1].astype(int) - theirs).mean() < 2
    vector = ArcFaceONNX(str(tmp_path / "tiny" / "w600k_tiny.onnx")).get_feat(theirs)[0]
    assert ours.embed(chips)[0] @ (vector / np.linalg.norm(vector)) > 0.999


def test_mxnet_exports_contain_their_normalization(tmp_path: Path) -> None:
    plain, mxnet = load(tmp_path / "plain"), load(tmp_path / "mxnet", from_mxnet=True)
    assert read_normalization(tmp_path / "plain" / "w600k_tiny.onnx") == Normalization(127.5, 127.5)
    assert read_normalization(tmp_path / "mxnet" / "w600k_tiny.onnx") == Normalization(0, 1)
    chips = np.random.default_rng(1).integers(0, 256, (3, 112, 112, 3), np.uint8)
    np.testing.assert_allclose(plain.embed(chips), mxnet.embed(chips), atol=1e-5)


def test_a_graph_with_incorrect_batches_gets_one_face_at_a_time(tmp_path: Path) -> None:
    assert load(tmp_path / "good").max_batch == 32
    assert load(tmp_path / "fixed", batch=1).max_batch == 1
    assert load(tmp_path / "scrambled", scrambled=True).max_batch == 1


def test_the_landmark_template_scales_with_the_chip() -> None:
    assert (landmark_template(224) == 2 * landmark_template(112)).all()
    np.testing.assert_allclose(landmark_template(128), landmark_template(112) + np.float32([8, 0]))


def test_the_similarity_transform_equals_that_of_scikit_image() -> None:
    from skimage.transform import SimilarityTransform

    theirs = SimilarityTransform.from_estimate(POINTS, landmark_template(112)).params[:2]
    np.testing.assert_allclose(similarity_transform(POINTS, landmark_template(112)), theirs, atol=1e-4)


@pytest.mark.parametrize(
    "shape", [(1, 3, 192, 192), (1, 3, 96, 96), (1, 3, 64, 64), (1, 3, 112, 128), (1, 1, 112, 112)]
)
def test_other_graphs_are_not_recognisers(shape: tuple[int, ...]) -> None:
    assert not is_arcface(open_session(onnx_models.identity_bytes(shape), Provider.CPU))
    assert not is_arcface(open_session(onnx_models.scrfd_bytes(), Provider.CPU))


def test_a_pack_is_preferred_to_the_built_in_recogniser(tmp_path: Path) -> None:
    assert choose_recognizer("auto", tmp_path, Provider.CPU).space.name == "dlib-resnet"
    onnx_models.write_scrfd_pack(tmp_path / "no_recogniser")
    assert choose_recognizer("auto", tmp_path, Provider.CPU).space.name == "dlib-resnet"
    onnx_models.write_arcface_pack(tmp_path / "tiny")
    chosen = choose_recognizer("auto", tmp_path, Provider.CPU)
    assert (chosen.space.name, chosen.space.dimension) == ("tiny", 512)
    assert (chosen.card.name, chosen.card.licence) == ("tiny/w600k_tiny", "unknown")
    assert choose_recognizer("tiny", tmp_path, Provider.CPU).space == chosen.space
    assert choose_recognizer("dlib-resnet", tmp_path, Provider.CPU).space.dimension == 128


def test_a_pack_can_be_named_by_its_path(tmp_path: Path) -> None:
    pack = onnx_models.write_arcface_pack(tmp_path / "elsewhere" / "mine")
    assert choose_recognizer(str(pack), tmp_path / "models", Provider.CPU).space.name == "mine"


def test_an_unknown_recogniser_lists_the_available_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="there is no recogniser 'buffalo_l'") as missing:
        choose_recognizer("buffalo_l", tmp_path, Provider.CPU)
    assert "dlib-resnet" in missing.value.hint


def test_a_pack_without_a_recogniser_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="ArcFace"):
        ArcFace.load(onnx_models.write_scrfd_pack(tmp_path / "half"), Provider.CPU)


def test_a_file_with_another_digest_is_refused(tmp_path: Path) -> None:
    pack = onnx_models.write_arcface_pack(tmp_path / "tiny")
    record_digests(pack, {"w600k_tiny.onnx": "0" * 64})
    with pytest.raises(ModelCorruptError):
        ArcFace.load(pack, Provider.CPU)


def test_concurrent_builds_give_the_same_graph(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path;"
        "from framecloak.adapters.vision.recognition.dlib_resnet import build_graph; "
        "print(build_graph(Path(sys.argv[1])).sha256)"
    )
    builders = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    digests = {builder.communicate(timeout=60)[0].strip() for builder in builders}
    folder = tmp_path / "dlib-resnet"
    (graph,) = folder.glob("*.onnx")
    assert digests == {sha256(graph.read_bytes()).hexdigest()}
    assert len(list(folder.iterdir())) == 2  # the graph and its digest, and nothing half-written


def test_a_damaged_graph_is_built_again(tmp_path: Path) -> None:
    good = build_graph(tmp_path)
    assert isinstance(good.content, Path)
    good.content.write_bytes(b"damaged")
    assert build_graph(tmp_path).sha256 == good.sha256
    assert sha256(good.content.read_bytes()).hexdigest() == good.sha256


def test_a_file_that_is_not_a_dlib_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.dat"
    path.write_bytes(b"\x01\x05con_4\x01\x02" + bytes(64))
    with pytest.raises(ModelCorruptError):
        build(path)


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaceAnalyzer]:
    models = tmp_path_factory.mktemp("models")
    analyzer = FaceAnalyzer(
        UntrustedImageReader(),
        CenterFace.load(models, Provider.CPU, Precision.FP32),
        DlibResNet.load(models, Provider.CPU),
        None,
        Capacity(threads=2),
    )
    yield analyzer
    analyzer.close()


async def test_a_face_is_recognised_in_a_tight_crop_and_mirrored(analysis: FaceAnalyzer) -> None:
    photograph = np.ascontiguousarray(images.group_photo()[:, :, ::-1])
    x1, y1, x2, y2 = images.GROUP_BOXES[4].astype(int)
    crop = photograph[y1:y2, x1:x2]
    vectors = []
    for image in (photograph[: y2 + 60, x1 - 60 :], crop, crop[:, ::-1]):
        result = await analysis.analyze(cv2.imencode(".png", image)[1].tobytes())
        vectors.append(result.faces[0].embedding.vector)
    assert vectors[0] @ vectors[1] > 0.95
    assert vectors[1] @ vectors[2] > 0.95


@pytest.mark.shared
@pytest.mark.skipif(not FACES.exists(), reason="needs the shared images beside the checkout")
async def test_pairs_of_one_person_are_more_similar_than_pairs_of_two_people(analysis: FaceAnalyzer) -> None:
    people: list[tuple[str, np.ndarray]] = []
    for path in sorted(FACES.iterdir()):
        (result,) = await analysis.analyze_all([path.read_bytes()])
        faces = sorted(result.faces, key=lambda face: face.box[0])  # type: ignore[union-attr]
        # From left to right in the photo of two people: Obama and Biden.
        names = ["obama", "biden"] if path.stem == "two_people" else [path.stem.rstrip("_12").split("_")[0]]
        assert len(faces) == len(names)
        people += [(name.rstrip("2"), face.embedding.vector) for name, face in zip(names, faces, strict=True)]
    same, different = [], []
    for (first, first_vector), (second, second_vector) in combinations(people, 2):
        (same if first == second else different).append(float(first_vector @ second_vector))
    assert (len(people), len({name for name, _ in people})) == (13, 6)
    assert min(same) > max(different) + 0.03
    calibration = calibration_of(DLIB_RESNET.name, 128)
    assert calibration is not None
    assert min(map(calibration.score, same)) > 0.5 > max(map(calibration.score, different))
