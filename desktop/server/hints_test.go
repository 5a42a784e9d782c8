package server

import (
	"testing"

	"github.com/linnet-im/linnet/desktop/api"
)

func TestHints(t *testing.T) {
	a := run(t)
	on, off := true, false
	same := func(got api.Hints, receipts, typing, presence bool) {
		t.Helper()
		if *got.Receipts != receipts || *got.Typing != typing || *got.Presence != presence {
			t.Errorf("receipts %v, typing %v, presence %v", *got.Receipts, *got.Typing, *got.Presence)
		}
	}
	const path = "/api/v1/me/hints"
	same(get[api.Hints](a, 200, "GET", path, nil), false, false, false)
	same(get[api.Hints](a, 200, "PATCH", path, api.Hints{Typing: &on, Receipts: &on}), true, true, false)
	same(get[api.Hints](a, 200, "PATCH", path, api.Hints{Receipts: &off}), false, true, false)
	same(get[api.Hints](a, 200, "GET", path, nil), false, true, false)
	topic := a.topic(api.KindOpen)
	if topic.Live != nil {
		t.Errorf("an open topic shows who is there: %+v", topic.Live)
	}
	get[struct{}](a, 204, "POST", "/api/v1/topics/"+topic.ID+"/typing", nil)
	a.refused(api.CodeNotFound, "POST", "/api/v1/topics/nonsense/typing", nil)
}
