package front

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestPace: to one address connections begin at least 600 ms apart and at most six
// are open, whoever asks, and another address does not wait for it.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		var mu sync.Mutex
		var starts []time.Time
		open, most := 0, 0
		begun := time.Now()
		for range 20 {
			go func() {
				done, err := p.turn(t.Context(), "192.0.2.1:443")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				starts = append(starts, time.Now())
				open++
				most = max(most, open)
				mu.Unlock()
				time.Sleep(10 * time.Second)
				mu.Lock()
				open--
				mu.Unlock()
				done()
			}()
		}
		synctest.Wait()
		done, err := p.turn(t.Context(), "192.0.2.2:443")
		if err != nil || !time.Now().Equal(begun) {
			t.Errorf("another address waited %v, %v", time.Since(begun), err)
		}
		done()
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(starts) != 20 || most != parallel {
			t.Fatalf("%d began, %d at once", len(starts), most)
		}
		for i := 1; i < len(starts); i++ {
			if d := starts[i].Sub(starts[i-1]); d < spacing {
				t.Errorf("%v after the one before", d)
			}
		}
		done, err = p.turn(t.Context(), "192.0.2.3:443")
		if err != nil {
			t.Fatal(err)
		}
		done()
		if len(p.lanes) != 1 {
			t.Errorf("%d addresses are remembered", len(p.lanes))
		}
	})
}

// TestPaceGivesUp: who gives up does not keep a place.
func TestPaceGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		for range 3 * parallel {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			done, err := p.turn(ctx, "192.0.2.1:443")
			if err == nil {
				done()
			} else if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			cancel()
		}
		if n := len(p.lanes["192.0.2.1:443"].open); n != 0 {
			t.Errorf("%d places are kept", n)
		}
	})
}
