package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the vectors anew")

type hexed []byte

func (h hexed) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }
func (h *hexed) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// vector is a key file with what it was made from.
type vector struct {
	What       string `json:"what"`
	Key        hexed  `json:"key,omitempty"`
	Passphrase string `json:"passphrase,omitempty"`
	Decoy      string `json:"decoy,omitempty"`
	Memory     uint32 `json:"memory_kib,omitempty"`
	Passes     uint32 `json:"passes,omitempty"`
	Lanes      uint8  `json:"lanes,omitempty"`
	Derived    hexed  `json:"derived,omitempty"` // argon2id of the passphrase
	ID         hexed  `json:"id,omitempty"`
	Secret     hexed  `json:"secret,omitempty"`
	Next       hexed  `json:"next,omitempty"`
	File       hexed  `json:"file"`
}

// counting is a source of bytes that go up by one, for salt, nonces and an unused slot in their order.
type counting struct{ at byte }

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = c.at
		c.at++
	}
	return len(p), nil
}

var vectorKey = bytes.Repeat([]byte{0x4b}, KeySize)

func makeVectors() (all []vector) {
	all = append(all, vector{What: "plain", Key: vectorKey, File: vectorKey})
	for _, v := range []vector{
		{What: "passphrase", Passphrase: "correct horse battery staple", Memory: 64, Passes: 1, Lanes: 1},
		{What: "passphrase and decoy", Passphrase: "пароль из слов", Decoy: "другой", Memory: 64, Passes: 2, Lanes: 2},
		{What: "passphrase at full cost", Passphrase: " spaces count ", Memory: defaultCost.memory, Passes: defaultCost.passes, Lanes: defaultCost.lanes},
	} {
		v.Key = vectorKey
		var decoy []byte
		if v.Decoy != "" {
			decoy = []byte(v.Decoy)
		}
		v.File = sealPassphrase(v.Key, []byte(v.Passphrase), decoy, cost{v.Memory, v.Passes, v.Lanes}, &counting{})
		f, err := decode(v.File, maxCost)
		if err != nil {
			panic(err)
		}
		v.Derived = derive([]byte(v.Passphrase), f.salt, f.cost)
		all = append(all, v)
	}
	id, secret := secretID(bytes.Repeat([]byte{0x1d}, 16)), bytes.Repeat([]byte{0x5e}, KeySize)
	all = append(all, vector{What: "keyring", Key: vectorKey, ID: id[:], Secret: secret, File: sealKeyring(vectorKey, id, secret, &counting{})})
	all = append(all, vector{What: "wiping", ID: id[:], File: encodeWiping(id, nil)})
	next := all[1].File
	return append(all, vector{What: "wiping, by the decoy", ID: make([]byte, 16), Next: next, File: encodeWiping(secretID{}, next)})
}

const vectorFile = "testdata/key.json"

func readVectors(t testing.TB) (all []vector) {
	raw, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 7 {
		t.Fatal("vectors are missing")
	}
	return all
}

