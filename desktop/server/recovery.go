package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

func (s *Server) recoveryRoutes(a huma.API) {
	huma.Register(a, operation(http.MethodGet, api.PathRecovery, "get-recovery-phrase", "The recovery phrase; whoever reads it is the person", http.StatusOK), s.recovery)
	huma.Register(a, operation(http.MethodPost, api.PathRecovery, "check-recovery-phrase", "Whether the phrase was written down", http.StatusOK), s.checkRecovery)
}

// States of the recovery phrase in api.Me.
const (
	phraseUnchecked = "unchecked"
	phraseChecked   = "checked"
	phraseAbsent    = "absent"
)

// phraseState is what api.Me says of the phrase.
func (s *Server) phraseState() string {
	if !s.node.HasAccount() {
		return phraseAbsent
	}
	if ok, err := s.node.PhraseChecked(); err == nil && ok {
		return phraseChecked
	}
	return phraseUnchecked // and asked for once more
}

func (s *Server) recovery(ctx context.Context, _ *struct{}) (*body[api.Recovery], error) {
	words := s.node.Phrase()
	if words == nil {
		return nil, s.fail(ctx, node.ErrNoAccount)
	}
	checked, err := s.node.PhraseChecked()
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(api.Recovery{Words: words, Ask: s.node.PhraseQuestions(), Checked: checked}), nil
}

func (s *Server) checkRecovery(ctx context.Context, in *struct{ Body api.RecoveryCheck }) (*body[api.RecoveryChecked], error) {
	right, checked, err := s.node.CheckPhrase(ctx, in.Body.Ask, in.Body.Words)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(api.RecoveryChecked{Right: right, Checked: checked}), nil
}
