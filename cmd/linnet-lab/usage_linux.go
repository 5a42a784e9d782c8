package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ownCPU is the processor time of this process, that of the system for it included.
func ownCPU() time.Duration { return usage(syscall.RUSAGE_SELF) }

// childCPU is that of the children that have ended.
func childCPU() time.Duration { return usage(syscall.RUSAGE_CHILDREN) }

func usage(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// busyCPU is the processor time of everything on this computer since it started.
func busyCPU() time.Duration {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), "\n")
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	var busy time.Duration
	for i, f := range strings.Fields(first) { // cpu user nice system idle iowait irq softirq steal guest…
		n, err := strconv.ParseInt(f, 10, 64)
		if err == nil && (i <= 3 || i == 6 || i == 7) {
			busy += time.Duration(n) * tick
		}
	}
	return busy
}

// memory returns the resident and the anonymous bytes of a process.
func memory(pid int) (rss, anon int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[2] != "kB" {
			continue
		}
		n, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return 0, 0, err
		}
		switch f[0] {
		case "Rss:":
			rss = n << 10
		case "Anonymous:":
			anon = n << 10
		}
	}
	return rss, anon, nil
}

// loopbackBytes is what went over the loopback interface, IP headers included.
func loopbackBytes() (int64, error) {
	b, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if f := strings.Fields(rest); ok && name == "lo" && len(f) > 0 {
			return strconv.ParseInt(f[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("/proc/net/dev names no loopback interface")
}
