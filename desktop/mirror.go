package desktop

import (
	"fmt"
	"time"

	"github.com/linnet-im/linnet/desktop/server"
	"github.com/linnet-im/linnet/node"
)

// mirrorLook is how often a mirror looks whether there is news to tell.
const mirrorLook = 2 * time.Second

// mirror follows the topics of Options.Mirror and tells how much of each topic
// is here whenever that changes in a way that a person would want to know. It
// ends with a.ctx.
func (a *app) mirror() {
	if a.o.Bridge != nil {
		a.firstLink(a.ctx)
	}
	for _, link := range a.o.Mirror {
		if use, err := a.gate.Use(true); err == nil {
			_, err = use.Node.Follow(a.ctx, link)
			use.Done()
			if err != nil {
				a.tell(MirrorLine{Link: link, Problem: cause(err)})
			}
		}
	}
	told := map[node.TopicID]string{}
	tick := time.NewTicker(mirrorLook)
	defer tick.Stop()
	for {
		if use, err := a.gate.Use(true); err == nil { // else locked: there is no news
			a.tellNews(use.Node, told)
			use.Done()
		}
		select {
		case <-tick.C:
		case <-a.ctx.Done():
			return
		}
	}
}

// tellNews tells how the topics stand, as far as that was not told yet.
func (a *app) tellNews(n *node.Node, told map[node.TopicID]string) {
	for _, t := range n.Topics() {
		info, err := t.Info(a.ctx)
		if err != nil {
			continue // left, or stopping
		}
		state, summary := server.Completeness(info.Completeness)
		if told[t.ID()] != summary {
			told[t.ID()] = summary
			a.tell(MirrorLine{Topic: t.ID().String(), Name: info.Name, State: state, Summary: summary, Posts: info.Completeness.Posts})
		}
	}
}

// MirrorLine is what a mirror writes to Out about a topic, as one line of JSON
// if Options.JSON is set.
type MirrorLine struct {
	Topic   string `json:"topic,omitempty"`
	Name    string `json:"name,omitempty"`
	State   string `json:"state,omitempty"`
	Posts   uint64 `json:"posts"`
	Summary string `json:"summary,omitempty"`
	Link    string `json:"link,omitempty"`    // that could not be followed
	Problem string `json:"problem,omitempty"` // why
}

func (a *app) tell(l MirrorLine) {
	switch {
	case a.o.JSON:
		if err := writeLine(a.o.Out, l); err != nil {
			a.log.Warn("desktop: write", "err", err)
		}
	case l.Problem != "":
		fmt.Fprintf(a.o.Out, "A link was not followed: %s\n", l.Problem)
	default:
		fmt.Fprintf(a.o.Out, "%s  %q: %s\n", time.Now().Format("15:04:05"), l.Name, l.Summary)
	}
}
