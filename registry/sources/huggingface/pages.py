"""The hub's list of repositories, page by page: odd rows are left out, and the pages end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from ...errors import DownloadBroken
from ...transfer.addresses import host_of, origin_of, redirected
from . import records
from .records import Repository

_MOST_PAGES = 20


class NoList(Exception):
    """What should be a list of repositories is something else."""


def repositories(endpoint: str, token: str | None, words: str, most: int) -> list[Repository]:
    """Repositories that the words find, most downloads first, with their file names.

    Raises what the library raises, ``NoList`` and ``DownloadBroken``; where a later page fails,
    the earlier ones are kept.
    """
    query = {"search": words, "sort": "downloads", "limit": most, "full": "true"}
    found: list[Repository] = []
    odd = False
    try:
        for page in _pages(f"{endpoint}/api/models?{urlencode(query)}", endpoint, token):
            read = [_read(row) for row in page]
            found += [one for one in read if one is not None]
            odd = odd or None in read
            if len(found) >= most:
                break
    except Exception:
        if not found:
            raise
    if odd and not found:
        raise NoList
    return found[:most]


def _pages(url: str | None, endpoint: str, token: str | None) -> Iterator[list[Any]]:
    """As huggingface/huggingface_hub, utils/_pagination.py, reads them; see there for ``Link``."""
    from huggingface_hub.utils._headers import build_hf_headers
    from huggingface_hub.utils._http import get_session, hf_raise_for_status

    headers = build_hf_headers(token=token or False)
    asked: set[str] = set()
    while url is not None:
        asked.add(url)
        response = get_session().get(url, headers=headers)
        hf_raise_for_status(response)
        page = response.json()
        if not isinstance(page, list):
            raise NoList
        yield page
        url = _next(response, endpoint, asked)


def _next(response: Any, endpoint: str, asked: set[str]) -> str | None:  # noqa: ANN401
    link = response.links.get("next", {}).get("url")
    if not link:
        return None
    url = redirected(str(response.url), link)
    if origin_of(url) == origin_of(endpoint) and url not in asked and len(asked) < _MOST_PAGES:
        return url
    raise DownloadBroken(
        f"the pages of what {host_of(endpoint)} finds lead in a circle, to another server or on "
        "without end",
        "Check HF_ENDPOINT; try again later.",
    )


def _read(row: object) -> Repository | None:
    """One row; None where it is none, whatever the library's code hits in it."""
    from huggingface_hub import ModelInfo

    try:
        info = ModelInfo(**{"siblings": None, **row})  # type: ignore[dict-item,no-untyped-call]
        return records.repository(info)
    except Exception:
        return None
