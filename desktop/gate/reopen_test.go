package gate

import (
	"context"
	"errors"
	"testing"

	"github.com/linnet-im/linnet/node"
)

// TestReopen: the same person comes out, streams end, and whoever asks meanwhile
// waits and gets the new node.
func TestReopen(t *testing.T) {
	g := sealed(t) // so that reopening without the passphrase is shown too
	me := account(t, g)
	u := mustUse(t, g)
	before := u.Node
	u.Done()
	stream, err := g.Use(true)
	if err != nil {
		t.Fatal(err)
	}
	ending, release := stream.Context(t.Context())
	defer release()
	go func() { // ends with the stream
		<-ending.Done()
		stream.Done()
	}()

	inside, waiter := make(chan struct{}), make(chan *Use, 1)
	go func() { // ends once the node is there again
		<-inside
		use, err := g.UseSoon(t.Context(), false)
		if err != nil {
			t.Error(err)
		}
		waiter <- use
	}()
	err = g.Reopen(t.Context(), func(n *node.Node) (*node.Node, error) {
		if n != before {
			t.Error("another node is to be changed")
		}
		if _, err := g.Use(false); !errors.Is(err, ErrReopening) {
			t.Errorf("while it is reopened: %v", err)
		}
		if !g.IsOpen() {
			t.Error("it looks locked")
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.UseSoon(gone, false); !errors.Is(err, ErrReopening) {
			t.Errorf("without patience: %v", err)
		}
		close(inside)
		return n.Reopen(t.Context())
	})
	if err != nil {
		t.Fatal(err)
	}
	use := <-waiter
	if use == nil || use.Node == before {
		t.Fatal("whoever waited did not get the new node")
	}
	use.Done()
	if account(t, g) != me {
		t.Error("somebody else came out")
	}
}

// TestReopenFails: what was refused leaves the node as it was; a locked one is not opened.
func TestReopenFails(t *testing.T) {
	g := sealed(t)
	u := mustUse(t, g)
	before := u.Node
	u.Done()
	refused := errors.New("refused")
	if err := g.Reopen(t.Context(), func(n *node.Node) (*node.Node, error) { return n, refused }); !errors.Is(err, refused) {
		t.Errorf("refused: %v", err)
	}
	u = mustUse(t, g)
	if u.Node != before {
		t.Error("the node is another one")
	}
	u.Done()
	if err := g.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := g.Reopen(t.Context(), func(*node.Node) (*node.Node, error) { t.Error("there is no node"); return nil, nil })
	if !errors.Is(err, node.ErrLocked) || g.IsOpen() {
		t.Errorf("locked: %v", err)
	}
	if _, err := g.UseSoon(t.Context(), false); !errors.Is(err, node.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
}
