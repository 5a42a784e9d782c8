package reach

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// classifyRules are what a censor would write who has read libp2p's documents. The
// last one shows that the engine sees TLS at all.
const classifyRules = `
alert tcp any any -> any any (msg:"libp2p multistream"; content:"/multistream/1.0.0|0a|"; sid:1000001; rev:1;)
alert tcp any any -> any any (msg:"libp2p handshake name"; content:"|07|/noise|0a|"; sid:1000002; rev:1;)
alert tcp any any -> any any (msg:"libp2p handshake name"; content:"|0b|/tls/1.0.0|0a|"; sid:1000003; rev:1;)
alert tcp any any -> any any (msg:"libp2p muxer"; content:"/yamux/1.0.0"; sid:1000004; rev:1;)
alert tcp any any -> any any (msg:"libp2p ALPN"; content:"|06|libp2p"; sid:1000005; rev:1;)
alert udp any any -> any any (msg:"libp2p over UDP"; content:"libp2p"; nocase; sid:1000006; rev:1;)
alert tcp any any -> any any (msg:"libp2p identify"; content:"ipfs/id/1.0.0"; sid:1000007; rev:1;)
alert tcp any any -> any any (msg:"our name"; content:"linnet"; nocase; sid:1000008; rev:1;)
alert http any any -> any any (msg:"WebSocket in clear"; content:"Upgrade: websocket"; nocase; sid:1000009; rev:1;)
alert tls any any -> any 443 (msg:"TLS"; flow:established,to_server; tls.sni; content:"."; sid:1000099; rev:1;)
`

const classifyLeast = 60 // connections of each kind

// sight is what the classifiers make of one kind of traffic.
type sight struct {
	flows  int
	protos map[string]int // by nDPI
	risks  map[string]int // by nDPI
	alerts map[string]int // by Suricata
	trojan map[string]int // by OpenGFW's tree
	hellos []string       // by tshark: name and ALPN of each
	shown  map[string]int // by tshark: protocols
}

// TestClassifiers shows captures of each way to nDPI, Suricata, tshark and the tree
// of OpenGFW: veil and drip are ordinary TLS, and are told from plain HTTPS by none.
func TestClassifiers(t *testing.T) {
	if os.Getenv("LINNET_CLASSIFY") == "" {
		t.Skip("set LINNET_CLASSIFY=1, as ./check does where nDPI, Suricata, tshark, tcpdump and ip are there")
	}
	oracle := filepath.Join(t.TempDir(), "oracle")
	build := exec.Command("go", "build", "-o", oracle, ".")
	build.Dir = "front/oracle"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the oracle: %v\n%s", err, out)
	}
	here, there := classifyNet(t)
	bridge := startBridge(t, there)
	seen := map[string]sight{}
	for _, kind := range []struct {
		name string
		n    int
	}{{"https", classifyLeast}, {"web", classifyLeast}, {"veil", classifyLeast}, {"drip", classifyLeast / 3}, {"libp2p", 5}} {
		file := capture(t, there, kind.name, func() {
			if out, err := childIn(here, fmt.Sprint(kind.name, " ", kind.n, " ", bridge)).Output(); err != nil {
				t.Errorf("%s: %v\n%s", kind.name, err, out)
			}
		})
		s := look(t, file, oracle)
		t.Logf("%-6s %3d connections; nDPI %v, risks %v; Suricata %v; tree %v; tshark %v", kind.name, s.flows, s.protos, s.risks, s.alerts, s.trojan, s.shown)
		seen[kind.name] = s
	}
	for _, way := range []string{"veil", "drip"} {
		s := seen[way]
		if s.flows < classifyLeast || s.alerts["TLS"] < classifyLeast || len(s.hellos) < classifyLeast {
			t.Errorf("%s: too little was seen", way)
		}
		for proto, n := range s.protos {
			if !strings.HasPrefix(proto, "TLS") {
				t.Errorf("%s: nDPI takes %d of %d for %s", way, n, s.flows, proto)
			}
		}
		// Debian's nDPI is of 2022 and finds a browser of today odd. What counts is
		// that it finds nothing odder than the same browser on a plain page.
		for risk, n := range s.risks {
			if seen["web"].risks[risk] == 0 {
				t.Errorf("%s: nDPI finds %q in %d of %d", way, risk, n, s.flows)
			}
		}
		for alert, n := range s.alerts {
			if alert != "TLS" {
				t.Errorf("%s: Suricata finds %q in %d of %d", way, alert, n, s.flows)
			}
		}
		if yes := s.trojan["yes"]; yes*classifyLeast > 2*s.flows {
			t.Errorf("%s: the tree takes %d of %d for Trojan, of plain HTTPS %d of %d", way, yes, s.flows, seen["https"].trojan["yes"], seen["https"].flows)
		}
		for _, h := range s.hellos {
			if !strings.HasSuffix(h, "\thttp/1.1") || strings.HasPrefix(h, "\t") {
				t.Errorf("%s: a client hello for %q", way, h)
			}
		}
		if unknown := slices.DeleteFunc(keys(s.shown), func(p string) bool {
			return p == "TCP" || p == "TLSv1.3" || p == "TLSv1" || p == "TLSv1.2" || p == "SSL"
		}); len(unknown) > 0 {
			t.Errorf("%s: tshark sees %v", way, unknown)
		}
	}
	if plain := seen["libp2p"]; plain.alerts["libp2p multistream"] == 0 || plain.protos["TLS"] > 0 {
		t.Errorf("bare libp2p is not found: %+v", plain)
	}
}

