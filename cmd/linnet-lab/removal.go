package main

import (
	"fmt"
	"maps"
	"runtime"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/seal"
	"github.com/linnet-im/linnet/node/topic"
)

// removalSample is what it costs to remove one device so that n are left.
type removalSample struct {
	bytes, records    float64 // the op and the epoch, as signed
	starter, receiver float64 // ms
	rows, state       float64 // that the epoch takes on the receiver's disk
	allRows, allState float64 // of the receiver, after two epochs
	loaded, used      float64 // heap bytes of a session, as loaded and after it opened the epoch
	raw               rawKeys
}

// measureRemoval makes a group of n+1 with an epoch, of which one leaves. The
// sessions that are measured know everybody's prekey, as in life.
func measureRemoval(n, sessions int) (s removalSample, err error) {
	if s.raw, err = measureKeys(20); err != nil {
		return s, err
	}
	group, err := newGroup(seal.Private, n+1, 2, sealStart)
	if err != nil {
		return s, err
	}
	starter, receiver, gone := group[0], group[1], group[n]
	rs, err := starter.epoch(sealStart)
	if err != nil {
		return s, err
	}
	for _, r := range rs {
		if _, err := receiver.receive(r, sealStart); err != nil {
			return s, err
		}
	}
	now := sealStart + 3_600_000 - 1 // before anything else is due
	left := seal.Membership{Present: writersOf(group[:n]), Removed: []seal.Writer{gone.w}}
	if rs, err = starter.remove(gone, left, now, &s); err != nil {
		return s, err
	}
	if s.loaded, s.used, err = measureSessions(receiver, sessions, rs, left, now); err != nil {
		return s, err
	}
	before := maps.Clone(receiver.rows.m)
	var receives stopwatch
	opened := 0
	runtime.GC()
	for i, r := range rs {
		if err := receives.run(func() error {
			if i == 0 {
				if err := receiver.s.SetMembers(left, now); err != nil {
					return err
				}
			}
			news, err := receiver.receive(r, now)
			opened += len(news.Epochs)
			return err
		}); err != nil {
			return s, err
		}
	}
	if ref, ok := receiver.s.Writing(now); !ok || opened != 1 {
		return s, fmt.Errorf("%w: %s", wrongEpoch(receiver), ref)
	}
	s.receiver = receives.us(1) / 1000
	rows, bytes := receiver.rows.added(before)
	s.rows, s.state = float64(rows), float64(bytes)
	s.allRows, s.allState = float64(len(receiver.rows.m)), float64(receiver.rows.bytes)
	return s, nil
}

// epoch starts an epoch and returns its records.
func (d *device) epoch(now int64) ([]*record.Record, error) {
	bodies, err := d.s.Start(seal.Draft{Seq: d.nextSeq(), Time: now})
	if err != nil {
		return nil, err
	}
	d.save()
	return d.sign(now, record.KindPost, bodies...)
}

// remove ends the rights of a device and starts the epoch without it. It returns the epoch's records.
func (d *device) remove(gone *device, left seal.Membership, now int64, s *removalSample) ([]*record.Record, error) {
	body, err := record.EncodeBody(topic.Revoke{Key: record.Writer(gone.w), LastSeq: gone.last.Seq})
	if err != nil {
		return nil, err
	}
	op, err := d.sign(now, record.KindRevoke, body)
	if err != nil {
		return nil, err
	}
	var bodies [][]byte
	var starts stopwatch
	runtime.GC()
	if err := starts.run(func() error {
		if err := d.s.SetMembers(left, now); err != nil {
			return err
		}
		if due := d.s.Due(now); due.Epoch != seal.DueMembers {
			return fmt.Errorf("after a removal an epoch is due for: %s", due.Epoch)
		}
		bodies, err = d.s.Start(seal.Draft{Seq: d.nextSeq(), Time: now})
		d.save()
		return err
	}); err != nil {
		return nil, err
	}
	s.starter = starts.us(1) / 1000
	rs, err := d.sign(now, record.KindPost, bodies...)
	if err != nil {
		return nil, err
	}
	s.records = float64(1 + len(rs))
	s.bytes = float64(len(op[0].Bytes()))
	for _, r := range rs {
		s.bytes += float64(len(r.Bytes()))
	}
	return rs, nil
}

// measureSessions loads so many sessions from the same rows and has them open an
// epoch. It returns the heap that each holds before and after.
func measureSessions(d *device, n int, rs []*record.Record, left seal.Membership, now int64) (loaded, used float64, err error) {
	sessions := make([]*seal.Session, n)
	empty := heap()
	for i := range sessions {
		if sessions[i], err = seal.Load(d.rows); err != nil {
			return 0, 0, err
		}
	}
	full := heap()
	for _, s := range sessions {
		if err := s.SetMembers(left, now); err != nil {
			return 0, 0, err
		}
		for _, r := range rs {
			if _, err := s.Receive(sealRecord(r), now); err != nil {
				return 0, 0, err
			}
		}
		s.Changes() // not stored: the next one begins from the same rows
	}
	after := heap()
	runtime.KeepAlive(sessions)
	return (full - empty) / float64(n), (after - empty) / float64(n), nil
}

// heap is the bytes in use after all garbage is gone.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one only marked as unused
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
