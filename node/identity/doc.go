// Package identity is who a person is: an account, and the devices that the
// account vouches for (PROTOCOL.md §2).
//
// It holds keys and certificates as values and derives keys from them. It
// refuses to know where they are kept, which topics exist, and the peer id of
// the installation, which is never one of these keys. No goroutine, file or socket.
//
//	a, err := identity.NewAccount()
//	d, err := identity.NewDevice()
//	cert := a.Certify(d.Public(), time.Now())
//	who, err := identity.OpenCertificate(cert) // who.Account, who.Device
package identity
