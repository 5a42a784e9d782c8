package scenes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/linnet-im/linnet/cmd/linnet-lab/netns"
	"github.com/linnet-im/linnet/desktop/api"
)

// Options say what Run does.
type Options struct {
	Program   string   // path of the built linnet
	Folder    string   // for data and logs
	Scenarios []string // names; empty: all
	Short     bool     // of all, only those of the short form, and no table of ways
	Ways      bool     // the table of each way alone too
	Parallel  int      // scenarios at once; 0: 4
	Progress  func(string)
}

// stage is one scenario being played.
type stage struct {
	Options
	scenario Scenario
	folder   string
	result   *Result
	turn     *sync.Mutex // whose cold start is being measured
	closers  []func() error
}

// plays are how scenarios go.
var plays = map[string]func(*stage, context.Context) error{
	"talk": (*stage).playTalk, "bridges": (*stage).playBridges, "nat": (*stage).playNAT, "lan": (*stage).playLAN,
	"none": (*stage).playNone, "tor": (*stage).playTor, "change": (*stage).playChange, "roam": (*stage).playRoam,
	"tornet": (*stage).playTornet,
}

// sceneLimit bounds one scenario.
const sceneLimit = 8 * time.Minute

// Run plays scenarios, some at once, but cold starts one after the other: those are
// what is measured to the second.
func Run(ctx context.Context, o Options) (*Report, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("scenes: network namespaces need root")
	}
	chosen, err := choose(o)
	if err != nil {
		return nil, err
	}
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	report := &Report{Results: make([]Result, len(chosen))}
	var turn sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, o.Parallel)
	for i, s := range chosen {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			report.Results[i] = play(ctx, o, s, &turn)
			o.progress("%s", strings.TrimSpace(report.Results[i].row()))
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o.Ways {
		report.Cells = waysTable(ctx, o)
	}
	return report, ctx.Err()
}

func (o Options) progress(format string, args ...any) {
	if o.Progress != nil {
		o.Progress(fmt.Sprintf(format, args...))
	}
}

// choose returns the scenarios that are asked for.
func choose(o Options) (chosen []Scenario, err error) {
	wanted := map[string]bool{}
	for _, n := range o.Scenarios {
		wanted[n] = true
	}
	for _, s := range Scenarios() {
		if wanted[s.Name] || len(o.Scenarios) == 0 && (s.Short || !o.Short) {
			chosen = append(chosen, s)
		}
		delete(wanted, s.Name)
	}
	for n := range wanted {
		return nil, fmt.Errorf("scenes: there is no scenario %q", n)
	}
	return chosen, nil
}

// play goes through one scenario and leaves nothing behind but its folder.
func play(ctx context.Context, o Options, s Scenario, turn *sync.Mutex) Result {
	ctx, cancel := context.WithTimeout(ctx, sceneLimit)
	defer cancel()
	r := Result{Scenario: s, First: -1}
	st := &stage{Options: o, scenario: s, folder: filepath.Join(o.Folder, s.Name), result: &r, turn: turn}
	if err := plays[s.run](st, ctx); err != nil {
		r.failf("%v", err)
	}
	if err := st.close(); err != nil {
		r.failf("%v", err)
	}
	r.judgeSentence()
	return r
}

// close undoes what was done, the last first.
func (st *stage) close() error {
	var all []error
	for i := len(st.closers) - 1; i >= 0; i-- {
		all = append(all, st.closers[i]())
	}
	st.closers = nil
	return errors.Join(all...)
}

func (st *stage) later(f func() error) { st.closers = append(st.closers, f) }

// start runs a program of this scenario, until the end of it.
func (st *stage) start(ctx context.Context, h *netns.Host, name string, words ...string) (*program, error) {
	p, err := start(ctx, st.Program, h, filepath.Join(st.folder, name), words...)
	if err == nil {
		st.later(p.stop)
	}
	return p, err
}

// author starts a node outside that is a bridge too, and begins a topic there.
func (st *stage) author(ctx context.Context, h *netns.Host, addr string, words ...string) (*program, api.Topic, error) {
	if len(words) == 0 {
		words = []string{"run", "--no-browser", "--bridge", "0.0.0.0:443", "--bridge-address", addr + ":443"}
	}
	p, err := st.start(ctx, h, "server", words...)
	if err != nil {
		return nil, api.Topic{}, err
	}
	t, err := p.CreateTopic(ctx, api.TopicDraft{Kind: api.KindOpen, Name: "Laboratory"})
	if err != nil {
		return nil, api.Topic{}, err
	}
	_, err = p.Post(ctx, t.ID, api.MessageDraft{Text: firstPost}, "")
	return p, t, err
}

const firstPost = "the first post"

// cold starts a node that knows nothing, gives it one link (and more bridges, if
// need be), and measures until the first post is there.
func (st *stage) cold(ctx context.Context, h *netns.Host, link, topic string, bridges []string, words ...string) (*program, error) {
	p, err := st.start(ctx, h, "client", append([]string{"run", "--no-browser"}, words...)...)
	if err != nil {
		return nil, err
	}
	st.result.Started = time.Since(p.began)
	for _, b := range bridges {
		if _, err := p.AddBridge(ctx, b); err != nil {
			return nil, fmt.Errorf("scenes: take a bridge link: %w", err)
		}
	}
	if _, err := p.Accept(ctx, link); err != nil {
		return nil, fmt.Errorf("scenes: open the link: %w", err)
	}
	waiting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := p.until(waiting, topic, firstPost); err != nil {
		st.result.failf("the first post never came: %v", err)
		st.ending(ctx, p)
		return nil, errors.New("scenes: nothing to go on with")
	}
	st.result.First = time.Since(p.began)
	if bar := st.scenario.First; bar > 0 && st.result.First > bar {
		st.result.failf("the first post took %s, may take %s", seconds(st.result.First), seconds(bar))
	}
	return p, nil
}

// ending notes what the page says.
func (st *stage) ending(ctx context.Context, p *program) {
	r, err := p.Reach(ctx)
	if err != nil {
		st.result.failf("ask for the reach: %v", err)
		return
	}
	st.result.Sentence = r.Summary
	if st.result.Ways == "" {
		st.result.Ways = strings.Join(ways(r), "+")
	}
	var all []string
	for _, w := range r.Ways {
		if w.Tried > 0 || w.Peers > 0 {
			all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %d/%d %s", w.Name, w.State, w.Worked, w.Tried, w.Why)))
		}
	}
	if len(all) > 0 {
		st.result.notef("ways: %s", strings.Join(all, "; "))
	}
}

// converse holds a talk of server and client, with the router's counters around it.
func (st *stage) converse(ctx context.Context, r *router, t *talk, limit time.Duration) error {
	t.st = st
	before, err := r.traffic()
	if err != nil {
		return err
	}
	if err := t.hold(ctx, limit); err != nil {
		return err
	}
	after, err := r.traffic()
	if err != nil {
		return err
	}
	st.result.Ways, st.result.Wire = t.ways(), after.since(before).String()
	st.ending(ctx, t.sides[1])
	if b := r.judge.Blocked(); len(b) > 0 {
		st.result.notef("the censor blocked: %v", b)
	}
	if n := r.queue.Failures(); n > 0 {
		st.result.failf("the censor lost %d packets: this computer was too slow", n)
	}
	return nil
}
