"""Operations of the OpenAPI document whose bodies no parameter of a handler describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from framecloak.entrypoints.asgi.content_negotiation import JSON
from framecloak.entrypoints.schemas.common import Body
from framecloak.entrypoints.schemas.faces.analysis import AnalyzeBody
from framecloak.entrypoints.schemas.faces.galleries import EnrolBody, SearchBody

_FILE = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
_FORM = Schema(
    type=OpenAPIType.OBJECT,
    properties={
        "file": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="The video file.")
    },
    required=["file"],
)


@dataclass
class UploadOperation(Operation):
    """Operation with a streamed video as its body, which no parameter of the handler describes."""

    def __post_init__(self) -> None:
        """Describe the body."""
        self.request_body = RequestBody(
            required=True,
            description="The video, as the body itself or as the field `file` of a form.",
            content={
                "video/*": OpenAPIMediaType(schema=_FILE),
                "application/octet-stream": OpenAPIMediaType(schema=_FILE),
                "multipart/form-data": OpenAPIMediaType(schema=_FORM),
            },
        )


_IMAGE = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="The image file.")


@dataclass
class ImageOperation(Operation):
    """Operation that accepts an image in several encodings."""

    struct: ClassVar[type[Body]] = AnalyzeBody
    body_description: ClassVar[str] = (
        "The image, in base64 (in msgpack, binary), as the field `image` of a form, or as the body itself."
    )
    fields: ClassVar[Mapping[str, Schema]] = {}
    required: ClassVar[Sequence[str]] = ()

    def __post_init__(self) -> None:
        """Describe the body."""
        form = Schema(
            type=OpenAPIType.OBJECT,
            properties={"image": _IMAGE, **self.fields},
            required=["image", *self.required],
        )
        reference = Reference(ref=f"#/components/schemas/{self.struct.__name__}")
        self.request_body = RequestBody(
            required=True,
            description=self.body_description,
            content={
                JSON: OpenAPIMediaType(schema=reference),
                "multipart/form-data": OpenAPIMediaType(schema=form),
                "image/*": OpenAPIMediaType(schema=_FILE),
                "application/octet-stream": OpenAPIMediaType(schema=_FILE),
            },
        )


_FACE_BODY = (
    "An image in base64 (in msgpack, binary) or an embedding; or an image as the field `image` of a form or"
    " as the body itself."
)


@dataclass
class EnrolOperation(ImageOperation):
    """Operation that enrols a face from an image or an embedding, with its label."""

    struct = EnrolBody
    body_description = _FACE_BODY
    fields: ClassVar[Mapping[str, Schema]] = {
        "label": Schema(
            type=OpenAPIType.STRING, min_length=1, max_length=200, description="Name or label of the person."
        ),
        "metadata": Schema(
            type=OpenAPIType.OBJECT,
            description="Additional data stored with the face, as JSON; at most 4096 bytes.",
        ),
    }
    required = ("label",)


@dataclass
class SearchOperation(ImageOperation):
    """Operation that searches for a face from an image or an embedding."""

    struct = SearchBody
    body_description = _FACE_BODY
    fields: ClassVar[Mapping[str, Schema]] = {
        "threshold": Schema(
            type=OpenAPIType.NUMBER,
            minimum=-1,
            maximum=1,
            description="Minimum cosine similarity; the default depends on the model.",
        ),
        "top_k": Schema(
            type=OpenAPIType.INTEGER,
            minimum=1,
            maximum=1000,
            description="Maximum number of people; default 10.",
        ),
    }
