// Command oracle asks a published classifier what it takes connections for: the
// decision tree of OpenGFW that looks for Trojan, that is for TLS inside TLS, in the
// lengths of the first four flights. It is a module of its own, so that what it needs
// does not become a dependency of Linnet.
//
//	go run . capture.pcap
//
// prints one line for each TCP connection in the capture: the port of whoever opened
// it, and whether the tree says yes, no, or has seen too little of it.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apernet/OpenGFW/analyzer"
	"github.com/apernet/OpenGFW/analyzer/tcp"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: oracle capture.pcap")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(name string, out io.Writer) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	flows := map[string]*flow{}
	var order []*flow
	err = packets(f, func(p packet) {
		key := p.key()
		w := flows[key]
		if p.syn && !p.ack { // a port may be used twice
			w = &flow{port: p.from, stream: (&tcp.TrojanAnalyzer{}).NewTCP(analyzer.TCPInfo{}, nil)}
			flows[key] = w
			order = append(order, w)
		}
		if w == nil {
			return // in the middle of a connection whose beginning is not here
		}
		w.take(p)
	})
	if err != nil {
		return err
	}
	for _, w := range order {
		fmt.Fprintln(out, w.port, w.says())
	}
	return nil
}

// flow is one connection.
type flow struct {
	port   uint16 // of whoever opened it
	stream analyzer.TCPStream
	next   [2]uint32
	known  [2]bool
	late   [2]map[uint32][]byte // what came before what it follows
	done   bool
	yes    any
}

func (w *flow) says() string {
	switch w.yes {
	case nil:
		return "little"
	case true:
		return "yes"
	}
	return "no"
}

// take puts a packet where it belongs.
func (w *flow) take(p packet) {
	d := 0
	if p.from != w.port {
		d = 1
	}
	if p.syn {
		w.next[d], w.known[d], w.late[d] = p.seq+1, true, map[uint32][]byte{}
		return
	}
	if !w.known[d] || len(p.data) == 0 {
		return
	}
	w.late[d][p.seq] = p.data
	for {
		data, ok := w.late[d][w.next[d]]
		if !ok {
			return
		}
		delete(w.late[d], w.next[d])
		w.next[d] += uint32(len(data))
		w.feed(d == 1, data)
	}
}

func (w *flow) feed(rev bool, data []byte) {
	if w.done {
		return
	}
	u, done := w.stream.Feed(rev, false, false, 0, data)
	w.done = done
	if u != nil {
		w.yes = u.M["yes"]
	}
}

// packet is one TCP segment.
type packet struct {
	src, dst string
	from, to uint16
	seq      uint32
	syn, ack bool
	data     []byte
}

// key names the connection, the same for both directions.
func (p packet) key() string {
	a, b := fmt.Sprint(p.src, ":", p.from), fmt.Sprint(p.dst, ":", p.to)
	return min(a, b) + " " + max(a, b)
}

const ethernet = 1

// packets reads a capture as tcpdump writes it and calls f for each TCP segment over
// IPv4 over Ethernet.
func packets(r io.Reader, f func(packet)) error {
	var head [24]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if magic := order.Uint32(head[:]); magic != 0xa1b2c3d4 {
		return fmt.Errorf("no capture that can be read: it begins %#x", magic)
	}
	if link := order.Uint32(head[20:]); link != ethernet {
		return fmt.Errorf("captured on a link of type %d, not on Ethernet", link)
	}
	for {
		var head [16]byte
		if _, err := io.ReadFull(r, head[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		frame := make([]byte, order.Uint32(head[8:]))
		if _, err := io.ReadFull(r, frame); err != nil {
			return err
		}
		if p, ok := parse(frame); ok {
			f(p)
		}
	}
}

func parse(b []byte) (p packet, ok bool) {
	const ethernetSize, ipSize, tcpSize = 14, 20, 20
	if len(b) < ethernetSize+ipSize || binary.BigEndian.Uint16(b[12:]) != 0x0800 {
		return p, false
	}
	b = b[ethernetSize:]
	size, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if b[9] != 6 || size < ipSize || total < size+tcpSize || total > len(b) {
		return p, false
	}
	p.src, p.dst = string(b[12:16]), string(b[16:20])
	b = b[size:total]
	p.from, p.to, p.seq = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:])
	p.syn, p.ack = b[13]&2 != 0, b[13]&16 != 0
	data := int(b[12]>>4) * 4
	if data > len(b) {
		return p, false
	}
	p.data = b[data:]
	return p, true
}
