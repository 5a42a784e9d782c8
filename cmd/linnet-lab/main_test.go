package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// asLab makes the test binary be the program: it runs itself as coordinator and
// workers, as the program does.
const asLab = "LINNET_LAB_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asLab) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx)
	stop()
	os.Exit(code)
}
