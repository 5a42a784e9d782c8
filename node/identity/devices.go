package identity

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// Limits of a DeviceList.
const (
	MaxDevices     = 32 // certified devices, the removed ones too
	MaxRevocations = 64
	// MaxDeviceList is the length in bytes of the longest list.
	MaxDeviceList = 1 + 32 + 1 + MaxDevices*listedCertificate + 1 + MaxRevocations*listedRevocation

	listedCertificate = CertificateSize - 1 - 32 // without version and account, which all share
	listedRevocation  = RevocationSize - 1 - 32
)

// DeviceList is what is known of the devices of one account. Lists that two
// nodes have are merged: the outcome is the same whatever was merged with what
// first, and removals win (PROTOCOL.md §2.4). Treat it as immutable.
//
// The newest certificate and the newest revocation of each device count. Over a
// limit the newest stay. A device whose certificate fell out is certified
// again. When the list holds MaxRevocations, every device certified no later
// than the oldest of them is void, so that no forgotten revocation brings a
// device back.
type DeviceList struct {
	account     Key
	certs       []Certificate // ascending by device
	revocations []Revocation  // ascending by device
}

// NewDeviceList makes a list of opened certificates and revocations in any
// order. It returns ErrAccount if one is of another account.
func NewDeviceList(account Key, certs []Certificate, revocations []Revocation) (DeviceList, error) {
	for _, c := range certs {
		if c.Account != account {
			return DeviceList{}, fmt.Errorf("%w: certificate", ErrAccount)
		}
	}
	for _, v := range revocations {
		if v.Account != account {
			return DeviceList{}, fmt.Errorf("%w: revocation", ErrAccount)
		}
	}
	return DeviceList{account, newest(certs, MaxDevices), newest(revocations, MaxRevocations)}, nil
}

// Merge joins two lists of one account, else it returns ErrAccount.
func (l DeviceList) Merge(other DeviceList) (DeviceList, error) {
	if l.account != other.account {
		return DeviceList{}, fmt.Errorf("%w: device list", ErrAccount)
	}
	return NewDeviceList(l.account, slices.Concat(l.certs, other.certs), slices.Concat(l.revocations, other.revocations))
}

// Account returns whose devices these are.
func (l DeviceList) Account() Key { return l.account }

// Devices returns the certificates of the devices that belong to the account
// now, the oldest first.
func (l DeviceList) Devices() []Certificate {
	var out []Certificate
	for _, c := range l.certs {
		if !l.Voids(c) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Certificate) int { return a.place().compare(b.place()) })
	return out
}

// Active reports whether device belongs to the account as far as this list knows.
func (l DeviceList) Active(device Key) bool {
	i, ok := slices.BinarySearchFunc(l.certs, device, func(c Certificate, k Key) int { return bytes.Compare(c.Device[:], k[:]) })
	return ok && !l.Voids(l.certs[i])
}

// Revocations returns the revocations that the list holds. The slice is the caller's.
func (l DeviceList) Revocations() []Revocation { return slices.Clone(l.revocations) }

// Voids reports whether c, a certificate of the same account, no longer counts.
func (l DeviceList) Voids(c Certificate) bool {
	if slices.ContainsFunc(l.revocations, func(v Revocation) bool { return v.voids(c) }) {
		return true
	}
	if len(l.revocations) < MaxRevocations {
		return false
	}
	oldest := slices.MinFunc(l.revocations, func(a, b Revocation) int { return a.place().compare(b.place()) })
	return !c.Issued.After(oldest.Time)
}

// Bytes writes the list, the same bytes for the same list.
func (l DeviceList) Bytes() []byte {
	b := append([]byte{version}, l.account[:]...)
	b = append(b, byte(len(l.certs)))
	for _, c := range l.certs {
		b = append(b, c.Bytes()[1+32:]...)
	}
	b = append(b, byte(len(l.revocations)))
	for _, v := range l.revocations {
		b = append(b, v.Bytes()[1+32:]...)
	}
	return b
}

// OpenDeviceList checks a list from anybody, up to 96 signatures, about 5 ms.
// The caller compares Account. The errors are ErrForm, ErrVersion and ErrSignature.
func OpenDeviceList(b []byte) (DeviceList, error) {
	l, err := decodeDeviceList(b)
	if err != nil {
		return DeviceList{}, fmt.Errorf("%w: device list", err)
	}
	for _, c := range l.certs {
		if err := c.verify(); err != nil {
			return DeviceList{}, err
		}
	}
	for _, v := range l.revocations {
		if err := v.verify(); err != nil {
			return DeviceList{}, err
		}
	}
	return l, nil
}

// decodeDeviceList reads only the form that Bytes writes.
func decodeDeviceList(b []byte) (DeviceList, error) {
	r, err := open(b)
	if err != nil {
		return DeviceList{}, err
	}
	l := DeviceList{account: r.key()}
	for range r.count(MaxDevices) {
		l.certs = append(l.certs, Certificate{Account: l.account, Device: r.key(), Issued: r.time(), sig: r.sig()})
	}
	for range r.count(MaxRevocations) {
		v := Revocation{Account: l.account, Device: r.key(), Time: r.time(), LastValid: r.time(), sig: r.sig()}
		r.bad = r.bad || v.LastValid.After(v.Time)
		l.revocations = append(l.revocations, v)
	}
	if !r.whole() || !ascending(l.certs) || !ascending(l.revocations) || (len(l.certs) > 0 && l.certs[0].Device == Key{}) {
		return DeviceList{}, ErrForm
	}
	return l, nil
}

// place is where a statement stands: the later one comes last. Its order is
// total and depends on nothing but the statement.
type place struct {
	ms     int64
	device Key
	sig    [signatureSize]byte
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.ms, q.ms), bytes.Compare(p.device[:], q.device[:]), bytes.Compare(p.sig[:], q.sig[:]))
}

type placed interface{ place() place }

// newest returns the newest statement about each device, of those the newest
// limit, ascending by device.
func newest[T placed](all []T, limit int) []T {
	out := slices.Clone(all)
	slices.SortFunc(out, func(a, b T) int { return b.place().compare(a.place()) })
	seen := map[Key]bool{}
	out = slices.DeleteFunc(out, func(v T) bool {
		device := v.place().device
		again := seen[device]
		seen[device] = true
		return again
	})
	out = out[:min(len(out), limit)]
	slices.SortFunc(out, byDevice[T])
	return out
}

func byDevice[T placed](a, b T) int {
	p, q := a.place().device, b.place().device
	return bytes.Compare(p[:], q[:])
}

func ascending[T placed](s []T) bool {
	for i := 1; i < len(s); i++ {
		if byDevice(s[i-1], s[i]) >= 0 {
			return false
		}
	}
	return true
}