func TestVectors(t *testing.T) {
	if *update {
		raw, err := json.MarshalIndent(makeVectors(), "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorFile, append(raw, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	made := makeVectors()
	for i, v := range readVectors(t) {
		if !bytes.Equal(made[i].File, v.File) || !bytes.Equal(made[i].Derived, v.Derived) {
			t.Errorf("%s: made %x, want %x", v.What, made[i].File, v.File)
		}
		f, err := decode(v.File, maxCost)
		if err != nil {
			t.Errorf("%s: %v", v.What, err)
			continue
		}
		switch f.form {
		case Plain:
			if !bytes.Equal(f.plain, v.Key) {
				t.Errorf("%s: another key", v.What)
			}
		case Passphrase:
			if got := openSlot(derive([]byte(v.Passphrase), f.salt, f.cost), f.head, 0, f.slots[0]); !bytes.Equal(got, v.Key) {
				t.Errorf("%s: opens to %x", v.What, got)
			}
			if got := openSlot(derive([]byte(v.Decoy), f.salt, f.cost), f.head, 1, f.slots[1]); (got != nil) != (v.Decoy != "") {
				t.Errorf("%s: the decoy opens to %x", v.What, got)
			}
		case Keyring:
			if got := openSlot(v.Secret, f.head, 0, f.slots[0]); !bytes.Equal(got, v.Key) || !bytes.Equal(f.id[:], v.ID) {
				t.Errorf("%s: opens to %x", v.What, got)
			}
		case Wiping:
			if !bytes.Equal(f.id[:], v.ID) || !bytes.Equal(f.next, v.Next) {
				t.Errorf("%s: id %x, next %x", v.What, f.id, f.next)
			}
		}
	}
}

// TestDamage flips every bit and cuts at every length: always damage, never another passphrase or a wipe.
func TestDamage(t *testing.T) {
	for _, v := range readVectors(t) {
		if v.What == "plain" {
			continue
		}
		for i := range v.File {
			for bit := range 8 {
				b := bytes.Clone(v.File)
				b[i] ^= 1 << bit
				if _, err := decode(b, maxCost); !errors.Is(err, ErrDamaged) {
					t.Errorf("%s: bit %d of byte %d: %v", v.What, bit, i, err)
				}
			}
			_, err := decode(v.File[:i], maxCost)
			if want := ErrDamaged; i != KeySize && !errors.Is(err, want) {
				t.Errorf("%s: cut to %d: %v", v.What, i, err)
			}
		}
		if _, err := decode(append(bytes.Clone(v.File), 0), maxCost); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: longer: %v", v.What, err)
		}
	}
	wiping := encodeWiping(secretID{}, nil)
	for _, b := range [][]byte{nil, {}, make([]byte, KeySize), make([]byte, 4000), []byte(magic),
		encodeWiping(secretID{}, wiping), encodeWiping(secretID{}, vectorKey), encodeWiping(secretID{}, []byte("x")),
		sealKeyring(vectorKey, secretID{}, vectorKey, &counting{})} {
		if _, err := decode(b, maxCost); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}

// TestHead shows that what is beside a slot is authenticated even where the hash fits.
func TestHead(t *testing.T) {
	for _, v := range readVectors(t) {
		f, _ := decode(v.File, maxCost)
		if f.form != Keyring && (f.form != Passphrase || f.cost.memory > 64) {
			continue
		}
		for i := headSize; i < len(v.File)-sumSize; i++ {
			if i >= len(f.head)+slotSize {
				break // the decoy's
			}
			b := bytes.Clone(v.File[:len(v.File)-sumSize])
			b[i] ^= 1
			g, err := decode(withSum(b), cost{64, 3, 3})
			if err != nil {
				continue
			}
			under := []byte(v.Secret)
			if f.form == Passphrase {
				under = derive([]byte(v.Passphrase), g.salt, g.cost)
			}
			if openSlot(under, g.head, 0, g.slots[0]) != nil {
				t.Errorf("%s: opens with another byte %d", v.What, i)
			}
		}
	}
}

func TestNewer(t *testing.T) {
	v := readVectors(t)[1]
	for at, value := range map[int]byte{headSize - 2: version + 1, headSize - 1: byte(Wiping) + 1} {
		b := bytes.Clone(v.File[:len(v.File)-sumSize])
		b[at] = value
		dir := t.TempDir()
		write(t, filepath.Join(dir, "key"), string(withSum(b)))
		if _, err := Open(t.Context(), with(config(dir), v.Passphrase)); !errors.Is(err, ErrNewer) {
			t.Errorf("byte %d: %v", at, err)
		}
		if _, err := Look(dir); !errors.Is(err, ErrNewer) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
}

// TestCost refuses files that ask for more work or memory than is sane, or for less than argon2 knows.
func TestCost(t *testing.T) {
	for _, bad := range []cost{{0, 1, 1}, {7, 1, 1}, {64, 0, 1}, {64, 1, 0}, {1<<20 + 1, 1, 1}, {64, 17, 1}, {1 << 10, 1, 17}, {15, 1, 2}, {1<<32 - 1, 1<<32 - 1, 255}} {
		v := readVectors(t)[1]
		b := bytes.Clone(v.File[:len(v.File)-sumSize])
		copy(b[headSize:], []byte{byte(bad.memory >> 24), byte(bad.memory >> 16), byte(bad.memory >> 8), byte(bad.memory), byte(bad.passes >> 24), byte(bad.passes >> 16), byte(bad.passes >> 8), byte(bad.passes), bad.lanes})
		if _, err := decode(withSum(b), maxCost); !errors.Is(err, ErrDamaged) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if !defaultCost.within(maxCost) {
		t.Error("our own cost is refused")
	}
}

// TestSlotsLookAlike shows that a file with a decoy and one without differ in nothing but bytes that look random.
func TestSlotsLookAlike(t *testing.T) {
	var ones [2]int
	const rounds = 400
	for range rounds {
		for i, decoy := range [][]byte{nil, []byte("decoy")} {
			raw := sealPassphrase(vectorKey, []byte("x"), decoy, cheap, rand.Reader)
			f, err := decode(raw, maxCost)
			if err != nil || len(raw) != passSize || len(f.slots[0]) != slotSize || len(f.slots[1]) != slotSize {
				t.Fatalf("%d bytes, %v", len(raw), err)
			}
			if !bytes.Equal(raw[:headSize+costSize], append([]byte(magic), 1, 1, 0, 0, 0, 8, 0, 0, 0, 1, 1)) {
				t.Fatalf("the head is %x", raw[:headSize+costSize])
			}
			for _, b := range f.slots[1] {
				for ; b > 0; b &= b - 1 {
					ones[i]++
				}
			}
		}
	}
	for i, n := range ones {
		if bits := rounds * slotSize * 8; n < bits*49/100 || n > bits*51/100 {
			t.Errorf("slot %d: %d of %d bits are set", i, n, bits)
		}
	}
}

func FuzzKeyFile(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add([]byte(v.File))
		f.Add([]byte(v.File[:len(v.File)-sumSize]))
	}
	f.Add([]byte{})
	f.Add(make([]byte, KeySize))
	limit := cost{64, 1, 1}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, b := range [][]byte{raw, withSum(bytes.Clone(raw)), withSum(append([]byte(magic), raw...))} {
			k, err := decode(b, limit)
			if err != nil {
				if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
					t.Fatal(err)
				}
				continue
			}
			switch k.form {
			case Passphrase:
				derived := derive([]byte("x"), k.salt, k.cost)
				openSlot(derived, k.head, 0, k.slots[0])
				openSlot(derived, k.head, 1, k.slots[1])
				again, err := decode(sealAgain(k, derived, vectorKey, rand.Reader), limit)
				if err != nil || !bytes.Equal(openSlot(derived, again.head, 0, again.slots[0]), vectorKey) {
					t.Fatalf("sealed again: %v", err)
				}
			case Keyring:
				openSlot(vectorKey, k.head, 0, k.slots[0])
			case Wiping:
				if !bytes.Equal(encodeWiping(k.id, k.next), b) {
					t.Fatal("two encodings of one wipe")
				}
			case Plain:
			default:
				t.Fatalf("form %v", k.form)
			}
		}
	})
}
