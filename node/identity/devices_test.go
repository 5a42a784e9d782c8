package identity

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestCertificateVectors(t *testing.T) {
	type vector struct {
		AccountSeed, DeviceSeed string
		Issued                  int64
		Account, Device, Bytes  string
	}
	c := certOf(t, 1, 2, then)
	in := []vector{{hex.EncodeToString(account(1).Seed()), hex.EncodeToString(device(2).Seed()), then.UnixMilli(),
		hex.EncodeToString(c.Account[:]), hex.EncodeToString(c.Device[:]), hex.EncodeToString(c.Bytes())}}
	var vs []vector
	golden(t, "certificate.json", in, &vs)
	if !reflect.DeepEqual(in, vs) {
		t.Errorf("%+v, want %+v", in, vs)
	}
	b := unhex(t, vs[0].Bytes)
	got, err := OpenCertificate(b)
	if err != nil || got != c || len(b) != CertificateSize || got.Account != account(1).Public() || got.Device != device(2).Public() || !got.Issued.Equal(then) {
		t.Errorf("%d bytes: %+v, %v", len(b), got, err)
	}
	eachByte(b, func(what string, i int, bad []byte) {
		if _, err := OpenCertificate(bad); err == nil {
			t.Errorf("%s at %d: taken", what, i)
		}
	})
	b[0] = 2
	if _, err := OpenCertificate(b); !errors.Is(err, ErrVersion) {
		t.Errorf("version 2: %v", err)
	}
	if _, err := OpenCertificate(account(1).Certify(Key{}, then)); !errors.Is(err, ErrForm) {
		t.Errorf("device zero, which stands for all: %v", err)
	}
}

func TestRevocationVectors(t *testing.T) {
	type vector struct {
		AccountSeed, Device string
		Time, LastValid     int64
		Bytes               string
	}
	a, d := account(1), device(2).Public()
	before := then.Add(-time.Hour)
	seed := hex.EncodeToString(a.Seed())
	in := []vector{
		{seed, hex.EncodeToString(d[:]), then.UnixMilli(), before.UnixMilli(), hex.EncodeToString(a.Revoke(d, then, before))},
		{seed, hex.EncodeToString(make([]byte, 32)), then.UnixMilli(), then.UnixMilli(), hex.EncodeToString(a.RevokeOlder(then))},
	}
	var vs []vector
	golden(t, "revocation.json", in, &vs)
	if !reflect.DeepEqual(in, vs) {
		t.Errorf("%+v, want %+v", in, vs)
	}
	for _, v := range vs {
		b := unhex(t, v.Bytes)
		got, err := OpenRevocation(b)
		if err != nil || hex.EncodeToString(got.Device[:]) != v.Device || got.Time.UnixMilli() != v.Time || got.LastValid.UnixMilli() != v.LastValid || !bytes.Equal(got.Bytes(), b) {
			t.Errorf("%+v, %v", got, err)
		}
		eachByte(b, func(what string, i int, bad []byte) {
			if _, err := OpenRevocation(bad); err == nil {
				t.Errorf("%s at %d: taken", what, i)
			}
		})
	}
	if v, err := OpenRevocation(a.Revoke(d, then, then.Add(time.Hour))); err != nil || !v.LastValid.Equal(then) {
		t.Errorf("valid longer than it was said: %+v, %v", v, err)
	}
}

// A clock that is wrong beyond measure must not make bytes that nobody can read.
func TestTimesOutOfBounds(t *testing.T) {
	for _, at := range []time.Time{{}, time.UnixMilli(-5), time.UnixMilli(1 << 60)} {
		c, err := OpenCertificate(account(1).Certify(device(2).Public(), at))
		if err != nil || c.Issued.UnixMilli() < 0 || c.Issued.UnixMilli() >= maxTime {
			t.Errorf("%v: %+v, %v", at, c, err)
		}
	}
}

