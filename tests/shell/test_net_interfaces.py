from triortc.net.interfaces import MAX_ADDRESSES, local_addresses, select_addresses


def test_loopback_comes_last_and_always() -> None:
    assert select_addresses(["127.0.0.1", "::1", "192.0.2.7"]) == ["192.0.2.7", "127.0.0.1"]
    assert select_addresses([]) == ["127.0.0.1"]


def test_a_host_with_loopback_alone_also_offers_its_ipv6_loopback() -> None:
    assert select_addresses(["::1", "127.0.0.1"]) == ["127.0.0.1", "::1"]


def test_link_local_and_not_unicast_addresses_are_left_out() -> None:
    configured = ["fe80::1", "fe80::2%eth0", "224.0.0.1", "ff02::1", "0.0.0.0", "::", "::ffff:192.0.2.1"]
    assert select_addresses(configured) == ["127.0.0.1"]


def test_an_ipv4_address_without_dhcp_is_still_good() -> None:
    assert select_addresses(["169.254.7.7"]) == ["169.254.7.7", "127.0.0.1"]


def test_no_address_comes_twice_in_whatever_notation() -> None:
    assert select_addresses(["2001:DB8:0::7", "2001:db8::7"]) == ["2001:db8::7", "127.0.0.1"]


def test_a_host_of_many_addresses_gathers_on_sixteen() -> None:
    selected = select_addresses([f"192.0.2.{number}" for number in range(1, 100)])
    assert len(selected) == MAX_ADDRESSES
    assert selected[-1] == "127.0.0.1"


def test_this_host_has_at_least_loopback() -> None:
    addresses = local_addresses()
    assert "127.0.0.1" in addresses
    assert not any("%" in address for address in addresses)