func keys(m map[string]int) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}

// classifyNet makes two namespaces with a wire between them.
func classifyNet(t *testing.T) (here, there string) {
	here, there = fmt.Sprintf("lnc%da", os.Getpid()), fmt.Sprintf("lnc%db", os.Getpid())
	t.Cleanup(func() {
		for _, ns := range []string{here, there} {
			_ = exec.Command("ip", "netns", "del", ns).Run() // it may not have come to be
		}
	})
	for _, line := range []string{
		"netns add " + here, "netns add " + there,
		"link add eth0 netns " + here + " type veth peer name eth0 netns " + there,
		"-n " + here + " addr add 10.91.8.2/24 dev eth0", "-n " + there + " addr add " + classifyAt + "/24 dev eth0",
		// Segments as they are on a real wire.
		"-n " + here + " link set eth0 gso_max_segs 1", "-n " + there + " link set eth0 gso_max_segs 1",
		"-n " + here + " link set lo up", "-n " + there + " link set lo up", "-n " + here + " link set eth0 up", "-n " + there + " link set eth0 up",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", line, err, out)
		}
	}
	return here, there
}

// startBridge returns what those who come need to know.
func startBridge(t *testing.T, ns string) string {
	cmd := childIn(ns, "bridge")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	t.Cleanup(func() {
		_ = in.Close()
		for lines.Scan() {
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the bridge: %v", err)
		}
	})
	for lines.Scan() {
		if said, ok := strings.CutPrefix(lines.Text(), "bridge "); ok {
			return said
		}
	}
	t.Fatal("the bridge does not start")
	return ""
}

// capture writes what passes while f runs.
func capture(t *testing.T, ns, name string, f func()) string {
	file := filepath.Join(t.TempDir(), name+".pcap")
	cmd := exec.Command("ip", "netns", "exec", ns, "tcpdump", "-i", "eth0", "-n", "-U", "--immediate-mode", "-s", "0", "-B", "32768", "-Z", "root", "-w", file, "tcp or udp")
	says, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(says)
	for lines.Scan() && !strings.Contains(lines.Text(), "listening on") {
	}
	f()
	settled(t, file)
	_ = cmd.Process.Signal(os.Interrupt)
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("tcpdump: %v", err)
	}
	return file
}

// settled waits until a capture no longer grows.
func settled(t *testing.T, file string) {
	for last, tick := int64(-1), time.NewTicker(500*time.Millisecond); ; <-tick.C {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() == last {
			tick.Stop()
			return
		}
		last = info.Size()
	}
}

var ndpiFlow = regexp.MustCompile(`(?m)^\s*\d+\s+TCP .* <-> .*\[proto: [\d.]+/([^\]]+)\](.*)$`)
var ndpiRisk = regexp.MustCompile(`\[Risk: ([^\]]*)\]`)
var suricataAlert = regexp.MustCompile(`\[1:\d+:1\] (.*?) \[\*\*\]`)

// look asks all of them about a capture.
func look(t *testing.T, file, oracle string) sight {
	s := sight{protos: map[string]int{}, risks: map[string]int{}, alerts: map[string]int{}, trojan: map[string]int{}, shown: map[string]int{}}
	for _, m := range ndpiFlow.FindAllStringSubmatch(say(t, "ndpiReader", "-i", file, "-v", "2"), -1) {
		s.flows++
		s.protos[m[1]]++
		if r := ndpiRisk.FindStringSubmatch(m[2]); r != nil {
			for _, risk := range strings.FieldsFunc(r[1], func(c rune) bool { return c == '*' }) {
				if risk = strings.TrimSpace(risk); risk != "" {
					s.risks[risk]++
				}
			}
		}
	}
	dir := t.TempDir()
	rules := filepath.Join(dir, "censor.rules")
	if err := os.WriteFile(rules, []byte(classifyRules), 0o600); err != nil {
		t.Fatal(err)
	}
	say(t, "suricata", "-r", file, "-S", rules, "-l", dir, "-k", "none")
	log, err := os.ReadFile(filepath.Join(dir, "fast.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range suricataAlert.FindAllStringSubmatch(string(log), -1) {
		s.alerts[m[1]]++
	}
	for line := range strings.Lines(say(t, oracle, file)) {
		if _, says, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			s.trojan[says]++
		}
	}
	for line := range strings.Lines(say(t, "tshark", "-r", file, "-Y", "tls.handshake.type == 1", "-T", "fields", "-e", "tls.handshake.extensions_server_name", "-e", "tls.handshake.extensions_alpn_str")) {
		s.hellos = append(s.hellos, strings.TrimRight(line, "\n"))
	}
	for line := range strings.Lines(say(t, "tshark", "-r", file, "-T", "fields", "-e", "_ws.col.Protocol")) {
		s.shown[strings.TrimSpace(line)]++
	}
	return s
}

func say(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(out)
}
