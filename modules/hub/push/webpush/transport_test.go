package webpush

import (
	"net/netip"
	"testing"
)

func TestPublicAddresses(t *testing.T) {
	for _, a := range []string{"8.8.8.8", "142.250.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2607:f8b0::1", "2a00:1450::1"} {
		if !public(netip.MustParseAddr(a)) {
			t.Errorf("%s refused", a)
		}
	}
	for _, a := range []string{
		"127.0.0.1", "127.255.0.1", "::1", // loopback
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "fc00::1", // private, ULA
		"169.254.169.254", "fe80::1", "fe80::1%eth0", // link-local, cloud metadata
		"100.64.0.1", "100.127.255.255", // carrier-grade NAT
		"0.0.0.0", "0.1.2.3", "::", // unspecified
		"224.0.0.1", "239.1.1.1", "ff02::1", "255.255.255.255", "240.0.0.1", // multicast, reserved
		"::ffff:8.8.8.8", "::ffff:127.0.0.1", "::127.0.0.1", // IPv4 in IPv6
		"64:ff9b::7f00:1", "2002:7f00:1::", "2001::1", // translated and tunnelled
		"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "198.18.0.1", // documentation, benchmarks
		"fec0::1", // site-local, deprecated
	} {
		if public(netip.MustParseAddr(a)) {
			t.Errorf("%s allowed", a)
		}
	}
}

func FuzzPublic(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1})
	f.Add([]byte{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := netip.AddrFromSlice(b)
		if !ok || !public(a) {
			return
		}
		if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a.Is4In6() {
			t.Fatalf("%v allowed", a)
		}
	})
}
