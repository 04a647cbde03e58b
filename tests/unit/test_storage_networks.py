"""Addresses that inputs may be fetched from: listed, and the rest refused."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.storage.networks import may_connect

PUBLIC = (
    *("1.1.1.1", "8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0"),
    *(
        "168.63.129.15",
        "168.63.129.17",
        "192.0.1.1",
        "192.88.98.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
    ),
    *("2606:2800:21f:cb07:6820:80da:af6b:8b2c", "2a00:1450:4001::200e", "2400:cb00::1", "2001:4860:4860::8888"),
    *("2003::1", "2001:200::1", "::ffff:8.8.8.8", "64:ff9b::5db8:d70e", "223.255.255.255", "2c0f:f248::1"),
)
# fmt: off
REFUSED = (
    "0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.0.8", "192.0.2.1",
    "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.1.1", "192.175.48.1", "168.63.129.16", "198.18.0.1",
    "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:168.63.129.16",
    "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::808:808",
    "64:ff9b:2::1", "100::1", "100:0:0:1::1", "1fff:ffff::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1", "2001:3::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:a00:1::", "2002:808:808::1",
    "2620:4f:8000::1", "3ffe::1", "3fff::1", "4000::1", "5f00::1", "8000::1", "fc00::1", "fd00:ec2::254",
    "fe80::1", "fe80::1%eth0", "fec0::1", "feff::1", "ff02::1", "ff0e::1",
    "2a00:1450:4001::5efe:127.0.0.1", "2a00:1450:4001:0:200:5efe:10.0.0.1", "fe80::5efe:8.8.8.8",
)
# fmt: on


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached(address: str) -> None:
    assert may_connect(address, ())


@pytest.mark.parametrize("address", REFUSED)
def test_others_are_not(address: str) -> None:
    assert not may_connect(address, ())


@given(st.ip_addresses(v=6))
def test_nothing_outside_the_block_that_is_handed_out_is_reached_as_such(address: object) -> None:
    inside = str(address).startswith(("2", "3")) and len(str(address).partition(":")[0]) == 4
    if may_connect(str(address), ()):
        assert inside or str(address).startswith(("::ffff:", "64:ff9b::"))


def test_allowed_networks_are_reached_by_any_name_of_theirs() -> None:
    allowed = (ip_network("10.1.0.0/16"), ip_network("fd00:1::/32"))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5", "8.8.8.8"):
        assert may_connect(address, allowed)
    for address in ("10.2.0.1", "fd00:2::5", "127.0.0.1", "::10.1.2.3"):
        assert not may_connect(address, allowed)


def test_what_is_no_address_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        may_connect("example.org", ())
