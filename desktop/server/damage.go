package server

import (
	"context"
	"fmt"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

// apiDamage is what is to be said of damage on the disk, nil for nothing.
func (s *Server) apiDamage() *api.Damage {
	if err := s.node.Damage(); err != nil {
		return &api.Damage{State: api.DamageFound, Detail: err.Error(), Summary: "A file on the disk is damaged. Save a backup, then start Linnet anew: it puts right what it can and says what is lost. Have a look at the disk, too."}
	}
	r, ok := s.node.Rescue()
	if !ok {
		return nil
	}
	d := &api.Damage{State: api.DamageRescued, Time: stamp(r.Time), Topics: r.Topics, Records: r.Records, Detail: r.What, Summary: rescued(r)}
	if r.Kept {
		d.State = api.DamageMended
	}
	return d
}

// rescued says what came of a damaged store.
func rescued(r node.Rescue) string {
	if r.Kept {
		return "A file on the disk was damaged and could be put right. Nothing is lost. Have a look at the disk, and save a backup."
	}
	return fmt.Sprintf("The stored data was damaged. %s came back, %s could still be read, and what is missing comes again from those who have it. "+
		"Private messages that only this computer could read may be lost. This is a new device now: into private topics of others you have to be invited anew. Have a look at the disk, and save a backup.",
		topics(r.Topics), records(uint64(r.Records)))
}

func (s *Server) forgetDamage(ctx context.Context, _ *struct{}) (*struct{}, error) {
	if err := s.node.ForgetRescue(ctx); err != nil {
		return nil, s.fail(ctx, err)
	}
	return nil, nil
}
