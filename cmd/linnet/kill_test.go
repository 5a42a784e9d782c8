//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
)

// TestKill kills the program in the middle of posting, over and over on one
// data folder. No post that was acknowledged may be lost, and the program must
// come up again by itself. LINNET_ROUNDS asks for more than the usual 50.
func TestKill(t *testing.T) {
	rounds := 50
	if s := os.Getenv("LINNET_ROUNDS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d rounds, seed %d", rounds, seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	program, dir := buildProgram(t), filepath.Join(t.TempDir(), "data")
	var topic string
	acked := map[string]string{} // id -> text
	slowest := time.Duration(0)
	for round := range rounds {
		p := startProgram(t, program, dir)
		slowest = max(slowest, p.took)
		if round == 0 {
			made, err := p.client.CreateTopic(t.Context(), api.TopicDraft{Kind: api.KindOpen, Name: "Kill"})
			if err != nil {
				t.Fatal(err)
			}
			topic = made.ID
		}
		p.postUntilKilled(topic, round, acked, time.Duration(20+rng.IntN(150))*time.Millisecond)
	}
	p := startProgram(t, program, dir)
	have := map[string]string{}
	for before := ""; ; {
		page, err := p.client.Messages(t.Context(), topic, client.Page{Limit: api.MaxLimit, Before: before})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Items {
			have[m.ID] = m.Text
		}
		if page.Prev == nil {
			break
		}
		before = *page.Prev
	}
	lost := 0
	for id, text := range acked {
		if have[id] != text {
			lost++
		}
	}
	info, err := p.client.Topic(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d posts acknowledged in %d rounds, %d there, %d lost; slowest start %v", len(acked), rounds, len(have), lost, slowest.Round(time.Millisecond))
	if lost > 0 || len(acked) < rounds || info.Completeness.Missing != 0 || info.Completeness.State == api.CompleteForked {
		t.Errorf("%d of %d lost, completeness %+v", lost, len(acked), info.Completeness)
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the last stop: %v", err)
	}
}

func buildProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "linnet")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// running is the program on loopback.
type running struct {
	t      *testing.T
	cmd    *exec.Cmd
	client *client.Client
	took   time.Duration // until it answered
}

func startProgram(t *testing.T, program, dir string) *running {
	t.Helper()
	discovery := filepath.Join(dir, api.DiscoveryFile)
	if err := os.Remove(discovery); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	start := time.Now()
	cmd := exec.Command(program, "run", "--data", dir, "--ui", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0", "--lan-only", "--no-browser")
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // usually it is gone
		_, _ = cmd.Process.Wait()
		_ = out.Close()
	})
	for {
		if c, err := client.Discover(dir); err == nil {
			if _, err = c.Node(t.Context()); err == nil {
				return &running{t, cmd, c, time.Since(start)}
			}
		}
		if time.Since(start) > 30*time.Second {
			said, _ := os.ReadFile(out.Name())
			t.Fatalf("it does not come up:\n%s", said)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// postUntilKilled posts from several sides and kills the program meanwhile.
func (p *running) postUntilKilled(topic string, round int, acked map[string]string, life time.Duration) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				text := fmt.Sprintf("round %d writer %d post %d", round, w, i)
				m, err := p.client.Post(ctx, topic, api.MessageDraft{Text: text}, "")
				if err != nil {
					return // killed
				}
				mu.Lock()
				acked[m.ID] = text
				mu.Unlock()
			}
		})
	}
	time.Sleep(life)
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait() // it was killed
	wg.Wait()
	p.client.Close()
}
