"""Which addresses alerts may be sent to."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadwatch_service.alerts.address import (
    RefusedAddressError,
    check_addresses,
    check_url,
    refuses,
)
from gadwatch_service.alerts.transport import NoReplyError, Request, Transport
from tests.alerts.receivers import Receiver

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]

PUBLIC = ["8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00::1"]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_plainly_public_is_refused(address: str) -> None:
    assert refuses(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    assert not refuses(address)


@given(st.ip_addresses())
def test_an_address_that_python_calls_private_is_always_refused(address: Any) -> None:
    if not address.is_global or address.is_multicast:
        assert refuses(str(address))


def test_the_operator_opens_networks_one_by_one() -> None:
    allowed = (ip_network("10.1.0.0/16"),)
    assert not refuses("10.1.2.3", allowed)
    assert not refuses("::ffff:10.1.2.3", allowed)
    assert refuses("10.2.0.1", allowed)
    assert ip_address("10.1.2.3").is_private


def test_one_bad_address_among_good_ones_is_enough() -> None:
    with pytest.raises(RefusedAddressError, match="GADWATCH_ALERT_ALLOW_PRIVATE"):
        check_addresses("evil.test", ["8.8.8.8", "127.0.0.1"])


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/x",
        "file:///etc/passwd",
        "gopher://example.org",
        "example.org/hook",
        "http://",
        "http://user:secret@example.org/",
        "http://@example.org/",
        "http://exa mple.org/",
        "http://example.org/\r\nHost: other",
        "http://exämple.org/",
        "http://example.org:0/",
        "http://example.org:99999/",
    ],
)
def test_only_plain_web_addresses_are_taken(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        check_url(url)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "0"]
)
async def test_no_spelling_of_the_loopback_address_is_connected_to(
    host: str, receiver: Receiver
) -> None:
    async with Transport() as transport:
        request = Request(f"http://{host}:{receiver.port}/", b"{}")
        with pytest.raises((RefusedAddressError, NoReplyError)):
            await transport.post(request)
    assert receiver.requests == []


@pytest.mark.anyio
async def test_the_connection_goes_to_the_address_that_was_checked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere at the second look-up is looked up once only."""
    looked_up: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["169.254.169.254"]

    monkeypatch.setattr("gadwatch_service.alerts.transport.resolve", resolve)
    async with Transport((ip_network("127.0.0.0/8"),)) as transport:
        reply = await transport.post(Request(f"http://rebind.test:{receiver.port}/", b"{}"))
    assert reply.status == 200
    assert looked_up == ["rebind.test"]
    assert receiver.requests[0].headers["host"] == f"rebind.test:{receiver.port}"


@pytest.mark.anyio
async def test_neither_redirects_nor_proxies_are_followed(
    receiver: Receiver, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    receiver.answers(302, "", location=receiver.url)
    reply = await transport.post(Request(receiver.url, b"{}"))
    assert reply.status == 302
    assert len(receiver.requests) == 1


@pytest.mark.anyio
async def test_a_long_reply_is_read_in_part(receiver: Receiver, transport: Transport) -> None:
    receiver.answers(200, "x" * 2_000_000)
    reply = await transport.post(Request(receiver.url, b"{}"))
    assert len(reply.text) == 16 * 1024
