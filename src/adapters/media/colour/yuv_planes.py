"""Raw planes of video frames, planar YUV 4:2:0, BT.709, limited range: what video encoders accept."""

from __future__ import annotations

import threading

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from framecloak.adapters.media.colour.pixel_formats import to_bgr
from framecloak.adapters.media.orientation import Orientation
from framecloak.adapters.media.video.frames import ArrayFrame, DecodedFrame
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.video import VideoFormat


def round_up_to_even(pixels: int) -> int:
    """Round an odd length up: the colour planes have half the pixels on each axis."""
    return pixels + pixels % 2


class _Scaler(threading.local):
    """Reusable scaler of the current thread; scalers are not thread-safe."""

    def __init__(self) -> None:
        self.to_planar = VideoReformatter()


_scaler = _Scaler()


class YuvPlaneEncoder:
    """Converter from BGR images to raw planar YUV 4:2:0, BT.709, limited range."""

    def __init__(self, video_format: VideoFormat) -> None:
        self._size = video_format.width, video_format.height

    def encode(self, image: Image, appearance: Appearance) -> bytes:  # noqa: ARG002 (the port's signature)
        """Return the planes of an image, (height, width, 3) uint8 BGR, one after the other.

        Raises:
            ValueError: the image has another size than the video.
        """
        width, height = self._size
        if image.shape[:2] != (height, width):
            raise ValueError(f"the video has frames of {width}x{height} pixels")
        if width % 2 or height % 2:
            image = np.asarray(
                cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8
            )
        packed = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), "bgr24")
        planar = _scaler.to_planar.reformat(
            packed,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        return planar.to_ndarray().tobytes()


class YuvPlaneReader:
    """Converter of raw planar YUV 4:2:0, BT.709, limited range, to frames."""

    def __init__(self, video_format: VideoFormat) -> None:
        self._format = video_format

    def read(self, data: bytes, index: int) -> Frame:
        """Return the frame.

        Raises:
            FrameAnalysisError: the planes have another size.
        """
        try:
            pixels = np.frombuffer(data, np.uint8).reshape(planes_shape(self._format))
        except ValueError as error:
            raise FrameAnalysisError(f"the planes of frame {index} have another size") from error
        frame = av.VideoFrame.from_ndarray(pixels, "yuv420p")
        frame.colorspace, frame.color_range = Colorspace.ITU709, ColorRange.MPEG
        return cropped_frame(index, frame, self._format)


def planes_shape(video_format: VideoFormat) -> tuple[int, int]:
    """Return rows and columns of the array of all planes."""
    return round_up_to_even(video_format.height) * 3 // 2, round_up_to_even(video_format.width)


def cropped_frame(index: int, decoded: av.VideoFrame, video_format: VideoFormat) -> Frame:
    """Return a decoded frame at the video's size, without the row or column that padded an odd size."""
    if (decoded.width, decoded.height) == (video_format.width, video_format.height):
        return DecodedFrame(index, decoded, Orientation.UPRIGHT)
    try:
        image = to_bgr(decoded)
    except (av.FFmpegError, ValueError) as error:
        raise FrameAnalysisError(f"frame {index} has pixels that cannot be read") from error
    return ArrayFrame(index, np.ascontiguousarray(image[: video_format.height, : video_format.width]))
