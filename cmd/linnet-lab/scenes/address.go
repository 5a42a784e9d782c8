package scenes

import "net/netip"

// Addresses. Those outside are public ones, which nobody takes for a local network.
const (
	clientNet    = "192.168.77.0/24"
	clientAddr   = "192.168.77.2"
	clientRouter = "192.168.77.1"
	clientPublic = "11.1.0.1" // what the outside sees
)

// serverAddr is the address of the i-th host outside.
func serverAddr(i int) string { return netip.AddrFrom4([4]byte{11, byte(20 + i), 0, 2}).String() }

func serverRouter(i int) string { return netip.AddrFrom4([4]byte{11, byte(20 + i), 0, 1}).String() }