func listOf(t testing.TB, certs []Certificate, revocations ...Revocation) DeviceList {
	t.Helper()
	l, err := NewDeviceList(account(1).Public(), certs, revocations)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestDeviceList(t *testing.T) {
	at := func(n int) time.Time { return then.Add(time.Duration(n) * time.Hour) }
	c2, c3, c4 := certOf(t, 1, 2, at(2)), certOf(t, 1, 3, at(3)), certOf(t, 1, 4, at(4))
	l := listOf(t, []Certificate{c4, c2, c3}, revocationOf(t, 1, 3, at(5)))
	if got := l.Devices(); !reflect.DeepEqual(got, []Certificate{c2, c4}) || !l.Active(c2.Device) || l.Active(c3.Device) || l.Active(Key{9}) {
		t.Errorf("%+v", got)
	}
	again := listOf(t, []Certificate{certOf(t, 1, 3, at(9)), certOf(t, 1, 2, at(9))})
	l, err := l.Merge(again)
	if err != nil || l.Active(c3.Device) || !l.Active(c2.Device) || !l.Devices()[1].Issued.Equal(at(9)) {
		t.Errorf("a removed device comes back, or the older certificate counts: %+v, %v", l.Devices(), err)
	}

	older, err := OpenRevocation(account(1).RevokeOlder(at(4)))
	if err != nil {
		t.Fatal(err)
	}
	l = listOf(t, []Certificate{c2, c3, c4}, older)
	if got := l.Devices(); !reflect.DeepEqual(got, []Certificate{c4}) {
		t.Errorf("after all older ones were removed: %+v", got)
	}
	if l, err = l.Merge(again); err != nil || len(l.Devices()) != 3 {
		t.Errorf("a device that was certified again is not back: %+v, %v", l.Devices(), err)
	}

	other, err := NewDeviceList(account(7).Public(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Merge(other); !errors.Is(err, ErrAccount) {
		t.Errorf("lists of two accounts: %v", err)
	}
	if _, err := NewDeviceList(account(7).Public(), []Certificate{c2}, nil); !errors.Is(err, ErrAccount) {
		t.Errorf("another account's certificate: %v", err)
	}
	if _, err := NewDeviceList(account(7).Public(), nil, []Revocation{older}); !errors.Is(err, ErrAccount) {
		t.Errorf("another account's revocation: %v", err)
	}
}

// TestDeviceListMerge merges the same statements in random shares, orders and
// groupings, with repetitions, below the limits and above them. Signatures do
// not matter here, so they are not made.
func TestDeviceListMerge(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	who := account(1).Public()
	for round := range 400 {
		devices, statements := 1+r.IntN(12), r.IntN(40)
		if round%2 == 1 {
			devices, statements = 1+r.IntN(120), r.IntN(500)
		}
		sig := func() (s [64]byte) { s[0] = byte(r.IntN(3)); return s }
		var certs []Certificate
		var revocations []Revocation
		for range statements {
			d, at := Key{byte(1 + r.IntN(devices))}, time.UnixMilli(int64(r.IntN(200)))
			switch r.IntN(5) {
			case 0, 1:
				if r.IntN(30) == 0 {
					d = Key{}
				}
				revocations = append(revocations, Revocation{Account: who, Device: d, Time: at, LastValid: at, sig: sig()})
			default:
				certs = append(certs, Certificate{Account: who, Device: d, Issued: at, sig: sig()})
			}
		}
		want, err := NewDeviceList(who, certs, revocations)
		if err != nil {
			t.Fatal(err)
		}
		shares := make([]DeviceList, 1+r.IntN(6))
		for i := range shares {
			shares[i].account = who
		}
		put := func(c []Certificate, v []Revocation) {
			for range 1 + r.IntN(2) {
				one, err := NewDeviceList(who, c, v)
				if err != nil {
					t.Fatal(err)
				}
				i := r.IntN(len(shares))
				shares[i] = merge(t, r, shares[i], one)
			}
		}
		for _, i := range r.Perm(len(certs) + len(revocations)) {
			if i < len(certs) {
				put(certs[i:i+1], nil)
			} else {
				put(nil, revocations[i-len(certs):][:1])
			}
		}
		for len(shares) > 1 { // any two next, so any grouping
			i := 1 + r.IntN(len(shares)-1)
			shares[i-1] = merge(t, r, shares[i-1], shares[i])
			shares = slices.Delete(shares, i, i+1)
		}
		got := shares[0]
		if !bytes.Equal(got.Bytes(), want.Bytes()) || !bytes.Equal(merge(t, r, got, want).Bytes(), want.Bytes()) {
			t.Fatalf("round %d: %d certificates and %d revocations, want %d and %d, or others", round, len(got.certs), len(got.revocations), len(want.certs), len(want.revocations))
		}
		removalsWin(t, got, certs, revocations)
		if back, err := decodeDeviceList(got.Bytes()); err != nil || !reflect.DeepEqual(back, got) && len(certs)*len(revocations) > 0 {
			t.Fatalf("round %d: read back: %v", round, err)
		}
	}
}

func merge(t *testing.T, r *rand.Rand, a, b DeviceList) DeviceList {
	t.Helper()
	if r.IntN(2) == 0 {
		a, b = b, a
	}
	out, err := a.Merge(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// removalsWin holds a list against the plain model of all statements, in which
// nothing is forgotten: what is active in the list must be active there, and
// below the limits the other way round too.
func removalsWin(t *testing.T, l DeviceList, certs []Certificate, revocations []Revocation) {
	t.Helper()
	known, issued, revoked := map[Key]bool{}, map[Key]time.Time{}, map[Key]time.Time{}
	for _, c := range certs {
		known[c.Device] = true
		if c.Issued.After(issued[c.Device]) || issued[c.Device].IsZero() {
			issued[c.Device] = c.Issued
		}
	}
	for _, v := range revocations {
		if v.Time.After(revoked[v.Device]) || revoked[v.Device].IsZero() {
			revoked[v.Device] = v.Time
		}
	}
	forgotten, full := len(revoked) > MaxRevocations, len(revoked) >= MaxRevocations
	for d := range known {
		at, named := revoked[d]
		older := issued[d].Before(revoked[Key{}])
		// A device may only be back if it was certified after a revocation that
		// was forgotten, which an account does not do.
		back := forgotten && issued[d].After(at)
		if l.Active(d) && (older || named && !back) {
			t.Errorf("device %x is active, and was removed", d[0])
		}
		if !l.Active(d) && !older && !named && !full && len(known) <= MaxDevices {
			t.Errorf("device %x is not active, and was not removed", d[0])
		}
	}
}

func TestDeviceListVectors(t *testing.T) {
	l := listOf(t, []Certificate{certOf(t, 1, 2, then), certOf(t, 1, 3, then.Add(time.Second))}, revocationOf(t, 1, 3, then.Add(time.Minute)))
	in, want := []string{hex.EncodeToString(l.Bytes())}, []string{}
	golden(t, "devices.json", in, &want)
	if !reflect.DeepEqual(in, want) {
		t.Errorf("%s, want %s", in, want)
	}
	b := unhex(t, want[0])
	got, err := OpenDeviceList(b)
	if err != nil || !reflect.DeepEqual(got, l) || got.Account() != account(1).Public() || len(got.Revocations()) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	eachByte(b, func(what string, i int, bad []byte) {
		if _, err := OpenDeviceList(bad); err == nil {
			t.Errorf("%s at %d: taken", what, i)
		}
	})
}

func TestDeviceListLimits(t *testing.T) {
	var certs []Certificate
	var revocations []Revocation
	for i := range 100 {
		certs = append(certs, Certificate{Account: account(1).Public(), Device: Key{byte(i + 1)}, Issued: then.Add(time.Duration(i) * time.Hour)})
		revocations = append(revocations, Revocation{Account: account(1).Public(), Device: Key{byte(i + 1), 1}, Time: then, LastValid: then})
	}
	l := listOf(t, certs, revocations...)
	if n := len(l.Bytes()); n != MaxDeviceList || len(l.Devices()) != MaxDevices || !l.Active(Key{100}) || l.Active(Key{1}) {
		t.Errorf("%d bytes, %d devices", n, len(l.Devices()))
	}
	if _, err := decodeDeviceList(l.Bytes()); err != nil {
		t.Error(err)
	}
}

func FuzzOpenCertificate(f *testing.F) {
	f.Add(account(1).Certify(device(2).Public(), then))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := OpenCertificate(b); err == nil && !bytes.Equal(c.Bytes(), b) {
			t.Errorf("%+v", c)
		}
	})
}

func FuzzOpenRevocation(f *testing.F) {
	f.Add(account(1).Revoke(device(2).Public(), then, then))
	f.Add(account(1).RevokeOlder(then))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := OpenRevocation(b); err == nil && !bytes.Equal(v.Bytes(), b) {
			t.Errorf("%+v", v)
		}
	})
}

// FuzzDecodeDeviceList goes past the signatures, which a fuzzer does not find.
func FuzzDecodeDeviceList(f *testing.F) {
	f.Add(listOf(f, []Certificate{certOf(f, 1, 2, then)}, revocationOf(f, 1, 3, then)).Bytes())
	f.Add(listOf(f, nil).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := decodeDeviceList(b)
		if err != nil {
			return
		}
		if !bytes.Equal(l.Bytes(), b) || len(b) > MaxDeviceList {
			t.Errorf("%x is written as %x", b, l.Bytes())
		}
		if m, err := l.Merge(l); err != nil || !bytes.Equal(m.Bytes(), b) {
			t.Errorf("merged with itself it changes: %v", err)
		}
	})
}

func BenchmarkOpenDeviceList(b *testing.B) {
	var certs []Certificate
	var revocations []Revocation
	for i := range byte(MaxRevocations) {
		certs = append(certs, certOf(b, 1, i, then))
		revocations = append(revocations, revocationOf(b, 1, i, then))
	}
	raw := listOf(b, certs, revocations...).Bytes()
	for b.Loop() {
		if _, err := OpenDeviceList(raw); err != nil {
			b.Fatal(err)
		}
	}
}
