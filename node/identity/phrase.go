package identity

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
)

// PhraseWords is the number of words in a recovery phrase.
const PhraseWords = 24

// maxPhraseText bounds a typed phrase in bytes: numbers, lines and more are allowed.
const maxPhraseText = 4096

// Phrase is an account's secret in 24 words to be written down on paper.
//
// It is BIP 39's encoding of 256 bits, and what it encodes is the account's seed
// itself. BIP 39's second half, which stretches the words and a passphrase into
// another seed, is not used: so every account that there is has a phrase, the
// seed gives the phrase back, a forgotten passphrase cannot lead to a stranger's
// empty account, and 256 random bits gain nothing from stretching. The same
// words typed into a wallet lead to keys that have nothing to do with these.
type Phrase [PhraseWords]string

// Phrase returns the account's recovery phrase. Whoever reads it is the person.
func (a Account) Phrase() (p Phrase) {
	sum := sha256.Sum256(a.seed[:])
	bits, n, at := uint32(0), 0, 0
	for _, b := range append(a.Seed(), sum[0]) {
		bits, n = bits<<8|uint32(b), n+8
		if n >= 11 {
			n -= 11
			p[at] = words[bits>>n&0x7ff]
			at++
		}
	}
	return p
}

// String returns the words with spaces between them.
func (p Phrase) String() string { return strings.Join(p[:], " ") }

// Matches reports whether what a person typed is the n-th word, counted from 1.
// It is as forgiving as ParsePhrase.
func (p Phrase) Matches(n int, typed string) bool {
	said := listen(typed)
	if n < 1 || n > PhraseWords || len(said) != 1 {
		return false
	}
	at, ok := lookUp(said[0].text)
	return ok && words[at] == p[n-1]
}

// PhraseQuestions picks k different positions in a phrase, counted from 1 and
// ascending, to ask for once it was written down. Ask in this order: it is the
// order of the paper.
func PhraseQuestions(r *rand.Rand, k int) []int {
	out := r.Perm(PhraseWords)[:min(max(k, 0), PhraseWords)]
	for i := range out {
		out[i]++
	}
	slices.Sort(out)
	return out
}

// PhraseError says what is wrong with a phrase. Text may be a part of a secret:
// show it to the person, and log nothing of it.
type PhraseError struct {
	Words      int    // how many there are
	Position   int    // of the first word that is not in the list, counted from 1; 0 if all are
	Text       string // what stands there
	Suggestion string // the word that is most like it, or nothing
}

func (e *PhraseError) Error() string {
	var count string
	if e.Words != PhraseWords {
		count = fmt.Sprintf("there are %d words, and a recovery phrase has %d", e.Words, PhraseWords)
	}
	switch {
	case e.Words == 0:
		return fmt.Sprintf("identity: there are no words, a recovery phrase has %d", PhraseWords)
	case e.Position == 0 && count != "":
		return "identity: " + count
	case e.Position == 0:
		return "identity: each word is right by itself, but together they are no recovery phrase: two are swapped, or one is another word"
	}
	text := fmt.Sprintf("identity: word %d, %q, is not a word of recovery phrases", e.Position, e.Text)
	if e.Suggestion != "" {
		text += fmt.Sprintf("; is it %q?", e.Suggestion)
	}
	if count != "" {
		text += " And " + count
	}
	return text
}

// ParsePhrase reads a phrase as people type it: in any case, with spaces, lines
// or commas between the words, numbered or not, and each word may be cut after
// its fourth letter. Numbered words may stand in any order, such as columns read
// across. The error is a *PhraseError.
func ParsePhrase(text string) (Account, error) {
	if len(text) > maxPhraseText {
		text = text[:maxPhraseText] // far more words than 24 already
	}
	said := listen(text)
	inOrder(said)
	var at [PhraseWords]int
	for i, s := range said {
		index, ok := lookUp(s.text)
		if !ok {
			return Account{}, &PhraseError{len(said), i + 1, s.text, suggest(s.text)}
		}
		if i < PhraseWords {
			at[i] = index
		}
	}
	if len(said) != PhraseWords {
		return Account{}, &PhraseError{Words: len(said)}
	}
	return fromIndices(at)
}

func fromIndices(at [PhraseWords]int) (Account, error) {
	var b []byte
	bits, n := uint32(0), 0
	for _, index := range at {
		bits, n = bits<<11|uint32(index), n+11
		for n >= 8 {
			n -= 8
			b = append(b, byte(bits>>n))
		}
	}
	if sum := sha256.Sum256(b[:SeedSize]); b[SeedSize] != sum[0] {
		return Account{}, &PhraseError{Words: PhraseWords}
	}
	return AccountFrom(b[:SeedSize])
}

// heard is one word as it was typed, with the number before it, or -1.
type heard struct {
	number int
	text   string
}

// listen finds the words in a text. Digits before a word are its number.
func listen(text string) []heard {
	fields := strings.FieldsFunc(strings.Map(plain, text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	var out []heard
	number := -1
	for _, f := range fields {
		word := strings.TrimLeft(f, "0123456789")
		if digits := f[:len(f)-len(word)]; digits != "" {
			number = 0
			for _, d := range digits {
				number = min(number*10+int(d-'0'), 1000)
			}
		}
		if word != "" {
			out = append(out, heard{number, word})
			number = -1
		}
	}
	return out
}

// plain folds what keyboards and documents make of a letter: capitals, the
// Turkish i and I, invisible characters.
func plain(r rune) rune {
	switch {
	case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Mn, r):
		return -1
	case r == 'İ' || r == 'ı':
		return 'i'
	}
	return unicode.ToLower(r)
}

// inOrder sorts the words by their numbers if these are 1 to 24, each once.
func inOrder(said []heard) {
	var seen [PhraseWords + 1]bool
	for _, s := range said {
		if len(said) != PhraseWords || s.number < 1 || s.number > PhraseWords || seen[s.number] {
			return
		}
		seen[s.number] = true
	}
	slices.SortFunc(said, func(a, b heard) int { return a.number - b.number })
}
