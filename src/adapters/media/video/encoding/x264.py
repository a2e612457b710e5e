"""H.264 video made by x264 through PyAV. The same frames always give the same bytes, on any machine."""

from __future__ import annotations

import av

from framecloak.adapters.media.video.encoding.h264 import H264GroupEncoder, H264VideoEncoder
from framecloak.domain.ports.video import SOFTWARE_ENCODER, EncoderIdentity, GroupEncoder, VideoFormat

# Fixed, because the output of x264 depends on the number of threads.
_THREADS = 4


class X264VideoEncoder(H264VideoEncoder):
    """Video encoder based on x264 and PyAV."""

    @property
    def identity(self) -> EncoderIdentity:
        """Name of the encoder; its output depends on nothing else."""
        return EncoderIdentity(SOFTWARE_ENCODER)

    def group_encoder(self, video_format: VideoFormat) -> GroupEncoder:
        """Return an encoder for a new group of frames."""
        encoder = av.CodecContext.create("libx264", "w")
        encoder.thread_count = _THREADS
        encoder.options = {
            "preset": "veryfast",
            "crf": f"{45 - 0.3 * video_format.quality:.1f}",
            "bf": "0",
            "g": "100000",
            "sc_threshold": "0",
            "x264-params": "cpu-independent=1:log=0",
        }
        return H264GroupEncoder(encoder, video_format)
