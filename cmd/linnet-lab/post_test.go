package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestPostSurvivesItsText(t *testing.T) {
	letters := someLetters(7)
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		want := post{phase: r.IntN(1e4), sender: r.IntN(64), number: r.IntN(1e7), sent: time.Unix(0, r.Int64())}
		text := want.text(letters)
		if len(text) != textSize {
			t.Fatalf("%d bytes, want %d", len(text), textSize)
		}
		got, err := parsePost(text)
		if err != nil || got != want {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestForeignTextIsNoPost(t *testing.T) {
	for _, text := range []string{"", "hello", strings.Repeat("x", textSize), "1 2 3 4 " + strings.Repeat("x", 10), "1 2 -3 4 " + strings.Repeat("x", textSize-9)} {
		if p, err := parsePost(text); err == nil {
			t.Errorf("%.20q was read as %+v", text, p)
		}
	}
}

func TestLettersComeFromTheSeed(t *testing.T) {
	if someLetters(1) != someLetters(1) || someLetters(1) == someLetters(2) {
		t.Error("the same seed must give the same letters, another one others")
	}
}
