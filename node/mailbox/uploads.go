package mailbox

import (
	"sync"
	"time"
)

// How much of mail that was cut off in the middle waits for its end.
const (
	maxUploads    = 8 << 20 // bytes
	maxUploadsBox = 1 << 20 // bytes, for one box
	uploadAge     = 10 * time.Minute
)

// uploads holds beginnings of mail whose stream was cut, so that it arrives also
// over lines that carry less than a whole one. They are in memory only.
type uploads struct {
	mu    sync.Mutex
	parts map[upload]part
	size  int
}

type upload struct {
	box  Box
	id   MailID
	size int
}

type part struct {
	bytes []byte
	at    time.Time
}

// have returns how many bytes of a mail are here.
func (u *uploads) have(k upload) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.parts[k].bytes)
}

// take returns the beginning of a mail, which is the caller's from then on. It is
// empty if there is none.
func (u *uploads) take(k upload) []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	b := u.parts[k].bytes
	u.remove(k)
	return b
}

// leave keeps the beginning of a mail for a while, unless a longer one is here.
// It owns b. What has waited longest goes to make room.
func (u *uploads) leave(k upload, b []byte, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(b) <= len(u.parts[k].bytes) {
		return
	}
	u.remove(k)
	for u.sizeOf(k.box)+len(b) > maxUploadsBox {
		u.removeOldest(func(o upload) bool { return o.box == k.box })
	}
	for u.size+len(b) > maxUploads {
		u.removeOldest(func(upload) bool { return true })
	}
	u.parts[k] = part{b, now}
	u.size += len(b)
}

// sweep drops what has waited too long.
func (u *uploads) sweep(now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for k, p := range u.parts {
		if now.Sub(p.at) >= uploadAge {
			u.remove(k)
		}
	}
}

func (u *uploads) remove(k upload) {
	u.size -= len(u.parts[k].bytes)
	delete(u.parts, k)
}

func (u *uploads) sizeOf(box Box) (n int) {
	for k, p := range u.parts {
		if k.box == box {
			n += len(p.bytes)
		}
	}
	return n
}

func (u *uploads) removeOldest(among func(upload) bool) {
	var oldest upload
	var at time.Time
	for k, p := range u.parts {
		if among(k) && (at.IsZero() || p.at.Before(at)) {
			oldest, at = k, p.at
		}
	}
	u.remove(oldest)
}
