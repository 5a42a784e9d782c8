package storage

// headsCached bounds the heads in memory, some 250 bytes each.
const headsCached = 4096

type chainRef struct {
	num   uint32
	chain Chain
}

type cachedHead struct {
	head
	key        chainRef
	dirty      bool
	prev, next *cachedHead
}

// headCache holds the heads that were used last. Changed ones stay until clean, whatever their number.
type headCache struct {
	byKey map[chainRef]*cachedHead
	dirty []*cachedHead
	ring  cachedHead // ring.next is the most recently used
}

func (c *headCache) init() {
	c.byKey = make(map[chainRef]*cachedHead)
	c.dirty = nil
	c.ring.next, c.ring.prev = &c.ring, &c.ring
}

func (c *headCache) get(key chainRef) *cachedHead {
	h := c.byKey[key]
	if h != nil && c.ring.next != h {
		h.prev.next, h.next.prev = h.next, h.prev
		c.pushFront(h)
	}
	return h
}

func (c *headCache) add(key chainRef, v head) *cachedHead {
	h := &cachedHead{head: v, key: key}
	c.byKey[key] = h
	c.pushFront(h)
	return h
}

func (c *headCache) pushFront(h *cachedHead) {
	h.prev, h.next = &c.ring, c.ring.next
	h.prev.next, h.next.prev = h, h
}

// touch says that h differs from what is stored.
func (c *headCache) touch(h *cachedHead) {
	if !h.dirty {
		h.dirty = true
		c.dirty = append(c.dirty, h)
	}
}

// clean says that all is stored, and forgets the least recently used.
func (c *headCache) clean() {
	for i, h := range c.dirty {
		h.dirty = false
		c.dirty[i] = nil
	}
	c.dirty = c.dirty[:0]
	for len(c.byKey) > headsCached {
		h := c.ring.prev
		h.prev.next, h.next.prev = h.next, h.prev
		delete(c.byKey, h.key)
	}
}
