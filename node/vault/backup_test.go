package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
)

// testWork is a work factor for tests.
const testWork = 1

type piece struct {
	Name string `json:"name"`
	Data hexed  `json:"data"`
}

var (
	backupPass = []byte("пароль ☂")
	pieces     = []piece{
		{"identity", []byte("who I am")},
		{"settings", nil},
		{"topic-0f", bytes.Repeat([]byte("abc"), 1000)},
		{"records", []byte("the last")},
	}
)

type closer struct{ io.Writer }

func (closer) Close() error { return nil }

func writeAll(t testing.TB, b *BackupWriter, ps []piece) {
	t.Helper()
	for _, p := range ps {
		if _, err := b.Part(p.Name).Write(p.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func makeBackup(t testing.TB, ps []piece) []byte {
	t.Helper()
	var file bytes.Buffer
	b, err := newBackup(&file, backupPass, testWork)
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, b, ps)
	return file.Bytes()
}

// readAll reads a backup to its end mark.
func readAll(b *BackupReader) (ps []piece, err error) {
	for {
		name, part, err := b.Next()
		if err == io.EOF {
			return ps, nil
		}
		if err != nil {
			return ps, err
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return ps, err
		}
		ps = append(ps, piece{name, data})
	}
}

func readFile(file []byte) ([]piece, error) {
	b, err := openBackup(bytes.NewReader(file), backupPass, testWork)
	if err != nil {
		return nil, err
	}
	return readAll(b)
}

func same(a, b []piece) bool {
	return slices.EqualFunc(a, b, func(x, y piece) bool { return x.Name == y.Name && bytes.Equal(x.Data, y.Data) })
}

func TestBackup(t *testing.T) {
	big := make([]byte, 1<<20+12345)
	rand.NewChaCha8([32]byte{}).Read(big)
	for _, ps := range [][]piece{nil, pieces, {{"big", big}, {"a", nil}}, {{strings.Repeat("x", 100), big[:maxData]}, {"0", big[:maxData+1]}}} {
		got, err := readFile(makeBackup(t, ps))
		if err != nil || !same(got, ps) {
			t.Errorf("%d parts: %d, %v", len(ps), len(got), err)
		}
	}
	if _, err := NewBackup(io.Discard, nil); !errors.Is(err, ErrPassphraseForm) {
		t.Error(err)
	}
	if _, err := OpenBackup(strings.NewReader(""), nil); !errors.Is(err, ErrPassphraseForm) {
		t.Error(err)
	}
}

// TestBackupReal uses the real work factors.
func TestBackupReal(t *testing.T) {
	var file bytes.Buffer
	b, err := NewBackup(&file, backupPass)
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, b, pieces)
	r, err := OpenBackup(&file, backupPass)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(r); err != nil || !same(got, pieces) {
		t.Fatal(err)
	}
	if !strings.Contains(string(makeBackup(t, nil)), " 1\n") {
		t.Error("the work factor is not where the next test looks for it")
	}
}

// TestBackupSkips reads some parts halfway and others not at all.
func TestBackupSkips(t *testing.T) {
	b, err := openBackup(bytes.NewReader(makeBackup(t, pieces)), backupPass, testWork)
	if err != nil {
		t.Fatal(err)
	}
	var last io.Reader
	var got []string
	for i := 0; ; i++ {
		name, part, err := b.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if last != nil {
			if _, err := last.Read(make([]byte, 1)); err == nil || err == io.EOF {
				t.Errorf("a part that was left still reads: %v", err)
			}
		}
		if i%2 == 0 {
			if _, err := io.ReadFull(part, make([]byte, 3)); err != nil {
				t.Error(err)
			}
		}
		got, last = append(got, name), part
	}
	if !slices.Equal(got, []string{"identity", "settings", "topic-0f", "records"}) {
		t.Errorf("got %v", got)
	}
	if _, _, err := b.Next(); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
}

func TestBackupNames(t *testing.T) {
	for _, bad := range []string{"", "..", ".a", "-a", "A", "a/b", "a b", "я", "a\x00", strings.Repeat("x", 101)} {
		b := newParts(closer{io.Discard})
		_, err := b.Part(bad).Write([]byte("x"))
		if err == nil || b.Close() == nil {
			t.Errorf("%q is a name", bad)
		}
	}
	b := newParts(closer{io.Discard})
	first := b.Part("a")
	b.Part("b")
	if _, err := first.Write([]byte("x")); err == nil {
		t.Error("a part that ended still takes data")
	}
	if _, err := b.Part("a").Write([]byte("x")); err == nil || b.Close() == nil {
		t.Error("one name twice")
	}
	b = newParts(closer{io.Discard})
	if b.Close() != nil || b.Close() == nil {
		t.Error("closed twice")
	}
	b = newParts(closer{io.Discard})
	for i := range maxParts + 1 {
		b.Part(fmt.Sprint(i))
	}
	if b.Close() == nil {
		t.Error("too many parts")
	}
}

// TestBackupCut cuts a file at every length and at each edge of age's chunks.
func TestBackupCut(t *testing.T) {
	small := makeBackup(t, pieces[:2])
	for n := range small {
		if _, err := readFile(small[:n]); !errors.Is(err, ErrCut) {
			t.Errorf("cut to %d of %d: %v", n, len(small), err)
		}
	}
	const chunk = 64<<10 + 16
	for _, fill := range []int{3 * 65536, 3*65536 - 60, 3*65536 + 9} {
		// One of the fills ends with the plaintext right at an edge.
		for extra := range 3 {
			file := makeBackup(t, []piece{{"a", make([]byte, fill+extra)}})
			head := bytes.Index(file, []byte("\n---")) + 1
			head += bytes.IndexByte(file[head:], '\n') + 1 + 16
			for edge := head; edge < len(file); edge += chunk {
				for _, n := range []int{edge - 1, edge, edge + 1, edge + 15, edge + 16, edge + 17} {
					if n >= len(file) {
						continue
					}
					ps, err := readFile(file[:n])
					if !errors.Is(err, ErrCut) || len(ps) > 0 {
						t.Errorf("cut to %d of %d: %d parts, %v", n, len(file), len(ps), err)
					}
				}
			}
		}
	}
	// Without Close there is no end, even if the disk has all of it.
	var file bytes.Buffer
	b, err := newBackup(&file, backupPass, testWork)
	if err != nil {
		t.Fatal(err)
	}
	b.Part("a").Write(make([]byte, 5*chunk))
	if err := b.w.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := readFile(file.Bytes()); !errors.Is(err, ErrCut) {
		t.Errorf("without Close: %v", err)
	}
}

// TestBackupDamage flips every byte of a small file and some of each chunk of a large one.
func TestBackupDamage(t *testing.T) {
	known := []error{ErrBackupPassphrase, ErrNotBackup, ErrNewer, ErrCut, ErrBackupDamaged}
	try := func(file []byte, i int) error {
		b := bytes.Clone(file)
		b[i] ^= 1
		_, err := readFile(b)
		if !slices.ContainsFunc(known, func(k error) bool { return errors.Is(err, k) }) {
			t.Errorf("byte %d of %d: %v", i, len(file), err)
		}
		return err
	}
	small := makeBackup(t, pieces[:2])
	for i := range small {
		try(small, i)
	}
	big := makeBackup(t, []piece{{"a", make([]byte, 300_000)}})
	for i := 500; i < len(big)-2*65552; i += 9999 {
		if err := try(big, i); !errors.Is(err, ErrBackupDamaged) {
			t.Errorf("byte %d of %d: %v", i, len(big), err)
		}
	}
	if _, err := readFile(append(bytes.Clone(small), 0)); err == nil {
		t.Error("read with a byte behind it")
	}
	if _, err := readFile(slices.Concat(big, big)); !errors.Is(err, ErrBackupDamaged) {
		t.Errorf("two files in one: %v", err)
	}
}

// seal is age as others use it.
func seal(t *testing.T, text string, work int, to ...age.Recipient) []byte {
	t.Helper()
	if to == nil {
		r, err := age.NewScryptRecipient(string(backupPass))
		if err != nil {
			t.Fatal(err)
		}
		r.SetWorkFactor(work)
		to = append(to, r)
	}
	var file bytes.Buffer
	w, err := age.Encrypt(&file, to...)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestBackupErrors(t *testing.T) {
	stranger, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	end := "\x03" + strings.Repeat("\x00", 12)
	for what, c := range map[string]struct {
		file []byte
		want error
	}{
		"empty":                {nil, ErrCut},
		"a picture":            {[]byte("\x89PNG\r\n\x1a\n and so on, and so on"), ErrNotBackup},
		"armoured":             {[]byte("-----BEGIN AGE ENCRYPTED FILE-----\n"), ErrNotBackup},
		"a later age":          {[]byte("age-encryption.org/v2\n-> scrypt\n"), ErrNewer},
		"nonsense behind":      {[]byte(ageIntro + "nonsense\n"), ErrBackupDamaged},
		"to a key":             {seal(t, "hello", 0, stranger.Recipient()), ErrNotBackup},
		"another age file":     {seal(t, "a long enough text that is something else", testWork), ErrNotBackup},
		"a short age file":     {seal(t, "", testWork), ErrNotBackup},
		"a later version":      {seal(t, backupMagic+"\x02"+end, testWork), ErrNewer},
		"too much work":        {seal(t, backupMagic+"\x01"+end, testWork+1), ErrNewer},
		"without its end mark": {seal(t, backupMagic+"\x01", testWork), ErrBackupDamaged},
		"in the middle":        {seal(t, backupMagic+"\x01\x01\x01a\x02\x00\x00\x00\x05abc", testWork), ErrBackupDamaged},
		"behind its end":       {seal(t, backupMagic+"\x01"+end+"x", testWork), ErrBackupDamaged},
		"a wrong count":        {seal(t, backupMagic+"\x01\x01\x01a"+end, testWork), ErrBackupDamaged},
		"a wrong size":         {seal(t, backupMagic+"\x01\x01\x01a\x02\x00\x00\x00\x01x\x03\x00\x00\x00\x01"+strings.Repeat("\x00", 8), testWork), ErrBackupDamaged},
		"data without a part":  {seal(t, backupMagic+"\x01\x02\x00\x00\x00\x01x"+end, testWork), ErrBackupDamaged},
		"an empty frame":       {seal(t, backupMagic+"\x01\x01\x01a\x02\x00\x00\x00\x00"+end, testWork), ErrBackupDamaged},
		"a frame too long":     {seal(t, backupMagic+"\x01\x01\x01a\x02\x00\x01\x00\x01"+strings.Repeat("x", maxData+1)+"\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00\x01", testWork), ErrBackupDamaged},
		"a bad name":           {seal(t, backupMagic+"\x01\x01\x02..", testWork), ErrBackupDamaged},
		"one name twice":       {seal(t, backupMagic+"\x01\x01\x01a\x01\x01a\x03\x00\x00\x00\x01"+strings.Repeat("\x00", 8), testWork), ErrBackupDamaged},
		"an unknown frame":     {seal(t, backupMagic+"\x01\x04", testWork), ErrBackupDamaged},
		"a good one":           {seal(t, backupMagic+"\x01"+end, testWork), nil},
	} {
		if _, err := readFile(c.file); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		} else if errors.Is(err, io.EOF) {
			t.Errorf("%s: %v is io.EOF, which means that all is well", what, err)
		}
	}
	if _, err := openBackup(bytes.NewReader(makeBackup(t, pieces)), []byte("another"), testWork); !errors.Is(err, ErrBackupPassphrase) {
		t.Errorf("a wrong passphrase: %v", err)
	}
}

// TestBackupDisk shows that errors of the disk stay what they are.
func TestBackupDisk(t *testing.T) {
	broken := errors.New("input/output error")
	file := makeBackup(t, []piece{{"a", make([]byte, 300_000)}})
	for _, n := range []int{0, 10, 100, 100_000, len(file)} {
		r := io.MultiReader(bytes.NewReader(file[:n]), failing{broken})
		b, err := openBackup(r, backupPass, testWork)
		if err == nil {
			_, err = readAll(b)
		}
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	b, err := newBackup(&full{left: 100_000, err: broken}, backupPass, testWork)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Part("a").Write(make([]byte, 1<<20)); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := b.Part("b").Write([]byte("x")); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := b.Close(); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := newBackup(&full{err: broken}, backupPass, testWork); !errors.Is(err, broken) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// full is a disk with so much room left.
type full struct {
	left int
	err  error
}

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.left {
		return 0, f.err
	}
	f.left -= len(p)
	return len(p), nil
}

// TestBackupMemory writes and reads 256 MiB, and holds only a few pieces of it.
func TestBackupMemory(t *testing.T) {
	const size = 256 << 20
	r, w := io.Pipe()
	failed := make(chan error, 1)
	go func() {
		b, err := newBackup(w, backupPass, testWork)
		if err == nil {
			_, err = io.CopyN(b.Part("a"), zeros{}, size)
			err = errors.Join(err, b.Close())
		}
		w.CloseWithError(err)
		failed <- err
	}()
	b, err := openBackup(r, backupPass, testWork)
	if err != nil {
		t.Fatal(err)
	}
	_, part, err := b.Next()
	if err != nil {
		t.Fatal(err)
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var most uint64
	var n int64
	for range 16 {
		m, err := io.CopyN(io.Discard, part, size/16)
		if n += m; err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&now)
		most = max(most, now.HeapAlloc)
	}
	if _, _, err := b.Next(); err != io.EOF || n != size || <-failed != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if most > before.HeapAlloc+4<<20 {
		t.Errorf("%d bytes in memory, %d before", most, before.HeapAlloc)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// backupVector is a backup that was made once, and what is in it.
type backupVector struct {
	Passphrase string  `json:"passphrase"`
	Stream     hexed   `json:"stream"` // inside age
	Parts      []piece `json:"parts"`
	File       hexed   `json:"file"`
}

const backupFile = "testdata/backup.json"

func TestBackupVector(t *testing.T) {
	var stream bytes.Buffer
	writeAll(t, newParts(closer{&stream}), pieces)
	if *update {
		raw, err := json.MarshalIndent(backupVector{string(backupPass), stream.Bytes(), pieces, makeBackup(t, pieces)}, "", "\t")
		if err == nil {
			err = os.WriteFile(backupFile, append(raw, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(backupFile)
	if err != nil {
		t.Fatal(err)
	}
	var v backupVector
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stream.Bytes(), v.Stream) || !same(v.Parts, pieces) {
		t.Errorf("the stream is %x, want %x", stream.Bytes(), v.Stream)
	}
	b, err := OpenBackup(bytes.NewReader(v.File), []byte(v.Passphrase))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(b); err != nil || !same(got, v.Parts) {
		t.Fatalf("%d parts, %v", len(got), err)
	}
}

func FuzzBackup(f *testing.F) {
	var stream bytes.Buffer
	writeAll(f, newParts(closer{&stream}), pieces[:2]) // small, or the fuzzer spends its time on making it smaller
	f.Add(stream.Bytes()[len(backupMagic)+1:])
	f.Add([]byte("\x01\x01a\x02\x00\x00\x00\x01x\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Add([]byte(backupMagic))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, in := range [][]byte{raw, append([]byte(backupMagic+"\x01"), raw...)} {
			b, err := openParts(&source{r: bytes.NewReader(nil)}, bytes.NewReader(in))
			if err != nil {
				continue
			}
			ps, err := readAll(b)
			if err != nil {
				if !errors.Is(err, ErrBackupDamaged) {
					t.Fatal(err)
				}
				continue
			}
			var again bytes.Buffer
			writeAll(t, newParts(closer{&again}), ps)
			c, err := openParts(&source{r: bytes.NewReader(nil)}, &again)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := readAll(c); err != nil || !same(got, ps) {
				t.Fatalf("written again: %v", err)
			}
		}
	})
}

// FuzzBackupFile reads whole files, whose scrypt is bounded to almost nothing.
func FuzzBackupFile(f *testing.F) {
	f.Add(makeBackup(f, pieces[:2]))
	f.Add(makeBackup(f, nil)[:60])
	f.Add([]byte(ageIntro))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, err := readFile(raw)
		for _, k := range []error{nil, ErrBackupPassphrase, ErrNotBackup, ErrNewer, ErrCut, ErrBackupDamaged} {
			if errors.Is(err, k) {
				return
			}
		}
		t.Fatal(err)
	})
}

func BenchmarkBackup(b *testing.B) {
	data := make([]byte, 1<<20)
	b.SetBytes(int64(len(data)))
	w, err := newBackup(io.Discard, backupPass, testWork)
	if err != nil {
		b.Fatal(err)
	}
	part := w.Part("a")
	for b.Loop() {
		if _, err := part.Write(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenBackup(b *testing.B) {
	var file bytes.Buffer
	w, err := NewBackup(&file, backupPass)
	if err != nil {
		b.Fatal(err)
	}
	writeAll(b, w, pieces)
	for b.Loop() {
		if _, err := OpenBackup(bytes.NewReader(file.Bytes()), backupPass); err != nil {
			b.Fatal(err)
		}
	}
}
