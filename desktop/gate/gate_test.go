package gate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/linnet-im/linnet/node"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const passphrase = "a long passphrase"

func newTestGate(t *testing.T) *Gate {
	t.Helper()
	g := New(Config{Node: node.Config{Dir: t.TempDir(), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true, LANOnly: true}})
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return g
}

// sealed is a gate that is open and has a passphrase.
func sealed(t *testing.T) *Gate {
	t.Helper()
	g := newTestGate(t)
	if err := g.Unlock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	u := mustUse(t, g)
	defer u.Done()
	if err := u.Node.SetPassphrase(t.Context(), nil, []byte(passphrase), []byte("in emergencies")); err != nil {
		t.Fatal(err)
	}
	return g
}

func mustUse(t *testing.T, g *Gate) *Use {
	t.Helper()
	u, err := g.Use(false)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func account(t *testing.T, g *Gate) any {
	t.Helper()
	u := mustUse(t, g)
	defer u.Done()
	return u.Node.Me().Account
}

func TestLockUnlock(t *testing.T) {
	g := newTestGate(t)
	if _, err := g.Use(false); !errors.Is(err, node.ErrLocked) {
		t.Errorf("before it was opened: %v", err)
	}
	if err := g.Unlock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := g.Lock(t.Context()); !errors.Is(err, ErrUnprotected) || !g.IsOpen() {
		t.Errorf("locking without a passphrase: %v", err)
	}
	g = sealed(t)
	me := account(t, g)
	if err := errors.Join(g.Lock(t.Context()), g.Lock(t.Context())); err != nil {
		t.Fatal(err)
	}
	if p, err := g.Protection(); err != nil || p != node.ByPassphrase || g.IsOpen() {
		t.Errorf("locked: %v, %v", p, err)
	}
	if err := g.Unlock(t.Context(), nil); !errors.Is(err, node.ErrLocked) {
		t.Errorf("without a passphrase: %v", err)
	}
	if err := g.Unlock(t.Context(), []byte("wrong")); !errors.Is(err, node.ErrPassphrase) {
		t.Errorf("wrong: %v", err)
	}
	began := time.Now()
	if err := g.Unlock(t.Context(), []byte(passphrase)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < firstWait*9/10 {
		t.Errorf("the try after a wrong one came after %s", took)
	}
	if account(t, g) != me {
		t.Error("somebody else came out")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Guess(t.Context(), func() error { return node.ErrPassphrase }); !errors.Is(err, node.ErrPassphrase) {
		t.Error(err)
	}
	if err := g.Unlock(ctx, []byte(passphrase)); !errors.Is(err, context.Canceled) {
		t.Errorf("given up while it waits: %v", err)
	}
}

// TestUseHoldsOpen: a node is closed only when the last use has ended; streams are
// asked to end at once.
func TestUseHoldsOpen(t *testing.T) {
	g := sealed(t)
	u := mustUse(t, g)
	s, err := g.Use(true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := s.Context(t.Context())
	defer cancel()
	locked := make(chan error, 1)
	go func() { locked <- g.Lock(context.Background()) }()
	<-ctx.Done()
	s.Done()
	if _, err := g.Use(false); !errors.Is(err, node.ErrLocked) {
		t.Errorf("a new use while it closes: %v", err)
	}
	if err := u.Node.SetName(t.Context(), "Anna"); err != nil {
		t.Errorf("the node was closed under its user: %v", err)
	}
	select {
	case err := <-locked:
		t.Errorf("it was locked while in use: %v", err)
	default:
	}
	u.Done()
	if err := <-locked; err != nil {
		t.Error(err)
	}
	if err := u.Node.SetName(t.Context(), "Anna"); !errors.Is(err, node.ErrClosed) && err == nil {
		t.Error("the node is still open")
	}
}

func TestWipe(t *testing.T) {
	g := sealed(t)
	me, dir := account(t, g), g.Dir()
	if err := g.SetAutoLock(5); err != nil {
		t.Fatal(err)
	}
	if err := g.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g.AutoLock() != 5 {
		t.Error("the time without use is not known while locked")
	}
	if err := g.Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p, err := g.Protection(); err != nil || p != node.Unprotected || !g.IsOpen() || account(t, g) == me {
		t.Errorf("after the wipe: %v, %v", p, err)
	}
	if _, err := os.Stat(filepath.Join(dir, OwnFile)); err == nil || g.AutoLock() != 0 {
		t.Error("a setting is left")
	}
}

// TestDecoyOpensEmpty: the emergency passphrase opens the gate like the right one.
func TestDecoyOpensEmpty(t *testing.T) {
	g := sealed(t)
	me := account(t, g)
	if err := g.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Unlock(t.Context(), []byte("in emergencies")); err != nil || account(t, g) == me {
		t.Errorf("%v", err)
	}
}

// TestAutoLock: nobody has used it for long, by the clock on the wall.
func TestAutoLock(t *testing.T) {
	g := sealed(t)
	if g.isIdle() {
		t.Error("it locks itself without having been asked to")
	}
	if err := g.SetAutoLock(10); err != nil {
		t.Fatal(err)
	}
	ago := func(d time.Duration) {
		g.mu.Lock()
		g.idle.last = time.Now().Round(0).Add(-d)
		g.mu.Unlock()
	}
	if ago(9 * time.Minute); g.isIdle() {
		t.Error("too early")
	}
	u := mustUse(t, g)
	if ago(11 * time.Minute); g.isIdle() {
		t.Error("something is under way")
	}
	u.Done()
	if ago(-time.Hour); g.isIdle() { // the clock was set back
		t.Error("the clock was set back")
	}
	if ago(9 * time.Minute); g.isIdle() {
		t.Error("too early after the clock was set back")
	}
	if ago(11 * time.Minute); !g.isIdle() {
		t.Error("too late")
	}
	for end := time.Now().Add(4 * idleLook); g.IsOpen() && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
	}
	if g.IsOpen() {
		t.Error("the watch does not lock")
	}
	for _, bad := range []int{-1, MaxMinutes + 1} {
		if g.SetAutoLock(bad) == nil {
			t.Errorf("%d minutes", bad)
		}
	}
}

// TestManyAtOnce has everybody do everything at once, for the race detector: each
// use sees an open node, and in the end there is one that works.
func TestManyAtOnce(t *testing.T) {
	g := sealed(t)
	var uses atomic.Int64
	stop := make(chan struct{})
	var users, movers sync.WaitGroup
	for i := range 4 {
		users.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				u, err := g.Use(i == 0)
				if err != nil {
					time.Sleep(time.Millisecond)
					continue
				}
				ctx, cancel := u.Context(context.Background())
				if u.Node.Topics(); u.Node.Me().Device == (node.Me{}).Device {
					t.Error("a node without a device")
				}
				if err := u.Node.SetName(ctx, "Anna"); err != nil && ctx.Err() == nil {
					t.Errorf("a use of a closed node: %v", err)
				}
				cancel()
				u.Done()
				uses.Add(1)
				g.Touch()
				g.AutoLock()
			}
		})
	}
	fine := func(err error) {
		if err != nil && !errors.Is(err, node.ErrLocked) && !errors.Is(err, ErrUnprotected) {
			t.Error(err)
		}
	}
	for range 2 {
		movers.Go(func() {
			for range 3 {
				fine(g.Lock(context.Background()))
			}
		})
		movers.Go(func() {
			for range 3 {
				fine(g.Unlock(context.Background(), []byte(passphrase)))
				_, err := g.Protection()
				fine(err)
			}
		})
	}
	movers.Wait()
	fine(g.Wipe(context.Background()))
	close(stop)
	users.Wait()
	if !g.IsOpen() || uses.Load() == 0 {
		t.Errorf("open %v after %d uses", g.IsOpen(), uses.Load())
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if _, err := g.Use(false); !errors.Is(err, node.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := g.Unlock(context.Background(), nil); !errors.Is(err, node.ErrClosed) {
		t.Errorf("unlock after Close: %v", err)
	}
}

// TestAround: a gate around somebody else's node never closes it.
func TestAround(t *testing.T) {
	n, err := node.Open(t.Context(), node.Config{Dir: t.TempDir(), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true, Passphrase: []byte(passphrase)})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	g := Around(n)
	if err := errors.Join(g.Lock(t.Context())); !errors.Is(err, ErrUnprotected) {
		t.Error(err)
	}
	if err := g.Wipe(t.Context()); !errors.Is(err, ErrUnprotected) {
		t.Error(err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if err := n.SetName(t.Context(), "Anna"); err != nil {
		t.Errorf("the node was closed: %v", err)
	}
}
