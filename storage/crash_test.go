package storage_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linnet-im/linnet/storage"
	"github.com/linnet-im/linnet/storage/storetest"
)

var crashRounds = flag.Int("crash.rounds", 15, "how often the child is killed")

// crashDir is where the child of TestCrash finds the folder to work in.
const crashDir = "LINNET_STORAGE_CRASH_DIR"

// Batches of the child: batch i of worker w has crashPuts records of one chain and one state value.
const (
	crashWorkers = 3
	crashPuts    = 3
)

// crashChild is the program that gets killed: it commits durable batches and prints which are acknowledged.
func crashChild() bool {
	dir := os.Getenv(crashDir)
	if dir == "" {
		return false
	}
	s, err := storage.Open(context.Background(), storage.Options{Dir: dir, Key: make([]byte, 32), JournalKeep: storetest.JournalKeep})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	var wg sync.WaitGroup
	for w := range crashWorkers {
		first := uint64(0)
		if v, err := s.State(fmt.Sprint("worker/", w)); err == nil {
			first = binary.BigEndian.Uint64(v) + 1
		}
		wg.Go(func() {
			for i := first; ; i++ {
				b := crashBatch(w, i)
				b.Durable = i%4 != 3
				if _, err := s.Commit(context.Background(), b); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(2)
				}
				os.Stdout.WriteString(fmt.Sprintln("ack", w, i)) // one write, whole lines
			}
		})
	}
	if s.Epoch()[0]%2 == 0 { // half of the folders also drop
		wg.Go(func() {
			for {
				if err := s.DropSpace(context.Background(), storage.Space{99}); err != nil {
					os.Exit(2)
				}
			}
		})
	}
	wg.Go(func() { // blocks are taken apart, too
		for i := uint64(0); ; i++ {
			mv := storage.Move{Space: storage.Space{1}, Chain: storage.Chain{byte(i%crashWorkers + 1)}, To: storage.Lane(i / 2 % 3)}
			if h, err := s.Head(mv.Space, mv.Chain); err == nil {
				mv.From = h.Seq - min(h.Seq, i*31%100)
			}
			if _, err := s.Commit(context.Background(), storage.Batch{Moves: []storage.Move{mv}, Durable: i%2 == 0}); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(2)
			}
		}
	})
	wg.Wait()
	return true
}

func crashBatch(w int, i uint64) storage.Batch {
	var b storage.Batch
	for k := range crashPuts {
		seq := i*crashPuts + uint64(k) + 1
		at := int64(seq)
		if w == 1 {
			at = 1<<40 - at // downwards
		}
		r := storetest.Record(1, byte(w+1), 0, seq, at, strings.Repeat("x", 200+int(seq%7)*300))
		b.Puts = append(b.Puts, storage.Put{Record: r, Event: fmt.Append([]byte{}, w, " ", seq)})
		gone := storetest.Record(99, byte(w+1), 0, seq, int64(seq), "x")
		b.Puts = append(b.Puts, storage.Put{Record: gone})
	}
	b.State = []storage.KV{{Key: fmt.Sprint("worker/", w), Value: binary.BigEndian.AppendUint64(nil, i)}}
	return b
}

// TestCrash kills a writing process again and again: each acknowledged batch must be there, whole, and nothing by halves.
func TestCrash(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	acked := make([]uint64, crashWorkers) // number of batches known to be stored
	for range *crashRounds {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Kill it at a random acknowledgement, then read what it had still said.
		killAt := 1 + rng.IntN(400)
		lines := bufio.NewScanner(out)
		for n := 1; lines.Scan(); n++ {
			if n == killAt {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			f := strings.Fields(lines.Text())
			if len(f) != 3 || f[0] != "ack" {
				t.Fatalf("child said %q", lines.Text())
			}
			w, err1 := strconv.Atoi(f[1])
			i, err2 := strconv.ParseUint(f[2], 10, 64)
			if err1 != nil || err2 != nil {
				t.Fatalf("child said %q", lines.Text())
			}
			acked[w] = max(acked[w], i+1)
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("child was not killed: %v", err)
		}
		checkCrash(t, dir, acked)
	}
}

func checkCrash(t *testing.T, dir string, acked []uint64) {
	t.Helper()
	s, err := open(dir)
	if err != nil {
		t.Fatalf("open after kill: %v", err)
	}
	defer func() {
		if err := s.Close(); err != nil { // checks the invariants
			t.Fatal(err)
		}
	}()
	events := uint64(0)
	for w := range acked {
		v, err := s.State(fmt.Sprint("worker/", w))
		if err != nil && acked[w] > 0 {
			t.Fatalf("worker %d: %v", w, err)
		}
		var there uint64
		if err == nil {
			there = binary.BigEndian.Uint64(v) + 1
		}
		if there < acked[w] {
			t.Fatalf("worker %d: %d batches acknowledged, %d there", w, acked[w], there)
		}
		acked[w] = there
		events += there * crashPuts
		h, err := s.Head(storage.Space{1}, storage.Chain{byte(w + 1)})
		if there > 0 && (err != nil || h.Seq != there*crashPuts || h.Count != h.Seq) {
			t.Fatalf("worker %d: %d batches, but head %+v (%v)", w, there, h, err)
		}
		for i := there - min(there, 50); i < there; i++ {
			for _, p := range crashBatch(w, i).Puts {
				if p.Record.Space != (storage.Space{1}) {
					continue
				}
				got, err := s.Get(p.Record.Space, p.Record.ID)
				if err != nil || string(got.Data) != string(p.Record.Data) {
					t.Fatalf("worker %d batch %d: %v", w, i, err)
				}
			}
		}
	}
	if s.JournalHead() != events {
		t.Fatalf("journal has %d events, expected %d", s.JournalHead(), events)
	}
}
