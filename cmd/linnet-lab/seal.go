package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/node/seal"
)

// sealOptions are the flags of seal.
type sealOptions struct {
	Texts   []int
	Members []int
	Rounds  int
	Quick   bool
	JSON    bool
	Seed    uint64
}

func sealCommand() *cobra.Command {
	var o sealOptions
	c := &cobra.Command{
		Use:   "seal",
		Short: "What end-to-end encryption costs, beside the bare cipher and HPKE",
		Long: `Measures node/seal in one process, with signed records and rows in memory, beside
what cannot be had for less: the bare XChaCha20-Poly1305 of the same padded text,
HPKE for each member, and the plain record of the same text.

  text     seal and open a text in a chain of 900 of a private topic of two, read as
           written, newest first and shuffled; bytes of the record; one signature
  turn     what the first text of a turn of a direct topic has more than the next
  removal  the op and the epoch without the removed, when so many members are left:
           bytes of all records, time of the starter and of one receiver, rows and
           bytes on its disk, memory of its session

The bars: opening at most 50 us besides the signature; in a chain at most 300 bytes,
shown for each way of counting them; a turn at most 3,000 bytes more; a removal that
leaves 200 members at most 300,000 bytes in all.

Times are those of the session, without signatures and without the disk. Each
round is a new group with new keys; shown are medians of the rounds and the spread.
Only ratios within one run mean anything. All of it takes about ten seconds.`,
		Example: `  go run ./cmd/linnet-lab seal
  go run ./cmd/linnet-lab seal --texts 20,1000,10000 --members 2,500 --rounds 3
  go run ./cmd/linnet-lab seal --json > seal.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return measureSeal(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	c.Flags().IntSliceVar(&o.Texts, "texts", []int{20, 100, 400}, "bytes of a text")
	c.Flags().IntSliceVar(&o.Members, "members", []int{2, 10, 50, 200}, "member devices that are left after a removal")
	c.Flags().IntVar(&o.Rounds, "rounds", 7, "rounds of each measure")
	c.Flags().BoolVar(&o.Quick, "quick", false, "one short round, to see that it works; its figures mean nothing")
	c.Flags().BoolVar(&o.JSON, "json", false, "print one JSON document")
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "of the texts and of the order in which they are shuffled; keys are always new")
	return c
}

func (o *sealOptions) check() error {
	if o.Rounds < 1 || len(o.Texts) == 0 || len(o.Members) == 0 {
		return errors.New("at least one round, one text and one group")
	}
	if slices.Min(o.Texts) < 2 || slices.Max(o.Texts) > maxSealedText {
		return fmt.Errorf("--texts: 2 to %d bytes", maxSealedText)
	}
	if slices.Min(o.Members) < 2 || slices.Max(o.Members) >= seal.MaxMembers {
		return fmt.Errorf("--members: 2 to %d", seal.MaxMembers-1)
	}
	if o.Quick {
		o.Rounds = 1
	}
	return nil
}

// maxSealedText leaves room for what a post has besides its text.
const maxSealedText = seal.MaxPlaintext - 16

// turnText is the bytes of the texts of a direct topic.
const turnText = 100

// amounts are how often a thing is done in a round.
type amounts struct{ chain, turns, sessions int }

func (o sealOptions) amounts() amounts {
	if o.Quick {
		return amounts{chain: 20, turns: 4, sessions: 2}
	}
	return amounts{chain: 900, turns: 100, sessions: 40}
}

// measureSeal does all measures in each round, in turn, so that what disturbs
// the computer for a while disturbs none of them alone.
func measureSeal(ctx context.Context, o sealOptions, out io.Writer) error {
	r, n := newSealReport(o, out), o.amounts()
	chains := make([][]chainSample, len(o.Texts))
	removals := make([][]removalSample, len(o.Members))
	var turns []turnSample
	began, busy, own := time.Now(), busyCPU(), ownCPU()+childCPU()
	for round := range o.Rounds + 1 { // the first one warms up
		random := rand.New(rand.NewPCG(o.Seed, uint64(round)))
		for i, size := range o.Texts {
			s, err := measureChain(random, n.chain, size)
			if err := errors.Join(err, ctx.Err()); err != nil {
				return fmt.Errorf("texts of %d bytes: %w", size, err)
			}
			chains[i] = append(chains[i], s)
		}
		t, err := measureTurns(random, n.turns, turnText)
		if err != nil {
			return fmt.Errorf("turns: %w", err)
		}
		turns = append(turns, t)
		for i, left := range o.Members {
			s, err := measureRemoval(left, n.sessions)
			if err := errors.Join(err, ctx.Err()); err != nil {
				return fmt.Errorf("removal that leaves %d: %w", left, err)
			}
			removals[i] = append(removals[i], s)
		}
	}
	r.others(others(began, busy, own))
	for i, size := range o.Texts {
		r.chain(size, n.chain, chains[i][1:])
	}
	r.turn(turns[1:])
	for i, left := range o.Members {
		r.removal(left, removals[i][1:])
	}
	return r.end()
}
