package topic

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/linnet-im/linnet/node/record"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

func testLink() Link {
	return Link{
		Topic: record.TopicID(bytes.Repeat([]byte{0xab}, 32)), Kind: Broadcast, Name: "Ärzte ohne Server",
		Peers: []Contact{{ID: bytes.Repeat([]byte{1}, 38), Addrs: [][]byte{{4, 192, 0, 2, 1, 6, 0x0f, 0xc8}}}},
	}
}

// TestLinkVectors keeps links readable for ever.
func TestLinkVectors(t *testing.T) {
	type vector struct{ Topic, Name, Kind, Text string }
	const file = "testdata/links.json"
	if *update {
		l := testLink()
		b, err := json.MarshalIndent([]vector{{hex.EncodeToString(l.Topic[:]), l.Name, l.Kind.String(), l.String()}}, "", "  ")
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
	var vs []vector
	if err := json.Unmarshal(b, &vs); err != nil || len(vs) == 0 {
		t.Fatalf("%d vectors: %v", len(vs), err)
	}
	for _, v := range vs {
		l, err := ParseLink(v.Text)
		if err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(l.Topic[:]) != v.Topic || l.Name != v.Name || l.Kind.String() != v.Kind || l.String() != v.Text {
			t.Errorf("%+v is not %+v", l, v)
		}
	}
}

func TestParseLink(t *testing.T) {
	want := testLink()
	text := want.String()
	for _, s := range []string{text, "  " + text + "\n", "Follow me: " + text + ". See you!", "LINNET:" + text[7:], "linnet://" + text[7:], "<" + text + ">"} {
		if got, err := ParseLink(s); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	bad := []string{"", "hello", "https://example.org", "linnet:", "linnet:AAAA", text[:len(text)-1], text[:40], text + "A", "linnet:" + strings.Repeat("A", 3*MaxLinkText)}
	for i := len("linnet:"); i < len(text); i += 7 {
		bad = append(bad, text[:i]+"_"+text[i+1:], text[:i]+text[i+1:])
	}
	for _, s := range bad {
		if l, err := ParseLink(s); !errors.Is(err, ErrLink) && l.String() != text {
			t.Errorf("%q is taken: %+v, %v", s, l, err)
		}
	}
}

// TestOtherLinks tells links of people and bridges from broken ones.
func TestOtherLinks(t *testing.T) {
	text := testLink().String()
	for s, other := range map[string]bool{
		"linnet:QwEA": true, "Take linnet:YgEA.": true, "linnet:Y": false, "linnet:": false, "hello": false, text[:12]: false, text[:len(text)-1]: false,
	} {
		if _, err := ParseLink(s); !errors.Is(err, ErrLink) || errors.Is(err, ErrNotTopic) != other {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestLinkLimits(t *testing.T) {
	l := testLink()
	for range 30 {
		l.Peers = append(l.Peers, l.Peers[0])
		l.Peers[0].Addrs = append(l.Peers[0].Addrs, l.Peers[0].Addrs[0])
	}
	got, err := ParseLink(l.String())
	if err != nil || len(got.Peers) != maxLinkPeers || len(got.Peers[0].Addrs) != maxLinkAddrs {
		t.Errorf("%d peers, %v", len(got.Peers), err)
	}
}

func FuzzParseLink(f *testing.F) {
	f.Add(testLink().String())
	f.Add("linnet:AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLink(s)
		if err != nil {
			return
		}
		if again, err := ParseLink(l.String()); err != nil || !reflect.DeepEqual(again, l) {
			t.Errorf("%+v becomes %+v, %v", l, again, err)
		}
	})
}

// FuzzOpenLink goes past the checksum, which a fuzzer does not find.
func FuzzOpenLink(f *testing.F) {
	l := testLink()
	b, err := record.EncodeBody(wireLink{Version: linkVersion, Topic: l.Topic[:], Kind: l.Kind, Name: l.Name, Peers: []wirePeer{{ID: []byte{1}, Addrs: [][]byte{{2}}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := openLink(b)
		if err == nil && (len(l.Peers) > maxLinkPeers || l.Name == "") {
			t.Errorf("%+v", l)
		}
	})
}
