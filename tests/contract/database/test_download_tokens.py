"""Contract of every database for download tokens: a result can be fetched once."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from framecloak.domain.anonymization.model.request import (
    AnonymizationRequest,
    DownloadToken,
    Status,
    StoredResult,
)
from framecloak.domain.errors import (
    TokenExpiredError,
    TokenNotFoundError,
    TokenUsedError,
)
from framecloak.domain.ports.database import Database
from support.samples.persistence import (
    CONCURRENT_CALLERS,
    NOW,
    add_request,
    add_user,
    add_video,
    concurrently,
    digest,
)

SECOND = timedelta(seconds=1)


async def _with_token(database: Database) -> AnonymizationRequest:
    user = await add_user(database, "ada")
    request = await add_request(database, user, await add_video(database, user))
    async with database.unit_of_work() as work:
        await work.download_tokens.add(DownloadToken(digest("t"), request.id, NOW + SECOND, None))
        await work.commit()
    return request


async def test_only_one_of_many_concurrent_redemptions_succeeds(database: Database) -> None:
    request = await _with_token(database)
    answers = await concurrently(
        database, lambda work: work.download_tokens.redeem(digest("t"), request.id, NOW)
    )
    assert [answer for answer in answers if isinstance(answer, AnonymizationRequest)] == [request]
    assert sum(isinstance(answer, TokenUsedError) for answer in answers) == CONCURRENT_CALLERS - 1


async def test_a_token_is_valid_for_its_request_until_it_expires(database: Database) -> None:
    request = await _with_token(database)
    async with database.unit_of_work() as work:
        for secret, request_id in (("altered", request.id), ("t", uuid4())):
            with pytest.raises(TokenNotFoundError):
                await work.download_tokens.redeem(digest(secret), request_id, NOW)
        with pytest.raises(TokenExpiredError):
            await work.download_tokens.redeem(digest("t"), request.id, NOW + SECOND)
        assert await work.download_tokens.redeem(digest("t"), request.id, NOW) == request
        with pytest.raises(TokenUsedError):
            await work.download_tokens.redeem(digest("t"), request.id, NOW + 5 * SECOND)


async def test_reading_a_token_does_not_use_it_up(database: Database) -> None:
    request = await _with_token(database)
    async with database.unit_of_work() as work:
        for _ in range(2):
            assert await work.download_tokens.get(digest("t"), request.id, NOW) == request
        for secret, request_id in (("altered", request.id), ("t", uuid4())):
            with pytest.raises(TokenNotFoundError):
                await work.download_tokens.get(digest(secret), request_id, NOW)
        with pytest.raises(TokenExpiredError):
            await work.download_tokens.get(digest("t"), request.id, NOW + SECOND)
        await work.download_tokens.redeem(digest("t"), request.id, NOW)
        with pytest.raises(TokenUsedError):
            await work.download_tokens.get(digest("t"), request.id, NOW)


async def test_a_token_stays_valid_if_its_redemption_is_not_committed(database: Database) -> None:
    request = await _with_token(database)
    async with database.unit_of_work() as work:
        await work.download_tokens.redeem(digest("t"), request.id, NOW)
    async with database.unit_of_work() as work:
        assert await work.download_tokens.redeem(digest("t"), request.id, NOW) == request


async def test_tokens_are_removed_once_their_result_is_gone(database: Database) -> None:
    request = await _with_token(database)
    async with database.unit_of_work() as work:
        await work.requests.claim(request.id, NOW)
        await work.requests.finish(
            request.id, Status.COMPLETED, NOW, result=StoredResult("requests/x.zip", 3)
        )
        await work.download_tokens.add(DownloadToken(digest("used"), request.id, NOW + SECOND, NOW))
        await work.download_tokens.add(DownloadToken(digest("late"), request.id, NOW, None))
        assert await work.download_tokens.remove_without_result() == 0
        with pytest.raises(TokenUsedError):
            await work.download_tokens.redeem(digest("used"), request.id, NOW + 5 * SECOND)
        with pytest.raises(TokenExpiredError):
            await work.download_tokens.redeem(digest("late"), request.id, NOW)
        await work.requests.clear_result(request.id)
        assert await work.download_tokens.remove_without_result() == 3
        assert await work.download_tokens.remove_without_result() == 0
        with pytest.raises(TokenNotFoundError):
            await work.download_tokens.redeem(digest("used"), request.id, NOW)


async def test_a_token_is_that_of_an_account(database: Database) -> None:
    user = await add_user(database, "ada")
    request = await add_request(database, user, await add_video(database, user))
    async with database.unit_of_work() as work:
        await work.download_tokens.add(DownloadToken(digest("own"), request.id, NOW + SECOND, None, user.id))
        await work.download_tokens.add(DownloadToken(digest("old"), request.id, NOW + SECOND, None))
        assert await work.download_tokens.holder(digest("own")) == user.id
        assert await work.download_tokens.holder(digest("old")) is None
        assert await work.download_tokens.holder(digest("unknown")) is None
