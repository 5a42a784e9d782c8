// Package identity is who a person is: an account, the phrase of words that
// brings it back, the devices that it vouches for, and how people make sure of
// each other (PROTOCOL.md §2).
//
// It holds keys and signed statements as values, and derives, signs, checks and
// merges them. It refuses to know where they are kept, which topics exist, how a
// link's addresses are dialled, and the peer id of the installation, which is
// never one of these keys. No goroutine, file or socket; time is passed in.
//
//	a, err := identity.NewAccount()
//	words := a.Phrase()                          // on paper; ParsePhrase brings a back
//	d, err := identity.NewDevice()
//	cert, err := identity.OpenCertificate(a.Certify(d.Public(), time.Now()))
//	link, err := d.SignLink(identity.Link{Devices: []identity.Certificate{cert}, …})
//	ben, err := identity.ParseLink(text)         // what Ben sent
//	identity.NewSafetyNumber(a.Public(), ben.Account())
package identity
