package storage_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/linnet-im/linnet/storage"
	"github.com/linnet-im/linnet/storage/storetest"
)

func TestMain(m *testing.M) {
	if crashChild() {
		return
	}
	goleak.VerifyTestMain(m)
}

func open(dir string) (storetest.Storer, error) {
	return storage.Open(context.Background(), storage.Options{
		Dir: dir, Key: make([]byte, 32), JournalKeep: storetest.JournalKeep, Verify: true,
	})
}

func TestConform(t *testing.T) { storetest.Conform(t, open) }
