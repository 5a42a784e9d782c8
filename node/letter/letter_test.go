package letter

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/linnet-im/linnet/node/record"
)

func TestRoundTrip(t *testing.T) {
	for _, l := range []Letter{
		{Topic: record.TopicID{1}},
		{Topic: record.TopicID{3}, Records: slices.Repeat([][]byte{{1}}, MaxRecords)},
		{Topic: record.TopicID{4}, Texts: &Texts{Token: [16]byte{7}, Items: slices.Repeat([]Text{{record.ID{8}, record.KindPost, []byte{9}}}, MaxTexts)}},
		{Device: &Device{Secret: [16]byte{1}, Token: [16]byte{2}, Certificate: []byte{2}, Name: "Anna", Part: 1, Parts: 3, Items: [][]byte{{3}, {4}}}},
		{Topic: record.TopicID{1}, Contact: "linnet:Q", Records: [][]byte{{1, 2}, {3}}},
		{Topic: record.TopicID{2}, Request: &Request{Secret: [16]byte{4}, Link: "linnet:x", Writer: record.Writer{5}, Introduction: []byte{6}}, Records: [][]byte{{}}},
	} {
		b, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if l.Records == nil {
			l.Records = [][]byte{}
		}
		if err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("%+v became %+v, %v", l, got, err)
		}
	}
}

func TestLimits(t *testing.T) {
	for name, l := range map[string]Letter{
		"contact":      {Contact: strings.Repeat("x", MaxLink+1)},
		"records":      {Records: make([][]byte, MaxRecords+1)},
		"link":         {Request: &Request{Link: strings.Repeat("x", MaxLink+1)}},
		"texts":        {Texts: &Texts{Items: make([]Text, MaxTexts+1)}},
		"no kind":      {Texts: &Texts{Items: make([]Text, 1)}},
		"revoked":      {Revoked: make([]byte, MaxRevoked+1)},
		"introduction": {Request: &Request{Introduction: make([]byte, MaxIntroduction+1)}},
	} {
		if _, err := l.Encode(); !errors.Is(err, ErrForm) {
			t.Errorf("%s too long: %v", name, err)
		}
	}
	b, err := record.EncodeBody(wire{Version: 2, Topic: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(b); !errors.Is(err, ErrForm) {
		t.Errorf("a later version: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	b, err := Letter{Topic: record.TopicID{2}, Revoked: []byte{7}, Request: &Request{Link: "linnet:x", Introduction: []byte{6}}, Records: [][]byte{{1}}}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	if b, err = (Letter{Texts: &Texts{Items: []Text{{record.ID{1}, record.KindPost, []byte{2}}}}}).Encode(); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := Decode(b)
		if err != nil {
			return
		}
		again, err := l.Encode()
		if err != nil || string(again) != string(b) {
			t.Errorf("%x is read and written as %x, %v", b, again, err)
		}
	})
}

func TestItem(t *testing.T) {
	for _, i := range []Item{{Person: &Person{Link: "linnet:Q", Name: "Anna", Verified: 5, Added: 6}}, {Topic: &Place{Link: "linnet:h", Whom: make([]byte, 32)}}, {Bridge: "linnet:Y"}, {Reach: []byte{0xa0}}} {
		b, err := i.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeItem(b); err != nil || !reflect.DeepEqual(got, i) {
			t.Errorf("%+v became %+v, %v", i, got, err)
		}
	}
	for _, i := range []Item{{Person: &Person{Link: strings.Repeat("x", MaxLink+1)}}, {Person: &Person{Revoked: make([]byte, MaxRevoked+1)}}, {Bridge: strings.Repeat("x", MaxLink+1)}, {Reach: make([]byte, maxReach+1)}} {
		b, err := i.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeItem(b); !errors.Is(err, ErrForm) {
			t.Errorf("too long: %v", err)
		}
	}
}
