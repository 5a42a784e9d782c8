package record

import "fmt"

// EncodeBody writes v, a struct with `cbor:"1,keyasint"` fields, as the
// deterministic CBOR map that bodies are made of (PROTOCOL.md §3).
func EncodeBody(v any) ([]byte, error) { return wire.enc.Marshal(v) }

// DecodeBody reads a body from anybody into v. Fields that v does not know are
// passed over, so that a later version may add some; anything that is not a
// small plain CBOR map is refused.
func DecodeBody(b []byte, v any) error {
	if err := wire.dec.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: body: %v", ErrForm, err)
	}
	return nil
}
