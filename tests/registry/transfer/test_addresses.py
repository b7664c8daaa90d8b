"""What may be asked, where redirects may lead, what is shown of an address."""

from __future__ import annotations

import pytest

from vaereg.registry.errors import DownloadBroken
from vaereg.registry.transfer.addresses import checked, origin_of, redirected, without_secrets
from vaereg.registry.transfer.peers import require_allowed

HERE = "https://hub.example/a/b?x=1"
SIGNED = "https://cdn.example/f?X-Amz-Signature=s%2f1%2F&d=attachment;%20filename=%22a b%22&e="


@pytest.mark.parametrize(
    ("url", "shows"),
    [
        ("https://user:secret@host/p?token=secret#secret", "https://host/p"),
        ("https://host:8443/p%20q", "https://host:8443/p%20q"),
        ("https://host/a\x1b[31m", "https://host/a\\u001b[31m"),
        ("https://[::1", "an unreadable address"),
        ("models/x?token=secret", "models/x"),
    ],
)
def test_secrets_are_left_out_of_what_is_shown(url, shows):
    assert without_secrets(url) == shows


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/f",
        "file:///etc/passwd",
        "https://user@host/f",
        "https://user:secret@host/f",
        "https://host\\@evil.example/f",
        "https://host:99999/f",
        "https://host:port/f",
        "https:///f",
        "https://[::1/f",
        "https://host/f\r\nX-Injected: 1",
        "https://ho st/f",
        "//host/f",
        "",
    ],
)
def test_what_is_no_plain_web_address_is_never_asked(url):
    with pytest.raises(DownloadBroken) as caught:
        checked(url)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Host/f", ("https", "host", 443)),
        ("http://host:80", ("http", "host", 80)),
        ("http://host:8080/f", ("http", "host", 8080)),
        ("https://[2001:db8::1]:8443/", ("https", "2001:db8::1", 8443)),
        ("https://host./f", ("https", "host.", 443)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url, origin):
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (SIGNED, SIGNED),
        ("/api/resolve-cache/f?etag=1", "https://hub.example/api/resolve-cache/f?etag=1"),
        ("c?y=2", "https://hub.example/a/c?y=2"),
        ("//cdn.example/f?s=%2F", "https://cdn.example/f?s=%2F"),
        ("HTTPS://cdn.example/f#part", "HTTPS://cdn.example/f"),
        ("/fÃ¼r", "https://hub.example/für"),
    ],
)
def test_a_redirect_is_resolved_and_its_query_untouched(location, target):
    assert redirected(HERE, location) == target


@pytest.mark.parametrize(
    "location",
    [
        "http://hub.example/f",
        "ftp://cdn.example/f",
        "https://u:p@cdn.example/f",
        "https://[::1/",
        "a\0b",
    ],
)
def test_a_redirect_leads_only_where_it_may(location):
    for here in (HERE, HERE.replace("https", "HTTPS")):
        with pytest.raises(DownloadBroken):
            redirected(here, location)


@pytest.mark.parametrize(
    ("peer", "strictly", "at_a_private_endpoint"),
    [
        ("93.184.216.34", True, True),
        ("2606:2800:220:1:248:1893:25c8:1946", True, True),
        ("127.0.0.1", False, True),
        ("10.1.2.3", False, True),
        ("192.168.0.9", False, True),
        ("100.64.0.1", False, True),
        ("::1", False, True),
        ("fd00::1", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("64:ff9b::7f00:1", False, True),
        ("2002:7f00:1::", False, True),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("fe80::1%eth0", False, False),
        ("224.0.0.1", False, False),
        ("ff02::1", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
    ],
)
def test_which_peers_may_be_connected_to(peer, strictly, at_a_private_endpoint):
    for private, allowed in ((False, strictly), (True, at_a_private_endpoint)):
        if allowed:
            require_allowed("host.example", peer, private)
        else:
            with pytest.raises(DownloadBroken, match=r"host\.example leads to the"):
                require_allowed("host.example", peer, private)
