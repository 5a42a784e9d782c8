package history

import (
	"bufio"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
)

// Serving limits.
const (
	maxServing     = 32 // exchanges at once
	maxServingPeer = 4  // of them with one peer
)

// Shelf is what a server serves from.
type Shelf interface {
	// OpsDigest returns false where the topic is not followed, or has no genesis yet.
	OpsDigest(id record.TopicID) (Digest, bool)
	// Ops calls yield for each op, the genesis first, until yield returns false.
	Ops(id record.TopicID, yield func(raw []byte) bool) error
	// Has reports whether a record of the topic is stored.
	Has(id record.TopicID, r record.ID) bool
	// Contacts returns where a few followers may be reached.
	Contacts(id record.TopicID) []topic.Contact
}

// Server answers on a host.
type Server struct {
	host  host.Host
	shelf Shelf
	log   *slog.Logger

	mu      sync.Mutex
	serving map[peer.ID]int
	total   int
	closed  bool
	streams map[network.Stream]struct{}
	wg      sync.WaitGroup
}

// NewServer begins to answer. Close ends it.
func NewServer(h host.Host, shelf Shelf, logger *slog.Logger) *Server {
	s := &Server{host: h, shelf: shelf, log: logger, serving: map[peer.ID]int{}, streams: map[network.Stream]struct{}{}}
	h.SetStreamHandler(Protocol, s.handle)
	return s
}

// Close stops answering and waits for exchanges under way, which it cuts.
func (s *Server) Close() {
	s.host.RemoveStreamHandler(Protocol)
	s.mu.Lock()
	s.closed = true
	for st := range s.streams {
		_ = st.Reset()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// handle runs in a goroutine of the host's, one for each stream; it ends with the exchange.
func (s *Server) handle(st network.Stream) {
	busy, ok := s.enter(st)
	if !ok {
		_ = st.Reset()
		return
	}
	defer s.leave(st)
	_ = st.SetDeadline(time.Now().Add(exchangeTimeout))
	if err := s.answer(st, busy); err != nil {
		s.log.Debug("history: exchange failed", "peer", st.Conn().RemotePeer(), "err", err)
		_ = st.Reset()
		return
	}
	_ = st.Close()
}

func (s *Server) enter(st network.Stream) (busy, ok bool) {
	p := st.Conn().RemotePeer()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.total >= 2*maxServing {
		return false, false
	}
	busy = s.total >= maxServing || s.serving[p] >= maxServingPeer
	s.total++
	s.serving[p]++
	s.streams[st] = struct{}{}
	s.wg.Add(1)
	return busy, true
}

func (s *Server) leave(st network.Stream) {
	p := st.Conn().RemotePeer()
	s.mu.Lock()
	s.total--
	if s.serving[p]--; s.serving[p] == 0 {
		delete(s.serving, p)
	}
	delete(s.streams, st)
	s.mu.Unlock()
	s.wg.Done()
}

func (s *Server) answer(st network.Stream, busy bool) error {
	frame, err := readFrame(bufio.NewReader(st), maxRequest)
	if err != nil {
		return err
	}
	q, err := decodeRequest(frame)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(st, 16<<10)
	id := record.TopicID(q.Topic)
	mine, known := s.shelf.OpsDigest(id)
	switch {
	case busy:
		err = w.WriteByte(statusBusy)
	case !known:
		err = w.WriteByte(statusUnknown)
	case q.Type == askHave:
		err = s.sendHave(w, id, q.IDs)
	default:
		err = s.sendOps(w, id, mine == Digest{q.Count, [32]byte(q.Xor)})
	}
	return errors.Join(err, w.Flush())
}

func (s *Server) sendHave(w *bufio.Writer, id record.TopicID, ids []byte) error {
	bits := make([]byte, (len(ids)/32+7)/8)
	for i := range len(ids) / 32 {
		if s.shelf.Has(id, record.ID(ids[32*i:][:32])) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return errors.Join(w.WriteByte(statusHere), writeFrame(w, bits))
}

func (s *Server) sendOps(w *bufio.Writer, id record.TopicID, same bool) error {
	if same {
		if err := w.WriteByte(statusSame); err != nil {
			return err
		}
	} else if err := s.sendRecords(w, id); err != nil {
		return err
	}
	contacts, err := encodeContacts(s.shelf.Contacts(id))
	return errors.Join(err, writeFrame(w, contacts))
}

func (s *Server) sendRecords(w *bufio.Writer, id record.TopicID) error {
	if err := w.WriteByte(statusHere); err != nil {
		return err
	}
	var failed error
	err := s.shelf.Ops(id, func(raw []byte) bool {
		failed = writeFrame(w, raw)
		return failed == nil
	})
	return errors.Join(err, failed, writeFrame(w, nil))
}
