package censor

// stream puts the segments at the front of a TCP stream in order.
type stream struct {
	next  uint32 // the sequence number behind b
	b     []byte
	early map[uint32][]byte
}

func (s *stream) add(seq uint32, b []byte) {
	if ahead := int32(seq - s.next); ahead > 0 {
		if s.early == nil {
			s.early = map[uint32][]byte{}
		}
		if ahead < maxHello && len(s.early) < maxSegments {
			s.early[seq] = append([]byte(nil), b...)
		}
		return
	}
	s.join(seq, b)
	for joined := true; joined; {
		joined = false
		for at, piece := range s.early {
			if int32(at-s.next) <= 0 {
				delete(s.early, at)
				s.join(at, piece)
				joined = true
			}
		}
	}
}

// join appends what of b lies behind the end.
func (s *stream) join(seq uint32, b []byte) {
	known := int(int32(s.next - seq))
	if known < 0 || known >= len(b) || len(s.b) >= maxHello {
		return
	}
	s.b = append(s.b, b[known:]...)
	s.next += uint32(len(b) - known)
}
