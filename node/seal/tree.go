package seal

import "slices"

// tree holds the keys of one chain as the nodes of a binary tree of which the
// leaves are the records' keys: each node gives its two children, never its
// parent (the derive-and-delete tree of RFC 9420 §9, the puncturable function of
// Goldreich, Goldwasser and Micali). Taking a leaf replaces the node above it by
// the siblings along the way, so that exactly this leaf can never be made again,
// and all the others can, in any order and at ten derivations each.
type tree []node

type node struct {
	depth uint8  // 0 for the root, treeDepth for a leaf
	place uint16 // from the left, among those of its depth
	key   key
}

func newTree(root key) tree { return tree{{key: root}} }

// first returns the lowest leaf that was not taken.
func (t tree) first() (leaf uint16, ok bool) {
	if len(t) == 0 {
		return 0, false
	}
	return t[0].place << (treeDepth - t[0].depth), true
}

// take returns the key of a leaf and the tree without it, or false when the leaf
// was taken before. It leaves t as it is.
func (t tree) take(leaf uint16) (k key, rest tree, ok bool) {
	at := slices.IndexFunc(t, func(n node) bool { return leaf>>(treeDepth-n.depth) == n.place })
	if at < 0 || leaf >= chainLength {
		return key{}, t, false
	}
	n := t[at]
	var left, right []node
	for n.depth < treeDepth {
		both := expand(&n.key, labelNode, 64)
		l := node{n.depth + 1, n.place * 2, key(both[:32])}
		r := node{n.depth + 1, n.place*2 + 1, key(both[32:])}
		clear(both)
		if leaf>>(treeDepth-l.depth) == l.place {
			n, right = l, append(right, r)
		} else {
			n, left = r, append(left, l)
		}
	}
	slices.Reverse(right)
	rest = slices.Concat(t[:at], left, right, t[at+1:])
	return key(expand(&n.key, labelKey, 32)), rest, true
}

// valid reports whether the nodes stand in order and do not overlap.
func (t tree) valid() bool {
	next := 0
	for _, n := range t {
		if n.depth > treeDepth || int(n.place) >= 1<<n.depth {
			return false
		}
		width := 1 << (treeDepth - n.depth)
		if int(n.place)*width < next {
			return false
		}
		next = (int(n.place) + 1) * width
	}
	return true
}
