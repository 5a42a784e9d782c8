package front

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Bounds on a record of profiles.
const (
	recordMost   = 32 << 10
	profilesMost = 32
	linesMost    = 16
	lineMost     = 512
)

// profilesDomain is put before what is signed.
const profilesDomain = "linnet/profiles/1"

// SetProfiles replaces the browser profiles by those of a record: an Ed25519
// signature by ProfilesKey, and JSON (PROTOCOL.md, Bridges). A record with a serial
// number below one that was taken is refused. The error matches ErrProfiles, and
// then nothing has changed.
func (c *Client) SetProfiles(record []byte) error {
	r, err := parseProfiles(record, c.ProfilesKey)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Serial < c.serial {
		return fmt.Errorf("%w: they are older than those in use", ErrProfiles)
	}
	c.profiles, c.serial = r.Profiles, r.Serial
	return nil
}

// profilesRecord is what is signed.
type profilesRecord struct {
	Serial   int64     `json:"serial"`
	Profiles []profile `json:"profiles"`
}

func parseProfiles(record []byte, key ed25519.PublicKey) (profilesRecord, error) {
	var r profilesRecord
	if len(record) <= ed25519.SignatureSize || len(record) > recordMost {
		return r, fmt.Errorf("%w: %d bytes", ErrProfiles, len(record))
	}
	signature, body := record[:ed25519.SignatureSize], record[ed25519.SignatureSize:]
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, append([]byte(profilesDomain), body...), signature) {
		return r, fmt.Errorf("%w: they are not signed by whom this program trusts in it", ErrProfiles)
	}
	return decodeProfiles(body)
}

func decodeProfiles(body []byte) (r profilesRecord, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("%w: %w", ErrProfiles, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return r, fmt.Errorf("%w: something stands behind them", ErrProfiles)
	}
	if len(r.Profiles) > profilesMost {
		return r, fmt.Errorf("%w: %d of them", ErrProfiles, len(r.Profiles))
	}
	browsers := 0
	for _, p := range r.Profiles {
		if err := p.check(); err != nil {
			return r, fmt.Errorf("%w: %w", ErrProfiles, err)
		}
		if p.Hello != helloGo {
			browsers++
		}
	}
	if browsers == 0 {
		return r, fmt.Errorf("%w: no browser is among them", ErrProfiles)
	}
	return r, nil
}

// reserved are the lines that are not a profile's to set.
var reserved = map[string]bool{
	"host": true, "cookie": true, "origin": true, "user-agent": true, "upgrade": true, "connection": true,
	"content-length": true, "transfer-encoding": true, "expect": true, "trailer": true, "te": true,
}

func (p profile) check() error {
	if p.Look == "" || len(p.Look) > 40 || !isName(p.Look) {
		return fmt.Errorf("a profile is called %.50q", p.Look)
	}
	if _, ok := hellos[p.Hello]; !ok && p.Hello != helloGo {
		return fmt.Errorf("%s has a TLS handshake %.50q, which is not known", p.Look, p.Hello)
	}
	if len(p.Header) > linesMost {
		return fmt.Errorf("%s has %d lines", p.Look, len(p.Header))
	}
	for _, line := range append([][2]string{{"X", p.Agent}}, p.Header...) {
		name := strings.ToLower(line[0])
		if len(name) > lineMost || len(line[1]) > lineMost || !isName(name) || !isText(line[1]) || reserved[name] || strings.HasPrefix(name, "sec-websocket-") {
			return fmt.Errorf("%s has a line %.50q that cannot stand", p.Look, line[0])
		}
	}
	return nil
}

// isName reports whether s is letters, digits and hyphens, and not empty.
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-')
	})
}

// isText reports whether s is printable ASCII, not empty, and does not begin or end
// with a space.
func isText(s string) bool {
	return s != "" && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
