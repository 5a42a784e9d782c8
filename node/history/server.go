package history

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/linnet-im/linnet/node/reconcile"
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
	// Book returns what is kept of a topic, false where it is not followed or
	// has no genesis yet.
	Book(id record.TopicID) (Book, bool)
	// Contacts returns where a few followers may be reached.
	Contacts(id record.TopicID) []topic.Contact
	// Nudged hears that a peer says that it has news.
	Nudged(id record.TopicID, peer string)
	// Carry is asked by a peer to keep and serve a topic, of which it sends the link as
	// text, and reports whether the topic is kept here from now on. It does not wait for the topic.
	Carry(id record.TopicID, peer, link string) bool
}

// Book is what is kept of one topic.
type Book interface {
	// Set returns one lane for reconciliation.
	Set(l Lane) reconcile.Set
	// Walk calls yield for the records of a part of a lane, the newest first,
	// until yield returns false.
	Walk(l Lane, part reconcile.Range, yield func(raw []byte) bool) error
	// Get returns a record of any lane, or one kept as proof of a fork; nil where it is not here.
	Get(id record.ID) ([]byte, error)
	// Has reports whether a record is stored.
	Has(id record.ID) bool
	// Forks returns, for each writer that signed two records with one number, the ids of two such.
	Forks() [][2]record.ID
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
	packers sync.Pool // of *zstd.Encoder
	streams map[network.Stream]struct{}
	wg      sync.WaitGroup
}

