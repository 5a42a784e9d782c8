package identity

import (
	_ "embed" // the word list
	"slices"
	"strings"
)

// wordlist is BIP 39's English list: 2,048 words in order, no two of which begin
// with the same four letters. Its SHA-256 is
// 2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda, and a test
// holds it against that. Taken from github.com/tyler-smith/go-bip39 v1.1.0 (MIT,
// copyright 2014-2018 Tyler Smith and contributors), the same as in npm bip39
// 3.1.0 (ISC) and @scure/bip39 2.4.0 (MIT); it comes from trezor/python-mnemonic
// (MIT, copyright 2013 Pavol Rusnak).
//
//go:embed english.txt
var wordlist string

var words = strings.Fields(wordlist)

// lookUp finds a word of the list by itself or by at least its first four letters.
func lookUp(text string) (index int, ok bool) {
	index, ok = slices.BinarySearch(words, text)
	if !ok && len(text) >= 4 && index < len(words) {
		ok = strings.HasPrefix(words[index], text)
	}
	return index, ok
}

// maxWord is the length of the longest word of the list, maxSlip that of the
// longest text that suggest looks at.
const (
	maxWord = 8
	maxSlip = maxWord + 2
)

// suggest returns the word of the list that is at most two slips of the pen away
// (one, for short ones), or nothing. Of several it prefers one with the same first letter.
func suggest(text string) string {
	if len(text) > maxSlip {
		return ""
	}
	best, least := "", 6
	if len(text) < 4 {
		least = 4
	}
	for _, w := range words {
		if len(w) > len(text)+2 || len(w) < len(text)-2 {
			continue
		}
		d := 2 * slips(text, w)
		if w[0] != text[0] {
			d++
		}
		if d < least {
			best, least = w, d
		}
	}
	return best
}

// slips counts letters that were left out, added, mistaken, or swapped with
// their neighbour, between a text of at most maxSlip bytes and a word of the
// list (optimal string alignment).
func slips(text, word string) int {
	var rows [maxSlip + 1][maxWord + 1]int
	for i := range len(text) + 1 {
		for j := range len(word) + 1 {
			if i == 0 || j == 0 {
				rows[i][j] = i + j
				continue
			}
			d := rows[i-1][j-1]
			if text[i-1] != word[j-1] {
				d++
			}
			d = min(d, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && text[i-1] == word[j-2] && text[i-2] == word[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(text)][len(word)]
}
