package front

import (
	"fmt"
	"slices"

	utls "github.com/refraction-networking/utls"
)

// helloGo is the handshake of crypto/tls itself.
const helloGo = "go"

// hello is a browser's TLS handshake: one that the TLS library has, and what the
// browser has changed since.
type hello struct {
	from   utls.ClientHelloID
	change func(*utls.ClientHelloSpec) // nil: nothing
}

// hellos are the TLS handshakes that a profile may name. Chrome 149 was seen to have
// the handshake of 133 still (June 2026).
var hellos = map[string]hello{
	"chrome-133":  {from: utls.HelloChrome_133},
	"chrome-131":  {from: utls.HelloChrome_131},
	"chrome-120":  {from: utls.HelloChrome_120},
	"firefox-149": {utls.HelloFirefox_120, firefox149},
	"firefox-120": {from: utls.HelloFirefox_120},
	"safari-26":   {utls.HelloSafari_16_0, safari26},
	"safari-16":   {from: utls.HelloSafari_16_0},
	"ios-14":      {from: utls.HelloIOS_14},
	"edge-85":     {from: utls.HelloEdge_85},
}

// firefox149 adds what Firefox has got since 120, as captured in April 2026: the
// hybrid key agreement, certificate timestamps and certificate compression.
func firefox149(spec *utls.ClientHelloSpec) {
	var all []utls.TLSExtension
	for _, e := range spec.Extensions {
		all = append(all, e)
		switch e := e.(type) {
		case *utls.SupportedCurvesExtension:
			e.Curves = append([]utls.CurveID{utls.X25519MLKEM768}, e.Curves...)
		case *utls.KeyShareExtension:
			e.KeyShares = append([]utls.KeyShare{{Group: utls.X25519MLKEM768}}, e.KeyShares...)
		case *utls.FakeDelegatedCredentialsExtension:
			all = append(all, &utls.SCTExtension{})
		case *utls.FakeRecordSizeLimitExtension:
			all = append(all, &utls.UtlsCompressCertExtension{Algorithms: []utls.CertCompressionAlgo{
				utls.CertCompressionZlib, utls.CertCompressionBrotli, utls.CertCompressionZstd}})
		}
	}
	spec.Extensions = all
}

// safari26 leaves out the signature with SHA-1 that Safari gave up in 18.4, and is
// Safari 26.0.1 as captured in October 2025.
func safari26(spec *utls.ClientHelloSpec) {
	for _, e := range spec.Extensions {
		if e, ok := e.(*utls.SignatureAlgorithmsExtension); ok {
			e.SupportedSignatureAlgorithms = slices.DeleteFunc(slices.Clone(e.SupportedSignatureAlgorithms), func(s utls.SignatureScheme) bool { return s == utls.ECDSAWithSHA1 })
		}
	}
}

// helloOf returns a fresh copy of a browser's handshake as it is for a WebSocket.
func helloOf(name string) (*utls.ClientHelloSpec, error) {
	h, ok := hellos[name]
	if !ok {
		return nil, fmt.Errorf("%w: no TLS handshake %.40q is known", ErrLook, name)
	}
	spec, err := utls.UTLSIdToSpec(h.from)
	if err != nil {
		return nil, fmt.Errorf("front: TLS handshake of %s: %w", name, err)
	}
	if h.change != nil {
		h.change(&spec)
	}
	forWebSocket(&spec)
	return &spec, nil
}

// forWebSocket has a handshake offer HTTP/1.1 alone, and so no settings for HTTP/2
// either. Leaving the extension for these out is what browsers do; putting something
// else in its place can repeat one that is there.
func forWebSocket(spec *utls.ClientHelloSpec) {
	var kept []utls.TLSExtension
	for _, e := range spec.Extensions {
		switch e := e.(type) {
		case *utls.ALPNExtension:
			e.AlpnProtocols = []string{"http/1.1"}
		case *utls.ApplicationSettingsExtension, *utls.ApplicationSettingsExtensionNew:
			continue
		}
		kept = append(kept, e)
	}
	spec.Extensions = kept
}
