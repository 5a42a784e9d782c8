package scenes

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/linnet-im/linnet/cmd/linnet-lab/censor"
	"github.com/linnet-im/linnet/cmd/linnet-lab/netns"
)

const queueNumber = 1

// router stands between the two sides, with a censor in it.
type router struct {
	*netns.Host
	judge *censor.Judge
	queue *censor.Queue
	wires []string // interfaces, whose rate may be limited
}

func newRouter(w *netns.World) (*router, error) {
	h, err := w.Host("router")
	if err != nil {
		return nil, err
	}
	r := &router{Host: h, judge: censor.NewJudge(0)}
	if err := h.Router(); err != nil {
		return nil, err
	}
	if r.queue, err = censor.Open(h.File(), queueNumber, r.judge); err != nil {
		return nil, err
	}
	return r, r.NFT(`table inet count { chain f { type filter hook forward priority 10
		tcp dport 443 counter accept comment "443"
		tcp sport 443 counter accept comment "443"
		meta l4proto tcp counter comment "tcp"
		meta l4proto udp counter comment "udp"
		}
	}`)
}

func (r *router) close() error { return r.queue.Close() }

// apply makes the router follow a profile from now on.
func (r *router) apply(p profile) error {
	r.judge.Set(p.rules)
	r.queue.SetDelay(p.delay)
	if err := r.Run("iptables", "-w", "-F", "FORWARD"); err != nil {
		return err
	}
	if p.rules != 0 || p.delay > 0 { // no bypass: were nobody to judge, nothing would pass
		if err := r.Run("iptables", "-w", "-A", "FORWARD", "-j", "NFQUEUE", "--queue-num", fmt.Sprint(queueNumber)); err != nil {
			return err
		}
	}
	script := "table inet block\ndelete table inet block\ntable inet block { chain f { type filter hook forward priority -1\n" + p.nft + "}\n}"
	return errors.Join(r.NFT(script), r.limit(p.rate))
}

// limit sets the rate of every wire.
func (r *router) limit(rate string) error {
	for _, w := range r.wires {
		if rate == "" {
			_ = r.Run("tc", "qdisc", "del", "dev", w, "root") // there may be none
			continue
		}
		burst := "4k"
		if strings.HasSuffix(rate, "mbit") {
			burst = "64k"
		}
		if err := r.Run("tc", "qdisc", "replace", "dev", w, "root", "tbf", "rate", rate, "burst", burst, "latency", "500ms"); err != nil {
			return err
		}
	}
	return nil
}

// traffic is what has passed a router, in bytes.
type traffic struct{ udp, tcp, web uint64 }

func (t traffic) since(before traffic) traffic {
	return traffic{t.udp - before.udp, t.tcp - before.tcp, t.web - before.web}
}

func (t traffic) String() string {
	var parts []string
	for _, p := range []struct {
		name string
		n    uint64
	}{{"UDP", t.udp}, {"TCP", t.tcp}, {"TCP 443", t.web}} {
		if p.n >= 1000 {
			parts = append(parts, fmt.Sprintf("%s %d KB", p.name, p.n/1000))
		}
	}
	return strings.Join(parts, ", ")
}

// traffic reads the router's counters.
func (r *router) traffic() (t traffic, err error) {
	c, err := counters(r.Host, "count")
	return traffic{udp: c["udp"], tcp: c["tcp"], web: c["443"]}, err
}

// counters reads what a host's rules have counted, in bytes, by their comments.
func counters(h *netns.Host, table string) (map[string]uint64, error) {
	out, err := h.Command(background, "nft", "-j", "list", "table", "inet", table).Output()
	if err != nil {
		return nil, fmt.Errorf("scenes: read the counters: %w", err)
	}
	var list struct {
		Nftables []struct {
			Rule struct {
				Comment string
				Expr    []struct{ Counter struct{ Bytes uint64 } }
			}
		}
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("scenes: read the counters: %w", err)
	}
	sums := map[string]uint64{}
	for _, n := range list.Nftables {
		for _, e := range n.Rule.Expr {
			sums[n.Rule.Comment] += e.Counter.Bytes
		}
	}
	return sums, nil
}

// internet is a client behind an ordinary home router, which is also the censor's,
// and hosts outside.
type internet struct {
	*netns.World
	router  *router
	client  *netns.Host
	servers []*netns.Host
}

func newInternet(servers int, p profile) (n *internet, err error) {
	w, err := netns.New("lnl")
	if err != nil {
		return nil, err
	}
	n = &internet{World: w}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	if n.router, err = newRouter(w); err != nil {
		return n, err
	}
	for i := range servers {
		if err := n.addServer(i); err != nil {
			return n, err
		}
	}
	if n.client, err = w.Host("client"); err != nil {
		return n, err
	}
	err = errors.Join(
		w.Wire(netns.End{Host: n.client, Name: "eth0", Addr: clientAddr + "/24"}, netns.End{Host: n.router.Host, Name: "in0", Addr: clientRouter + "/24"}),
		n.client.IP("route", "add", "default", "via", clientRouter),
		n.client.Resolver("11.9.9.9"),
		n.router.IP("addr", "add", clientPublic+"/32", "dev", "lo"),
		n.router.NFT(`table inet home {
			chain out { type nat hook postrouting priority 100
				iifname "in0" oifname != "in0" snat ip to `+clientPublic+`
			}
			chain in { type filter hook input priority 0
				iifname != { "in0", "lo" } ip daddr `+clientPublic+` drop
			}
		}`),
	)
	if err != nil {
		return n, err
	}
	n.router.wires = append(n.router.wires, "in0")
	return n, n.router.apply(p)
}

func (n *internet) addServer(i int) error {
	h, err := n.Host(fmt.Sprint("server", i))
	if err != nil {
		return err
	}
	n.servers = append(n.servers, h)
	out := fmt.Sprint("out", i)
	n.router.wires = append(n.router.wires, out)
	return errors.Join(
		n.Wire(netns.End{Host: h, Name: "eth0", Addr: serverAddr(i) + "/24"}, netns.End{Host: n.router.Host, Name: out, Addr: serverRouter(i) + "/24"}),
		h.IP("route", "add", "default", "via", serverRouter(i)),
		h.Resolver("11.9.9.9"))
}

func (n *internet) close() error {
	var err error
	if n.router != nil && n.router.queue != nil {
		err = n.router.close()
	}
	return errors.Join(err, n.World.Close())
}
