package front

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
)

// TestCrowd: a connection beyond the bound waits until another has ended, and nobody
// waits for a listener that is closed.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		l := &crowd{Listener: m, places: make(chan struct{}, 1), closed: make(chan struct{})}
		got := make(chan net.Conn, 2)
		go func() {
			defer close(got)
			for {
				c, err := l.Accept()
				if err != nil {
					if !errors.Is(err, net.ErrClosed) {
						t.Error(err)
					}
					return
				}
				got <- c
			}
		}()
		for range 2 {
			go func() {
				if _, err := m.dial(t.Context(), "", ""); err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		if len(got) != 1 {
			t.Fatalf("%d are in", len(got))
		}
		first := <-got
		_ = first.Close()
		_ = first.Close()
		synctest.Wait()
		if len(got) != 1 {
			t.Fatalf("%d more are in", len(got))
		}
		_ = l.Close()
		synctest.Wait()
		<-got
		if _, open := <-got; open {
			t.Error("somebody came in afterwards")
		}
	})
}
