package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// smallLink is what a QR code shows: one device, a name, one address, a mailbox.
func smallLink(t testing.TB) Link {
	return Link{
		Devices: []Certificate{certOf(t, 1, 2, then)}, Created: then.Add(time.Hour),
		Secret:     [SecretSize]byte(bytes.Repeat([]byte{0x5e}, SecretSize)),
		PrekeyHash: sha256.Sum256([]byte("prekey")), Name: "Zoë",
		Addresses: [][]byte{bytes.Repeat([]byte{0xad}, 8+41)}, // /ip4/…/tcp/… with /p2p/ and an Ed25519 peer id
	}
}

func largeLink(t testing.TB) Link {
	l := smallLink(t)
	l.Devices = append(l.Devices, certOf(t, 1, 4, then), certOf(t, 1, 3, then))
	l.Prekey = bytes.Repeat([]byte{7}, PrekeySize)
	l.PrekeyHash = sha256.Sum256(l.Prekey)
	l.Mailboxes = [][]byte{bytes.Repeat([]byte{9}, MaxMailbox), {8}}
	return l
}

func bareLink(t testing.TB) Link {
	l := smallLink(t)
	l.Name, l.Addresses = "", nil
	return l
}

func sign(t testing.TB, l Link) string {
	t.Helper()
	text, err := device(2).SignLink(l)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestLinkVectors(t *testing.T) {
	type vector struct {
		What, DeviceSeed, Account, Secret, PrekeyHash, Name, Text string
		Created                                                   int64
		Devices, Addresses, Mailboxes                             []string
	}
	hexes := func(list [][]byte) (out []string) {
		for _, b := range list {
			out = append(out, hex.EncodeToString(b))
		}
		return out
	}
	links := map[string]Link{"bare": bareLink(t), "small": smallLink(t), "whole prekey, three devices": largeLink(t)}
	var in, vs []vector
	for _, what := range []string{"bare", "small", "whole prekey, three devices"} {
		l := links[what]
		k := l.Account()
		v := vector{What: what, DeviceSeed: hex.EncodeToString(device(2).Seed()), Account: hex.EncodeToString(k[:]), Secret: hex.EncodeToString(l.Secret[:]),
			PrekeyHash: hex.EncodeToString(l.PrekeyHash[:]), Name: l.Name, Text: sign(t, l), Created: l.Created.UnixMilli(),
			Addresses: hexes(l.Addresses), Mailboxes: hexes(l.Mailboxes)}
		for _, c := range l.Devices {
			v.Devices = append(v.Devices, hex.EncodeToString(c.Bytes()))
		}
		in = append(in, v)
		t.Logf("%s: %d bytes, %d characters", what, len(l.said())+signatureSize+checkSize, len(v.Text))
	}
	golden(t, "link.json", in, &vs)
	if !reflect.DeepEqual(in, vs) {
		t.Errorf("%+v, want %+v", in, vs)
	}
	for _, v := range vs {
		got, err := ParseLink(v.Text)
		if err != nil || !reflect.DeepEqual(got, links[v.What]) {
			t.Errorf("%s: %+v, %v", v.What, got, err)
		}
	}
}

func TestParseLinkForgives(t *testing.T) {
	want := smallLink(t)
	text := sign(t, want)
	var lines []string
	for part := range slices.Chunk([]byte(text), 70) {
		lines = append(lines, string(part))
	}
	for name, s := range map[string]string{
		"plain": text, "around": "Write to me: " + text + ". See you!", "capitals": "LINNET:" + text[7:], "slashes": "linnet://" + text[7:],
		"angles": "<" + text + ">", "italics": "_" + text + "_", "glued": text + "and", "lines": strings.Join(lines, "\r\n"), "quoted": "> " + strings.Join(lines, "\n> "),
		"spaces": strings.Join(lines, " "), "after the scheme": "linnet:\n" + text[7:], "zero width": strings.Join(lines, "\u200b"), "soft hyphen": strings.Join(lines, "\u00ad"),
		"words behind": text + " hello", "behind a topic link": "linnet:hQFYIAAA and " + text, "the scheme in words": "my linnet: link is " + text,
	} {
		if got, err := ParseLink(s); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseLinkSaysWhatIsWrong(t *testing.T) {
	text := sign(t, smallLink(t))
	raw := func(change func(b []byte)) string {
		b, err := base64.RawURLEncoding.DecodeString(text[7:])
		if err != nil {
			t.Fatal(err)
		}
		b = b[:len(b)-checkSize]
		change(b)
		return frame(b)
	}
	for _, c := range []struct {
		name, text string
		want       error
		says       string
	}{
		{"nothing", "", ErrNotContact, "begins with"},
		{"a web address", "https://example.org", ErrNotContact, "begins with"},
		{"the scheme alone", "linnet:", ErrNotContact, "something else"},
		{"a topic link", "linnet:hQFYIAAA", ErrNotContact, "something else"},
		{"a book", strings.Repeat(text, 500), ErrNotContact, "too long"},
		{"three characters", text[:10], ErrLink, "nearly all"},
		{"cut", text[:200], ErrLink, "only 193 of its"},
		{"cut with dots", text[:200] + "...", ErrLink, "copy all of it"},
		{"cut with an ellipsis", text[:200] + "… more", ErrLink, "only 193"},
		{"the last one missing", text[:len(text)-1], ErrLink, "copy all of it"},
		{"cut, and words behind", text[:200] + strings.Repeat(" hello", 100), ErrLink, "wrong or missing"},
		{"one changed", text[:100] + "_" + text[101:], ErrLink, "wrong or missing"},
		{"one left out of the middle", text[:100] + text[101:] + "x", ErrLink, "wrong or missing"},
		{"case lost", strings.ToLower(text[:7]) + "Qw" + strings.ToLower(text[9:]), ErrLink, ""},
		{"a percent sign", text[:100] + "%20" + text[100:], ErrLink, "only 93"},
		{"newer", raw(func(b []byte) { b[1] = 2 }), ErrNewerLink, "update"},
		{"too short to be one", frame([]byte{linkKind, 1, 0, 4}), ErrLink, "makes no sense"},
		{"a length of nothing", frame([]byte{linkKind, 1, 0, 0}), ErrLink, ""},
		{"a length beyond the limit", frame(append([]byte{linkKind, 1, 0xff, 0xff}, make([]byte, 100)...)), ErrLink, "at most"},
		{"another name", raw(func(b []byte) { b[bytes.Index(b, []byte("Zoë"))] = 'X' }), ErrLink, "not what its owner signed"},
		{"another device", raw(func(b []byte) { b[headSize+32+1] ^= 1 }), ErrLink, "does not belong"},
		{"another account", raw(func(b []byte) { b[headSize] ^= 1 }), ErrLink, "does not belong"},
		{"no secret", raw(func(b []byte) {
			i := bytes.Index(b, bytes.Repeat([]byte{0x5e}, SecretSize))
			copy(b[i:], make([]byte, SecretSize))
		}), ErrLink, "no secret"},
		{"a name that turns the text", raw(func(b []byte) { i := bytes.Index(b, []byte("Zoë")); copy(b[i:], "Z\x00\x01\x02") }), ErrLink, "not a name"},
	} {
		_, err := ParseLink(c.text)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v and %q", c.name, err, c.want, c.says)
		}
	}
	// Whatever one character becomes, the link is refused.
	for i := len(linkScheme); i < len(text); i++ {
		for _, s := range []string{text[:i] + "A" + text[i+1:], text[:i] + text[i+1:]} {
			if _, err := ParseLink(s); err == nil && s != text {
				t.Errorf("character %d changed: taken", i)
			}
		}
	}
}

func TestSignLinkLimits(t *testing.T) {
	for name, change := range map[string]func(l *Link){
		"no device":      func(l *Link) { l.Devices = nil },
		"another's link": func(l *Link) { l.Devices = []Certificate{certOf(t, 1, 3, then)} },
		"twice":          func(l *Link) { l.Devices = append(l.Devices, l.Devices[0]) },
		"two accounts":   func(l *Link) { l.Devices = append(l.Devices, certOf(t, 9, 3, then)) },
		"five devices": func(l *Link) {
			l.Devices = append(l.Devices, certOf(t, 1, 3, then), certOf(t, 1, 4, then), certOf(t, 1, 5, then), certOf(t, 1, 6, then))
		},
		"no secret":        func(l *Link) { l.Secret = [SecretSize]byte{} },
		"no prekey":        func(l *Link) { l.PrekeyHash = [32]byte{} },
		"half a prekey":    func(l *Link) { l.Prekey = make([]byte, 600) },
		"an empty prekey":  func(l *Link) { l.Prekey = []byte{} },
		"name":             func(l *Link) { l.Name = " x" },
		"nine addresses":   func(l *Link) { l.Addresses = slices.Repeat([][]byte{{1}}, 9) },
		"a long address":   func(l *Link) { l.Addresses = [][]byte{make([]byte, MaxAddress+1)} },
		"an empty address": func(l *Link) { l.Addresses = [][]byte{{}} },
		"five mailboxes":   func(l *Link) { l.Mailboxes = slices.Repeat([][]byte{{1}}, 5) },
		"a long mailbox":   func(l *Link) { l.Mailboxes = [][]byte{make([]byte, MaxMailbox+1)} },
		"too much in all": func(l *Link) {
			l.Prekey = make([]byte, PrekeySize)
			l.Addresses = slices.Repeat([][]byte{make([]byte, MaxAddress)}, 8)
		},
	} {
		l := smallLink(t)
		change(&l)
		if text, err := device(2).SignLink(l); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %d characters, %v", name, len(text), err)
		}
	}
	l := smallLink(t) // all that there can be with a prekey by hash
	l.Name = strings.Repeat("n", MaxName)
	l.Devices = append(l.Devices, certOf(t, 1, 3, then), certOf(t, 1, 4, then), certOf(t, 1, 5, then))
	l.Addresses = slices.Repeat([][]byte{make([]byte, 200)}, MaxLinkAddresses)
	l.Mailboxes = slices.Repeat([][]byte{bytes.Repeat([]byte{1}, 100)}, MaxMailboxes)
	text := sign(t, l)
	if got, err := ParseLink(text); err != nil || !reflect.DeepEqual(got, l) {
		t.Errorf("%d characters: %v", len(text), err)
	}
	s1, err1 := NewLinkSecret()
	s2, err2 := NewLinkSecret()
	if err1 != nil || err2 != nil || s1 == s2 {
		t.Error("NewLinkSecret")
	}
}

func FuzzParseLink(f *testing.F) {
	for _, l := range []Link{bareLink(f), smallLink(f), largeLink(f)} {
		f.Add(sign(f, l))
	}
	f.Add("linnet:QwEBAA")
	f.Add("linnet:\u200b>QwEB AA…")
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLink(s)
		if err == nil && (l.check() != nil || l.Account() == Key{}) {
			t.Errorf("%+v", l)
		}
		if err != nil && !errors.Is(err, ErrLink) && !errors.Is(err, ErrNotContact) && !errors.Is(err, ErrNewerLink) {
			t.Error(err)
		}
	})
}

// FuzzDecodeLink goes past checksum and signatures, which a fuzzer does not find.
func FuzzDecodeLink(f *testing.F) {
	for _, l := range []Link{bareLink(f), smallLink(f), largeLink(f)} {
		f.Add(append(l.said(), make([]byte, signatureSize)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, said, sig, err := decodeLink(b)
		if err != nil {
			return
		}
		if len(b) >= headSize { // unframe has seen to the head
			b = bytes.Clone(b)
			b[0], b[1] = linkKind, version
			binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		}
		if got := slice(l.said(), sig); !bytes.Equal(got, b) || len(said)+len(sig) != len(b) {
			t.Errorf("%x is written as %x", b, got)
		}
	})
}
