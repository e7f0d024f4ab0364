"""What reads page after page: an iterator over all passages of a search, sync and async. Each page is a call of its own."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Self

from bedrock_gateway._sealed import sealed, sealed_async
from bedrock_gateway.errors import MalformedResponseError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bedrock_gateway.results import Passage, RetrieveResult

__all__ = ["AsyncPassages", "Passages"]


class _Pages:
    """Which page is next, and what of the last one is left."""

    def __init__(self) -> None:
        self._left: deque[Passage] = deque()
        self._token: str | None = None
        self._over = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'over' if self._over and not self._left else 'open'})"

    def _take(self, page: RetrieveResult) -> None:
        self._left.extend(page.passages)
        if page.next_token is not None and page.next_token == self._token:
            raise MalformedResponseError(
                "Retrieve: the token of the next page is that of this page: the pages would never end",
                operation="Retrieve",
                maybe_billed=False,
                request_id=page.request_id,
            )
        self._token = page.next_token
        self._over = page.next_token is None


class Passages(_Pages):
    """Every passage of a search; the next page is asked for when it is needed."""

    def __init__(self, page: Callable[[str | None], RetrieveResult]) -> None:
        super().__init__()
        self._page = page

    def __iter__(self) -> Self:
        return self

    @sealed
    def __next__(self) -> Passage:
        """Return the next passage.

        Raises:
            GatewayError: as `Gateway.retrieve` does; what was found before has been given out.
        """
        while not self._left:
            if self._over:
                raise StopIteration
            self._take(self._page(self._token))
        return self._left.popleft()


class AsyncPassages(_Pages):
    """Every passage of a search; the next page is asked for when it is needed."""

    def __init__(self, page: Callable[[str | None], Awaitable[RetrieveResult]]) -> None:
        super().__init__()
        self._page = page

    def __aiter__(self) -> Self:
        return self

    @sealed_async
    async def __anext__(self) -> Passage:
        """Return the next passage.

        Raises:
            GatewayError: as `AsyncGateway.retrieve` does; what was found before has been given out.
        """
        while not self._left:
            if self._over:
                raise StopAsyncIteration
            self._take(await self._page(self._token))
        return self._left.popleft()
