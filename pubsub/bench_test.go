//go:build unix

package pubsub

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkCopies tells what a delivery costs when everybody is connected to
// everybody over TCP, and a handler takes as long as a group commit.
func BenchmarkCopies(b *testing.B) {
	for _, n := range []int{8, 16} {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			hosts := tcpHosts(b, n)
			var delivered atomic.Int64
			var nodes []*PubSub
			var topics []*Topic
			for _, h := range hosts {
				p, err := New(Config{Host: h, MessageID: hashID})
				if err != nil {
					b.Fatal(err)
				}
				defer p.Close()
				t, err := p.Join(topicName, func(context.Context, Message) Verdict {
					time.Sleep(time.Millisecond + time.Duration(rand.IntN(3000))*time.Microsecond)
					delivered.Add(1)
					return Accept
				})
				if err != nil {
					b.Fatal(err)
				}
				nodes, topics = append(nodes, p), append(topics, t)
			}
			full(b, hosts)
			until(20*time.Second, func() bool {
				for _, t := range topics {
					if len(t.Peers()) < n-1 {
						return false
					}
				}
				return true
			})
			time.Sleep(2500 * time.Millisecond) // two heartbeats shape the mesh
			before := cpu()
			b.ResetTimer()
			for i := range b.N {
				if err := topics[i%n].Publish(b.Context(), payload(i%n, i, 300)); err != nil {
					b.Fatal(err)
				}
				time.Sleep(5 * time.Millisecond)
			}
			want := int64(b.N * (n - 1))
			until(10*time.Second, func() bool { return delivered.Load() >= want })
			b.StopTimer()
			var received uint64
			for _, p := range nodes {
				received += p.Stats().Received
			}
			b.ReportMetric(float64(received)/float64(want), "copies/delivery")
			b.ReportMetric(float64((cpu()-before).Microseconds())/float64(want), "cpu-us/delivery")
			b.ReportMetric(float64(want-delivered.Load()), "lost")
		})
	}
}

// cpu is what the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
