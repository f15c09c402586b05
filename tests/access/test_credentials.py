import base64

import pytest
from starlette.requests import HTTPConnection

from gadwatch_service.access.credentials import Credential, credential_of
from gadwatch_service.access.secrets import (
    TOKEN_PREFIX,
    csrf_token_of,
    digest,
    is_csrf_token_of,
    new_token,
)


def _connection(**headers: str) -> HTTPConnection:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "headers": raw})


def test_nothing_sent_is_no_credential() -> None:
    assert credential_of(_connection()) is None


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_bearer_header_is_a_token(scheme: str) -> None:
    assert credential_of(_connection(authorization=f"{scheme} gw_x")) == Credential("token", "gw_x")


def test_the_basic_password_is_a_token_whatever_the_user() -> None:
    encoded = base64.b64encode(b"anyone:gw_x:y").decode()
    sent = _connection(authorization=f"Basic {encoded}")
    assert credential_of(sent) == Credential("token", "gw_x:y")


@pytest.mark.parametrize("header", ["Basic !!!", "Basic /w==", "Digest x", "Bearer", "", "\xff"])
def test_an_unreadable_header_is_a_wrong_token_and_hides_the_cookie(header: str) -> None:
    sent = _connection(authorization=header, cookie="gadwatch_session=good")
    assert credential_of(sent) == Credential("token", "")


def test_the_cookie_is_a_session() -> None:
    sent = _connection(cookie="other=1; gadwatch_session=abc")
    assert credential_of(sent) == Credential("session", "abc")


def test_tokens_are_random_and_recognisable() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(token.startswith(TOKEN_PREFIX) and len(token) >= 32 for token in tokens)


def test_a_digest_for_one_purpose_does_not_serve_another() -> None:
    assert len({digest("x"), digest("x", "session:"), digest("x", "login:")}) == 3


def test_the_form_token_tells_nothing_of_the_cookie() -> None:
    assert "cookie" not in csrf_token_of("cookie")
    assert is_csrf_token_of("cookie", csrf_token_of("cookie"))
    assert not is_csrf_token_of("cookie", csrf_token_of("cookie2"))
    assert not is_csrf_token_of("cookie", "")


def test_no_two_pages_carry_the_same_form_token() -> None:
    assert csrf_token_of("cookie") != csrf_token_of("cookie")
