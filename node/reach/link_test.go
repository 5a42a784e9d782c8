package reach

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/linnet-im/linnet/node/reach/front"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

func testPeer(t testing.TB) []byte {
	t.Helper()
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(id)
}

func testDoor() front.Door {
	return front.Door{Name: "www.garden-notes.example", Pin: [32]byte(bytes.Repeat([]byte{0xa1}, 32)), Pass: [16]byte(bytes.Repeat([]byte{0x5e}, 16))}
}

func testLinks(t testing.TB) map[string]Link {
	d := testDoor()
	vouched := d
	vouched.Pin, vouched.Name = [32]byte{}, "example.org"
	return map[string]Link{
		"pinned, two addresses": {Name: "Zoë", Peer: testPeer(t), At: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:443"), netip.MustParseAddrPort("[2001:db8::7]:8443")}, Door: encodeDoor(d)},
		"vouched for, no name":  {Peer: testPeer(t), At: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:443")}, Door: encodeDoor(vouched)},
	}
}

func write(t testing.TB, l Link) string {
	t.Helper()
	text, err := l.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestLinkVectors keeps links readable for ever.
func TestLinkVectors(t *testing.T) {
	type vector struct {
		What, Name, Peer, Site, Pin, Pass, Text string
		At, Addresses                           []string
	}
	const file = "testdata/bridge.json"
	links := testLinks(t)
	var in []vector
	for _, what := range slices.Sorted(func(yield func(string) bool) {
		for k := range links {
			if !yield(k) {
				return
			}
		}
	}) {
		l := links[what]
		d, err := decodeDoor(l.Door)
		if err != nil {
			t.Fatal(err)
		}
		c, err := l.Contact()
		if err != nil {
			t.Fatal(err)
		}
		v := vector{What: what, Name: l.Name, Peer: hex.EncodeToString(l.Peer), Site: d.Name, Pin: hex.EncodeToString(d.Pin[:]), Pass: hex.EncodeToString(d.Pass[:]), Text: write(t, l)}
		for i, at := range l.At {
			v.At = append(v.At, at.String())
			v.Addresses = append(v.Addresses, hex.EncodeToString(c.Addrs[i]))
		}
		t.Logf("%s: %d characters", what, len(v.Text))
		in = append(in, v)
	}
	if *update {
		b, err := json.MarshalIndent(in, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want []vector
	if err := json.Unmarshal(b, &want); err != nil || !reflect.DeepEqual(in, want) {
		t.Fatalf("%+v, want %+v, %v", in, want, err)
	}
	for _, v := range want {
		if got, err := ParseLink(v.Text); err != nil || !reflect.DeepEqual(got, links[v.What]) {
			t.Errorf("%s: %+v, %v", v.What, got, err)
		}
	}
}

func TestParseLinkForgives(t *testing.T) {
	want := testLinks(t)["pinned, two addresses"]
	text := write(t, want)
	var lines []string
	for part := range slices.Chunk([]byte(text), 60) {
		lines = append(lines, string(part))
	}
	for name, s := range map[string]string{
		"plain": text, "around": "Use this: " + text + ". Keep it!", "capitals": "LINNET:" + text[7:], "slashes": "linnet://" + text[7:],
		"glued": text + "and", "lines": strings.Join(lines, "\r\n"), "quoted": "> " + strings.Join(lines, "\n> "), "zero width": strings.Join(lines, "\u200b"),
		"behind another link": "linnet:QwEA and linnet:hQFYIAAA and " + text,
	} {
		if got, err := ParseLink(s); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseLinkSaysWhatIsWrong(t *testing.T) {
	text := write(t, testLinks(t)["pinned, two addresses"])
	raw := func(change func(b []byte) []byte) string {
		b, err := base64.RawURLEncoding.DecodeString(text[7:])
		if err != nil {
			t.Fatal(err)
		}
		return frame(change(b[:len(b)-linkCheck]))
	}
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", ErrNotBridge},
		{"words", "hello", ErrNotBridge},
		{"another kind", "linnet:hQFYIAAA", ErrNotBridge},
		{"a contact link", "linnet:QwEA", ErrNotBridge},
		{"very long", strings.Repeat("x", maxTextAround+1), ErrNotBridge},
		{"the beginning", text[:9], ErrLink},
		{"cut", text[:len(text)-1], ErrLink},
		{"half", text[:len(text)/2], ErrLink},
		{"changed", text[:40] + string('A'+(text[40]+1)%26) + text[41:], ErrLink},
		{"newer", raw(func(b []byte) []byte { b[1] = 2; return b }), ErrNewerLink},
		{"more inside", raw(func(b []byte) []byte { b = append(b, 0); b[3]++; return b }), ErrLink},
		{"no peer", raw(func(b []byte) []byte { b[6] = 9; return b }), ErrLink},
		{"no address", raw(func(b []byte) []byte { b[linkHead+1+38+1+4] = 0; return b }), ErrLink},
		{"another door", raw(func(b []byte) []byte { b[len(b)-len(encodeDoor(testDoor()))] = 9; return b }), ErrLink},
	} {
		if _, err := ParseLink(c.text); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for i := 7; i < len(text); i++ {
		if _, err := ParseLink(text[:i] + text[i+1:]); err == nil {
			t.Errorf("without character %d it is taken", i)
		}
	}
}

func TestLinkLimits(t *testing.T) {
	good := testLinks(t)["pinned, two addresses"]
	for name, change := range map[string]func(*Link){
		"no peer":           func(l *Link) { l.Peer = nil },
		"a name of a line":  func(l *Link) { l.Name = "a\nb" },
		"a name that turns": func(l *Link) { l.Name = "a\u202eb" },
		"a long name":       func(l *Link) { l.Name = strings.Repeat("x", MaxLinkName+1) },
		"no address":        func(l *Link) { l.At = nil },
		"many addresses":    func(l *Link) { l.At = slices.Repeat(l.At, MaxLinkAt) },
		"everywhere":        func(l *Link) { l.At[0] = netip.MustParseAddrPort("0.0.0.0:443") },
		"multicast":         func(l *Link) { l.At[0] = netip.MustParseAddrPort("224.0.0.1:443") },
		"a zone":            func(l *Link) { l.At[0] = netip.MustParseAddrPort("[fe80::1%eth0]:443") },
		"no port":           func(l *Link) { l.At[0] = netip.MustParseAddrPort("192.0.2.1:0") },
		"no door":           func(l *Link) { l.Door = nil },
		"a site with space": func(l *Link) { l.Door = append(slices.Clone(l.Door), ' ') },
	} {
		l := good
		l.At = slices.Clone(good.At)
		change(&l)
		if text, err := l.Text(); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	l := good
	l.Name, l.Door = strings.Repeat("x", MaxLinkName), encodeDoor(front.Door{Name: strings.Repeat(strings.Repeat("x", 49)+".", 3) + strings.Repeat("x", 50), Pin: [32]byte{1}})
	l.At = slices.Repeat([]netip.AddrPort{netip.MustParseAddrPort("[2001:db8::7]:8443")}, MaxLinkAt)
	if got, err := ParseLink(write(t, l)); err != nil || !reflect.DeepEqual(got, l) {
		t.Errorf("the largest link: %v", err)
	}
}

// TestBridgeAddress shows that an address is as good as the link that it came from,
// and that its text has no secret in it.
func TestBridgeAddress(t *testing.T) {
	l := testLinks(t)["pinned, two addresses"]
	c, err := l.Contact()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := ma.NewMultiaddr("/ip4/192.0.2.9/tcp/4040")
	if err != nil {
		t.Fatal(err)
	}
	c.Addrs = append([][]byte{plain.Bytes()}, c.Addrs...)
	odd := Contact{ID: c.ID, Addrs: [][]byte{{0xff}, insideAddr(insideVeil, [handleSize]byte{1}).Bytes(), nil}}
	if open := odd.Open(); len(open.Addrs) != 0 {
		t.Errorf("others are told of %x", open.Addrs)
	}
	again, err := LinkTo(l.Name, c)
	if err != nil || !reflect.DeepEqual(again, l) {
		t.Errorf("%+v, %v", again, err)
	}
	if open := c.Open(); len(open.Addrs) != 1 || IsSecret(open.Addrs[0]) || !bytes.Equal(open.ID, c.ID) {
		t.Errorf("open: %+v", open)
	}
	if _, err := LinkTo("", c.Open()); !errors.Is(err, ErrLink) {
		t.Errorf("a link without a door: %v", err)
	}
	for _, b := range c.Addrs[1:] {
		a, err := ma.NewMultiaddrBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		if text := a.String(); !strings.HasSuffix(text, "/linnet-bridge/secret") || strings.Contains(text, "garden") {
			t.Errorf("the text is %s", text)
		}
		if !dialable(a) {
			t.Errorf("%s is not dialled", a)
		}
	}
}

func FuzzParseLink(f *testing.F) {
	for _, l := range testLinks(f) {
		text := write(f, l)
		f.Add(text)
		f.Add("> " + text[:50] + "\n> " + text[50:])
	}
	f.Add("linnet:YgEA")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLink(text)
		if err == nil {
			sameAgain(t, l)
		}
	})
}

// FuzzLinkContent goes past the checksum, which a fuzzer does not find.
func FuzzLinkContent(f *testing.F) {
	for _, l := range testLinks(f) {
		b, err := base64.RawURLEncoding.DecodeString(write(f, l)[7:])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[linkHead : len(b)-linkCheck])
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 600 {
			return
		}
		b := append([]byte{linkKind, linkVersion, byte((len(content) + linkHead) >> 8), byte(len(content) + linkHead)}, content...)
		l, err := ParseLink(frame(b))
		if err == nil {
			sameAgain(t, l)
		}
	})
}

func sameAgain(t *testing.T, l Link) {
	t.Helper()
	if again, err := ParseLink(write(t, l)); err != nil || !reflect.DeepEqual(again, l) {
		t.Errorf("%+v becomes %+v, %v", l, again, err)
	}
	c, err := l.Contact()
	if err != nil || len(c.Addrs) != len(l.At) || len(c.Open().Addrs) != 0 {
		t.Errorf("%+v is reached at %+v, %v", l, c, err)
	}
}

func FuzzDecodeDoor(f *testing.F) {
	f.Add(encodeDoor(testDoor()))
	f.Add(encodeDoor(front.Door{Name: "a.example"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decodeDoor(b)
		if err == nil && !bytes.Equal(encodeDoor(d), b) {
			t.Errorf("%x is read as %+v", b, d)
		}
	})
}