// NewServer begins to answer. Close ends it.
func NewServer(h host.Host, shelf Shelf, logger *slog.Logger) *Server {
	s := &Server{host: h, shelf: shelf, log: logger, serving: map[peer.ID]int{}, streams: map[network.Stream]struct{}{}}
	s.packers.New = func() any { return newEncoder() }
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
	if err := s.answer(steady{st}, st.Conn().RemotePeer().String(), busy); err != nil {
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

func (s *Server) answer(st io.ReadWriter, from string, busy bool) error {
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
	book, known := s.shelf.Book(id)
	switch {
	case busy:
		err = w.WriteByte(statusBusy)
	case q.Type == askCarry && s.shelf.Carry(id, from, string(q.Talk)):
		err = w.WriteByte(statusSame)
	case q.Type == askCarry:
		err = w.WriteByte(statusUnknown)
	case !known:
		err = w.WriteByte(statusUnknown)
	case q.Type == askNudge:
		s.shelf.Nudged(id, from)
		err = w.WriteByte(statusSame)
	default:
		err = s.serve(w, id, book, q)
	}
	return errors.Join(err, w.Flush())
}

func (s *Server) serve(w *bufio.Writer, id record.TopicID, book Book, q request) error {
	switch q.Type {
	case askOps:
		return s.sendOps(w, id, book, q.N > 0)
	case askHave:
		return sendHave(w, book, q.IDs)
	case askSums:
		return sendSums(w, book, [32]byte(q.Sums))
	case askReconcile:
		return sendTalk(w, book, q)
	case askRange:
		return s.sendRange(w, book, q)
	case askRecords:
		return s.sendWanted(w, book, q.IDs)
	case askOutline:
		return sendOutline(w, book, q)
	}
	return fmt.Errorf("%w: request %d", ErrProtocol, q.Type)
}

func sendHave(w *bufio.Writer, book Book, ids []byte) error {
	bits := make([]byte, (len(ids)/32+7)/8)
	for i := range len(ids) / 32 {
		if book.Has(record.ID(ids[32*i:][:32])) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return errors.Join(w.WriteByte(statusHere), writeFrame(w, bits))
}

// sendOps sends the ops, the genesis first, then the newest, if they are wanted,
// and then where other followers are.
func (s *Server) sendOps(w *bufio.Writer, id record.TopicID, book Book, wanted bool) (err error) {
	if wanted {
		err = sendAllOps(w, id, book)
	} else {
		err = w.WriteByte(statusSame)
	}
	contacts, cerr := encodeContacts(s.shelf.Contacts(id))
	return errors.Join(err, cerr, writeFrame(w, contacts))
}

func sendAllOps(w *bufio.Writer, id record.TopicID, book Book) error {
	genesis, err := book.Get(record.ID(id))
	if err != nil {
		return err
	}
	failed := errors.Join(w.WriteByte(statusHere), writeFrame(w, genesis))
	err = book.Walk(LaneOps, reconcile.Whole(), func(raw []byte) bool {
		if failed == nil && !bytes.Equal(raw, genesis) {
			failed = writeFrame(w, raw)
		}
		return failed == nil
	})
	return errors.Join(err, failed, writeFrame(w, nil))
}

// sendSums sends how much there is in each lane, unless the asker has the same.
func sendSums(w *bufio.Writer, book Book, have [32]byte) error {
	sums, err := sumUp(book)
	if err != nil {
		return err
	}
	forks := book.Forks()
	if sums.digest(forks) == have {
		return w.WriteByte(statusSame)
	}
	var out wireSums
	for i, sum := range sums {
		print := sum.Fingerprint()
		out.Lanes = append(out.Lanes, wireSum{Lane: lanes[i], Count: sum.Count, Print: print[:]})
	}
	for _, f := range forks[:min(len(forks), maxForks)] {
		out.Forks = append(out.Forks, wireFork{A: f[0][:], B: f[1][:]})
	}
	b, err := record.EncodeBody(out)
	return errors.Join(err, w.WriteByte(statusHere), writeFrame(w, b))
}

func sendTalk(w *bufio.Writer, book Book, q request) error {
	reply, err := reconcile.Answer(book.Set(q.Lane), q.Talk, talkOptions())
	if err != nil {
		return err
	}
	return errors.Join(w.WriteByte(statusHere), writeFrame(w, reply))
}

// sendOutline sends places that cut a part of a lane into pieces of about q.N
// records, ascending, behind the number of records in it.
func sendOutline(w *bufio.Writer, book Book, q request) error {
	set, part := book.Set(q.Lane), q.part()
	sum, err := set.Sum(part.From, part.To)
	if err != nil {
		return err
	}
	b := binary.AppendUvarint(nil, sum.Count)
	if pieces := min(sum.Count/max(q.N, minStep), maxPieces); pieces > 1 {
		cuts, err := set.Split(part.From, part.To, int(pieces))
		if err != nil {
			return err
		}
		for _, c := range cuts {
			b = appendPlace(b, c)
		}
	}
	return errors.Join(w.WriteByte(statusHere), writeFrame(w, b))
}

func (s *Server) sendRange(w *bufio.Writer, book Book, q request) error {
	return s.packed(w, func(p *packer) (end byte, err error) {
		left, room := min(q.N, maxServed), maxBytes
		end = endAll
		err = book.Walk(q.Lane, q.part(), func(raw []byte) bool {
			if left == 0 || room < len(raw) {
				end = endLimit
				return false
			}
			left--
			room -= len(raw)
			return p.add(raw)
		})
		return end, err
	})
}

func (s *Server) sendWanted(w *bufio.Writer, book Book, ids []byte) error {
	return s.packed(w, func(p *packer) (byte, error) {
		room := maxBytes
		for ; len(ids) > 0; ids = ids[32:] {
			raw, err := book.Get(record.ID(ids[:32]))
			if err != nil {
				return 0, err
			}
			if raw == nil {
				continue
			}
			if room -= len(raw); room < 0 {
				return endLimit, nil
			}
			if !p.add(raw) {
				break
			}
		}
		return endAll, nil
	})
}

// packed sends a compressed stream of the records that fill adds.
func (s *Server) packed(w *bufio.Writer, fill func(*packer) (end byte, err error)) error {
	if err := w.WriteByte(statusHere); err != nil {
		return err
	}
	z := s.packers.Get().(*zstd.Encoder)
	defer s.packers.Put(z)
	p := pack(z, w)
	end, err := fill(p)
	if err != nil {
		return err
	}
	return p.end(end)
}
