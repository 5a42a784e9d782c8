package seal_test

import (
	"fmt"
	"strings"

	"github.com/linnet-im/linnet/node/seal"
)

// store keeps rows in memory.
type store map[string][]byte

func (s store) Get(key []byte) ([]byte, error) { return s[string(key)], nil }

func (s store) Scan(prefix []byte, f func(key, value []byte) error) error {
	for k, v := range s {
		if strings.HasPrefix(k, string(prefix)) {
			if err := f([]byte(k), v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s store) write(rows []seal.Row) {
	for _, r := range rows {
		if s[string(r.Key)] = r.Value; r.Value == nil {
			delete(s, string(r.Key))
		}
	}
}

func Example() {
	now := int64(1_790_000_000_000)
	topic, ada, bob := seal.Topic{1}, seal.Writer{2}, seal.Writer{3}
	adas, bobs := make(store), make(store)
	a, _ := seal.New(seal.Config{Topic: topic, Self: ada, Kind: seal.Direct}, adas, now)
	b, _ := seal.New(seal.Config{Topic: topic, Self: bob, Kind: seal.Direct}, bobs, now)
	both := seal.Membership{Present: []seal.Writer{ada, bob}}
	_ = a.SetMembers(both, now)
	_ = b.SetMembers(both, now)

	// Bob's prekey reaches Ada, as his record 1.
	prekey, _ := b.Announce(now)
	bobs.write(b.Changes())
	_, _ = a.Receive(seal.Record{Writer: bob, Seq: 1, Time: now, Body: prekey}, now)

	// Ada writes: epoch, prekey and text go in one record.
	bodies, _ := a.Seal(seal.Draft{Seq: 1, Time: now, Text: []byte("the hens are out")})
	adas.write(a.Changes())
	news, err := b.Receive(seal.Record{Writer: ada, Seq: 1, Time: now, Body: bodies[0]}, now)
	bobs.write(b.Changes())
	fmt.Println(len(bodies), string(news.Plaintext), err)

	// Later, from what was stored.
	b, _ = seal.Load(bobs)
	_, err = b.Receive(seal.Record{Writer: ada, Seq: 1, Time: now, Body: bodies[0]}, now)
	fmt.Println(err)
	// Output:
	// 1 the hens are out <nil>
	// seal: the key of this record was erased
}
