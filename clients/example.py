"""Anonymise a video with the generated Python client, from signing in to downloading the ZIP.

Usage: example.py ADDRESS USERNAME PASSWORD FILM ZIP
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from framecloak_client import AuthenticatedClient, Client
from framecloak_client.api.accounts import create_api_key, issue_tokens
from framecloak_client.api.frame_anonymization import download_result, redeem_download, submit_request
from framecloak_client.api.marks import create_segment
from framecloak_client.api.videos import upload_video
from framecloak_client.models import (
    CreateApiKeyBody,
    CreateSegmentBody,
    Credentials,
    DownloadView,
    NewApiKeyView,
    Problem,
    SegmentView,
    StatusView,
    SubmitBody,
    SubmittedView,
    TokenView,
    VideoView,
)
from framecloak_client.types import File

Answer = TypeVar("Answer")


class RefusedError(Exception):
    """The service returned an error, described by its problem document."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.code}: {problem.detail}")
        self.problem = problem


def expect(kind: type[Answer], answer: object) -> Answer:
    """Return the expected response; every error of the API is a `Problem` with a stable code."""
    if isinstance(answer, Problem):
        raise RefusedError(answer)
    assert isinstance(answer, kind), answer
    return answer


def signed_in(address: str, username: str, password: str) -> AuthenticatedClient:
    """Return a client with an API key, which is valid until it is revoked."""
    tokens = expect(
        TokenView,
        issue_tokens.sync(client=Client(address), body=Credentials(username=username, password=password)),
    )
    bearer = AuthenticatedClient(address, tokens.access_token)
    created = expect(NewApiKeyView, create_api_key.sync(client=bearer, body=CreateApiKeyBody(name="example")))
    return AuthenticatedClient(
        address, created.key, prefix="", auth_header_name="X-API-Key", follow_redirects=True
    )


def progress(client: AuthenticatedClient, request_id: UUID) -> Iterator[StatusView]:
    """Yield every change of a request until it ends.

    Generated clients read whole responses, so this uses the same HTTP client directly: server-sent events
    are lines, and each that starts with `data:` holds a response of `getRequestStatus`.
    """
    http = client.get_httpx_client()
    with http.stream("GET", f"/api/frames/anonymize/events/{request_id}/", timeout=60) as answer:
        for line in answer.raise_for_status().iter_lines():
            if line.startswith("data:"):
                yield StatusView.from_dict(json.loads(line.removeprefix("data:")))


def main(address: str, username: str, password: str, path: str, output: str) -> None:
    """Run all steps, and print each."""
    client = signed_in(address, username, password)
    with Path(path).open("rb") as file:
        body = File(payload=file)
        video = expect(VideoView, upload_video.sync(client=client, body=body, filename=Path(path).name))
    print(f"video of {video.frame_count} frames")
    limits = CreateSegmentBody(start_frame=0, end_frame=video.frame_count)
    segment = expect(SegmentView, create_segment.sync(video.id, client=client, body=limits))

    order = SubmitBody(video_id=video.id, segment_ids=[segment.id])
    submitted = expect(SubmittedView, submit_request.sync(client=client, body=order))
    for now in progress(client, submitted.request_id):
        print(f"{now.status} {now.progress} %")

    link = expect(DownloadView, download_result.sync(submitted.request_id, client=client, redirect=False))
    archive = expect(File, redeem_download.sync(submitted.request_id, link.token, client=client))
    Path(output).write_bytes(archive.payload.read())

    try:
        expect(
            SubmittedView,
            submit_request.sync(client=client, body=SubmitBody(video_id=2**31, segment_ids=[1])),
        )
    except RefusedError as error:
        print(f"refused with {error.problem.status} {error.problem.code}")


if __name__ == "__main__":
    main(*sys.argv[1:])
