package front

import (
	"crypto/tls"
	"io"
	"strings"
)

// libp2pHello is how a libp2p node begins on a bare connection.
const libp2pHello = "\x13/multistream/1.0.0\n\x07/noise\n"

// probes are those that censors and scanners have been seen to make, and the like.
func probes() []probe {
	get := func(path string, lines ...string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: $NAME\r\n" + strings.Join(lines, "") + "Connection: close\r\n\r\n"
	}
	request := func(line string) string {
		return line + " HTTP/1.1\r\nHost: $NAME\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
	}
	guess := "/" + strings.Repeat("QUJD", 14) + "QUI"
	ws := "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	upgradeAt := func(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: $NAME\r\n" + ws + "\r\n" }
	hello := clientHello()

	var all []probe
	ask := func(name string, parts ...string) {
		all = append(all, probe{name, name == "expect", overTLS(parts...)})
	}
	bare := func(name string, parts ...string) { all = append(all, probe{name, false, overTCP(parts...)}) }
	with := func(name string, cfg *tls.Config, parts ...string) {
		all = append(all, probe{name, strings.Contains(name, "HTTP/2"), withTLS(cfg, parts...)})
	}

	// What a visitor asks.
	ask("the first page", get("/"))
	ask("robots.txt", get("/robots.txt"))
	ask("favicon", get("/favicon.ico"))
	ask("style", get("/style.css"))
	ask("no such page", get("/wp-login.php"))
	ask("a query", get("/?q=1"))
	ask("a range", get("/", "Range: bytes=3-9\r\n"))
	ask("ranges", get("/", "Range: bytes=0-1,4-5,-2\r\n", "If-Range: x\r\n"))
	ask("a bad range", get("/", "Range: bytes=999999-\r\n"))
	ask("if modified since", get("/", "If-Modified-Since: Fri, 01 Jan 2038 00:00:00 GMT\r\n"))
	ask("if none match", get("/", "If-None-Match: *\r\n"))
	ask("three on one connection", "GET / HTTP/1.1\r\nHost: $NAME\r\n\r\n", "GET /x HTTP/1.1\r\nHost: $NAME\r\n\r\n", get("/robots.txt"))
	ask("pipelined", "GET / HTTP/1.1\r\nHost: $NAME\r\n\r\n"+get("/x"))
	ask("kept alive", "GET / HTTP/1.1\r\nHost: $NAME\r\n\r\n")

	// Methods and versions.
	for _, m := range []string{"HEAD /", "OPTIONS /", "OPTIONS *", "POST /", "PUT /x", "DELETE /", "TRACE /", "PATCH /", "BREW /", "get /", "CONNECT example.org:443", "PROPFIND /"} {
		ask(m, request(m))
	}
	ask("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n")
	ask("HTTP/1.0 kept alive", "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / HTTP/1.0\r\n\r\n")
	ask("HTTP/0.9", "GET /\r\n")
	ask("HTTP/3.7", "GET / HTTP/3.7\r\nHost: $NAME\r\n\r\n")
	ask("HTTP/2 where it was not agreed", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

	// Malformed requests.
	ask("no host", "GET / HTTP/1.1\r\n\r\n")
	ask("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
	ask("another host", "GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n")
	ask("a whole address", "GET https://example.org/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	ask("dots", get("/../../etc/passwd"))
	ask("coded dots", get("/%2e%2e/%2e%2e/etc/passwd"))
	ask("double slash", get("//x//"))
	ask("zero byte", get("/\x00"))
	ask("bad code", get("/%zz"))
	ask("a long path", get("/"+strings.Repeat("a", 8000)))
	ask("a huge header", get("/", "X: "+strings.Repeat("a", 100_000)+"\r\n"))
	ask("many lines", get("/", strings.Repeat("X: a\r\n", 3000)))
	ask("a bad line", get("/", "no colon\r\n"))
	ask("a bad name", get("/", "a b: c\r\n"))
	ask("a folded line", get("/", "A: b\r\n c\r\n"))
	ask("bare line feeds", "GET / HTTP/1.1\nHost: $NAME\nConnection: close\n\n")
	ask("chunks", "POST / HTTP/1.1\r\nHost: $NAME\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	ask("bad chunks", "POST / HTTP/1.1\r\nHost: $NAME\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	ask("length and chunks", "POST / HTTP/1.1\r\nHost: $NAME\r\nConnection: close\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	ask("a negative length", "POST / HTTP/1.1\r\nHost: $NAME\r\nContent-Length: -1\r\n\r\n")
	ask("expect", "POST / HTTP/1.1\r\nHost: $NAME\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", "abc")
	ask("expect a miracle", get("/", "Expect: miracle\r\n"))
	ask("random bytes", strings.Repeat("\x8f\x03\xff\x00\x9c", 200))
	ask("libp2p inside TLS", libp2pHello, closing)
	ask("nothing, and the end", closing)
	ask("half a request, and the end", "GET / HTTP/1.1\r\nHo", closing)

	// Slow ones.
	ask("nothing")
	ask("half a request", "GET / HTTP/1.1\r\nHo")
	ask("a request in pieces", "GE", pausing, "T / HT", pausing, "TP/1.1\r\nHost: $NAME\r\n", pausing, "X", pausing, ": y\r\n\r\n")
	ask("a body that does not come", "POST / HTTP/1.1\r\nHost: $NAME\r\nContent-Length: 1000\r\n\r\nabc")
	ask("a body that does not come, on a guess", "POST "+guess+" HTTP/1.1\r\nHost: $NAME\r\nContent-Length: 1000\r\n\r\nabc")
	ask("a body in pieces", "POST / HTTP/1.1\r\nHost: $NAME\r\nContent-Length: 4\r\n\r\n", pausing, "ab", pausing, "cd")

	// Upgrades and tickets.
	end := get("/end")
	ask("upgrade at the root", upgradeAt("/"), end)
	ask("upgrade at a guess", upgradeAt(guess), end)
	ask("upgrade, then frames", upgradeAt(guess), "\x82\x85\x00\x00\x00\x00hello", closing)
	ask("upgrade without a key", "GET / HTTP/1.1\r\nHost: $NAME\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", end)
	ask("upgrade of version 8", "GET "+guess+" HTTP/1.1\r\nHost: $NAME\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: x\r\n\r\n", end)
	ask("upgrade to h2c", get("/", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"))
	ask("upgrade by POST", "POST "+guess+" HTTP/1.1\r\nHost: $NAME\r\nContent-Length: 0\r\n"+ws+"\r\n", end)
	ask("a replayed ticket", upgradeAt("$REPLAY"), end)
	ask("a replayed ticket, three times", upgradeAt("$REPLAY"), upgradeAt("$REPLAY"), upgradeAt("$REPLAY"), end)
	ask("a replayed ticket without upgrade", get("$REPLAY"))
	ask("a replayed ticket with a query", upgradeAt("$REPLAY?a=b"), end)
	ask("a replayed ticket, coded", upgradeAt("/%2F$REPLAY"), end)
	ask("a replayed ticket by POST", request("POST $REPLAY"))
	ask("a replayed ticket by HEAD", request("HEAD $REPLAY"))
	ask("a replayed ticket for drip", request("POST $REPLAYDRIP"))
	ask("a replayed ticket for drip, upgrading", upgradeAt("$REPLAYDRIP"), end)
	ask("a revoked ticket", upgradeAt("$REVOKED"), end)
	ask("a revoked ticket for drip", request("POST $REVOKEDDRIP"))
	ask("an old ticket", upgradeAt("$OLD"), end)
	ask("a ticket for the other way", upgradeAt("$OTHERWAY"), end)
	ask("a ticket of another bridge", upgradeAt("$OTHERPASS"), end)
	ask("a replayed ticket for drip whose body does not come", "POST $REPLAYDRIP HTTP/1.1\r\nHost: $NAME\r\nContent-Length: 1000\r\n\r\nabc")

	// HTTP/2.
	for _, h := range [][3]string{{"GET", "/", ""}, {"GET", "/x", ""}, {"POST", "/", "hello"}, {"POST", "$REPLAYDRIP", "hello"}, {"GET", "$REPLAY", ""}, {"GET", "$OTHERWAY", ""}, {"HEAD", "/robots.txt", ""}} {
		all = append(all, probe{"HTTP/2 " + h[0] + " " + h[1], false, overHTTP2(h[0], h[1], h[2])})
	}
	h2 := &tls.Config{NextProtos: []string{"h2"}}
	with("HTTP/2 with a bad preface", h2, get("/"))
	with("HTTP/2 with a frame too long", h2, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x00\x00\x00\x00\x00\x00", closing)
	with("HTTP/2 without settings", h2, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x01\x05\x00\x00\x00\x01", closing)

	// TLS.
	with("no name", &tls.Config{ServerName: "-"}, get("/"))
	with("another name", &tls.Config{ServerName: "example.org"}, get("/"))
	with("no ALPN", &tls.Config{}, get("/"))
	with("ALPN of libp2p", &tls.Config{NextProtos: []string{"/yamux/1.0.0", "libp2p"}}, get("/"))
	with("ALPN of HTTP/3", &tls.Config{NextProtos: []string{"h3"}}, get("/"))
	with("ALPN of HTTP/2 and 1.1, then 1.1", &tls.Config{NextProtos: []string{"h2", "http/1.1"}}, get("/"))
	with("TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, get("/"))
	with("TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, get("/"))
	with("RSA only", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, get("/"))
	with("P-521 only", &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP521}}, get("/"))

	// Something else than TLS.
	bare("no byte")
	bare("no byte, and the end", closing)
	bare("HTTP without TLS", get("/"))
	bare("libp2p", libp2pHello)
	bare("SSH", "SSH-2.0-OpenSSH_9.6\r\n")
	bare("random bytes, bare", strings.Repeat("\x8f\x03\xff\x00\x9c", 60))
	bare("a TLS record too long", "\x16\x03\x01\xff\xff"+strings.Repeat("a", 100))
	bare("a TLS record that does not come", "\x16\x03\x01\x00\xff\x01")
	bare("a TLS alert", "\x15\x03\x01\x00\x02\x02\x28")
	bare("SSL 2", "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10"+strings.Repeat("a", 35))
	bare("half a client hello", hello[:len(hello)/2])
	bare("a client hello that claims to be short", hello[:5]+"\x01\x00\x00\x10"+hello[9:])
	bare("zeros", strings.Repeat("\x00", 512))
	bare("SOCKS", "\x05\x01\x00")
	return all
}

// clientHello returns the first flight of a TLS client.
func clientHello() string {
	c := &memoryConn{in: newWire(), out: newWire()}
	c.in.stop(io.EOF)
	_ = tls.Client(c, &tls.Config{ServerName: "example.org", InsecureSkipVerify: true}).Handshake()
	return string(c.out.buf)
}
