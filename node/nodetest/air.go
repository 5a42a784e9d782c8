package nodetest

import (
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"github.com/marcopolo/simnet"
)

// air is what lies between the nodes: delay, loss and cuts.
type air struct {
	cfg   Config
	index map[string]int // of a node by its address

	mu      sync.Mutex
	rand    *rand.Rand
	open    func(i, j int) bool // nil: everything passes
	packets uint64
	bytes   uint64
}

// A packet cannot be dropped here, only come late. These are later than anybody
// waits for, and than a cut lasts.
const (
	lost = 30 * time.Second
	cut  = 30 * time.Minute
)

func newAir(cfg Config) *air {
	a := &air{cfg: cfg, index: map[string]int{}, rand: rand.New(rand.NewPCG(cfg.Seed, 1))}
	for i := range cfg.Nodes {
		a.index[simnet.IntToPublicIPv4(i).String()] = i
	}
	return a
}

func (a *air) latency(p *simnet.Packet) time.Duration {
	i, j := a.node(p.From.String()), a.node(p.To.String())
	a.mu.Lock()
	defer a.mu.Unlock()
	a.packets++
	a.bytes += size(p)
	switch {
	case a.open != nil && !a.open(i, j):
		return cut
	case a.cfg.Loss > 0 && a.rand.Float64() < a.cfg.Loss:
		return lost
	}
	return a.cfg.Latency
}

// node returns which node an address belongs to, -1 for none.
func (a *air) node(addr string) int {
	for k := range addr {
		if addr[k] == ':' {
			addr = addr[:k]
			break
		}
	}
	if i, ok := a.index[addr]; ok {
		return i
	}
	return -1
}

// Cut lets packets pass only between nodes for which open is true, from now on;
// nil ends that. open is called often and must be quick.
func (s *Swarm) Cut(open func(i, j int) bool) {
	s.air.mu.Lock()
	defer s.air.mu.Unlock()
	s.air.open = open
}

// Loss has this part of the packets get lost from now on.
func (s *Swarm) Loss(part float64) {
	s.air.mu.Lock()
	defer s.air.mu.Unlock()
	s.air.cfg.Loss = part
}

// size is the length of a packet in bytes, which simnet does not tell itself.
func size(p *simnet.Packet) uint64 { return uint64(reflect.ValueOf(p).Elem().FieldByName("buf").Len()) }

// Sent returns how many packets and bytes (of UDP payload) were sent since the
// start, lost ones too.
func (s *Swarm) Sent() (packets, bytes uint64) {
	s.air.mu.Lock()
	defer s.air.mu.Unlock()
	return s.air.packets, s.air.bytes
}
