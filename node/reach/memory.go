package reach

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"time"
)

// Bounds of the memory.
const (
	memoryVersion = 1
	maxNetworks   = 32 // the longest unseen goes
	maxCount      = 1 << 20
)

// wayOrder is the order of the ladder. A way's place in it is its number in the
// stored memory, so that new ones go to the end.
var wayOrder = []WayName{WayLAN, WayQUIC, WayTCP, WayPunch, WayRelay, WayVeil, WayDrip, WayPT, WayTor, WayBundle}

// record of one way on one network. Times have seconds.
type wayMemory struct {
	worked, failed, stalled time.Time // last
	tried, succeeded        int
}

// isGood reports whether the way worked when it was last used there.
func (w *wayMemory) isGood() bool {
	return !w.worked.IsZero() && !w.worked.Before(w.failed) && !w.worked.Before(w.stalled)
}

// badSince returns when the way last failed or stalled, zero if it worked since.
func (w *wayMemory) badSince() time.Time {
	if w.isGood() {
		return time.Time{}
	}
	if w.failed.After(w.stalled) {
		return w.failed
	}
	return w.stalled
}

// memory is what worked on which network.
type memory struct {
	networks map[string]*networkMemory
	nowhere  networkMemory // where there is no network to name
}

type networkMemory struct {
	seen time.Time
	ways map[WayName]*wayMemory
}

func newMemory() *memory {
	return &memory{networks: map[string]*networkMemory{}, nowhere: networkMemory{ways: map[WayName]*wayMemory{}}}
}

// at returns what is known of a network, and makes room for it where it is new.
func (m *memory) at(network string) *networkMemory {
	if network == "" {
		return &m.nowhere
	}
	n := m.networks[network]
	if n == nil {
		if len(m.networks) >= maxNetworks {
			delete(m.networks, slices.MinFunc(m.names(), func(a, b string) int {
				return m.networks[a].seen.Compare(m.networks[b].seen)
			}))
		}
		n = &networkMemory{ways: map[WayName]*wayMemory{}}
		m.networks[network] = n
	}
	n.seen = time.Now()
	return n
}

func (m *memory) names() (out []string) {
	for name := range m.networks {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// way returns what is known of a way there.
func (n *networkMemory) way(w WayName) *wayMemory {
	if n.ways[w] == nil {
		n.ways[w] = &wayMemory{}
	}
	return n.ways[w]
}

// encode writes m for Config.Remember: a version, then each network with its name,
// when it was last seen, and its ways, numbers as uvarints. The network without a
// name is none to remember.
func (m *memory) encode() []byte {
	b := []byte{memoryVersion}
	for _, name := range m.names() {
		raw, err := hex.DecodeString(name)
		if err != nil || len(raw) != networkName {
			continue
		}
		n := m.networks[name]
		b = append(b, raw...)
		b = binary.AppendUvarint(b, uint64(max(0, n.seen.Unix())))
		var ways []byte
		count := 0
		for i, w := range wayOrder {
			if k := n.ways[w]; k != nil && k.tried > 0 {
				count++
				ways = append(ways, byte(i))
				for _, t := range []time.Time{k.worked, k.failed, k.stalled} {
					ways = binary.AppendUvarint(ways, uint64(max(0, t.Unix())))
				}
				ways = binary.AppendUvarint(ways, uint64(k.tried))
				ways = binary.AppendUvarint(ways, uint64(k.succeeded))
			}
		}
		b = append(append(b, byte(count)), ways...)
	}
	return b
}

var errMemory = errors.New("reach: what was remembered of networks is unreadable")

// decodeMemory reads what encode wrote. A memory of another version is none.
func decodeMemory(b []byte) (*memory, error) {
	m := newMemory()
	if len(b) == 0 {
		return m, nil
	}
	if b[0] != memoryVersion {
		return m, errMemory
	}
	r := bytes.NewReader(b[1:])
	for r.Len() > 0 {
		name := make([]byte, networkName)
		if n, _ := r.Read(name); n != networkName || len(m.networks) >= maxNetworks {
			return newMemory(), errMemory
		}
		n, err := decodeNetwork(r)
		if err != nil || m.networks[hex.EncodeToString(name)] != nil {
			return newMemory(), errMemory
		}
		m.networks[hex.EncodeToString(name)] = n
	}
	return m, nil
}

func decodeNetwork(r *bytes.Reader) (*networkMemory, error) {
	n := &networkMemory{ways: map[WayName]*wayMemory{}}
	var err error
	if n.seen, err = decodeTime(r); err != nil {
		return nil, err
	}
	count, err := r.ReadByte()
	for range count {
		if err != nil {
			break
		}
		i, _ := r.ReadByte()
		var k wayMemory
		var errs [5]error
		k.worked, errs[0] = decodeTime(r)
		k.failed, errs[1] = decodeTime(r)
		k.stalled, errs[2] = decodeTime(r)
		k.tried, errs[3] = decodeCount(r)
		k.succeeded, errs[4] = decodeCount(r)
		err = cmp.Or(errs[0], errs[1], errs[2], errs[3], errs[4])
		if err == nil && (int(i) >= len(wayOrder) || n.ways[wayOrder[i]] != nil || k.tried == 0 || k.succeeded > k.tried) {
			err = errMemory
		}
		if err == nil {
			n.ways[wayOrder[i]] = &k
		}
	}
	return n, err
}

// decodeTime reads seconds since 1970, 0 for never.
func decodeTime(r *bytes.Reader) (time.Time, error) {
	v, err := binary.ReadUvarint(r)
	if err != nil || v > 1<<40 {
		return time.Time{}, errMemory
	}
	if v == 0 {
		return time.Time{}, nil
	}
	return time.Unix(int64(v), 0), nil
}

func decodeCount(r *bytes.Reader) (int, error) {
	v, err := binary.ReadUvarint(r)
	if err != nil || v > maxCount {
		return 0, errMemory
	}
	return int(v), nil
}
