package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/gate"
	"github.com/linnet-im/linnet/node"
)

// needless are the paths that are answered while Linnet is locked: they tell or
// change that, or how to come in.
var needless = map[string]bool{
	api.PathHealth: true, api.PathSession: true, api.PathCodes: true, api.PathOpenAPI: true,
	api.PathLock: true, api.PathUnlock: true, api.PathWipe: true,
	api.PathRestore: true, // takes the node away from everybody else
}

// holdsNode reports whether a request is to hold the node open until it is answered.
func holdsNode(method, path string) bool {
	return !needless[path] && !(method == http.MethodPatch && path == api.PathReach) // which reopens it
}

// reopenPatience is how long a request waits for a node that is just being reopened.
const reopenPatience = 10 * time.Second

// use returns the node; it waits while that is reopened.
func (s *Server) use(ctx context.Context, stream bool) (*gate.Use, error) {
	ctx, cancel := context.WithTimeout(ctx, reopenPatience)
	defer cancel()
	use, err := s.gate.UseSoon(ctx, stream)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.node != use.Node { // of the opening before, which nobody uses any more
		s.node = use.Node
	}
	s.mu.Unlock()
	return use, nil
}

// withNode has the contract answer r with the node open until it has, or refuses
// where it is locked.
func (s *Server) withNode(contract http.Handler, w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, api.Prefix)
	counts := s.counts(r, path)
	if counts {
		s.gate.Touch()
		defer s.gate.Touch()
	}
	if !holdsNode(r.Method, path) {
		contract.ServeHTTP(w, r)
		return
	}
	use, err := s.use(r.Context(), path == api.PathEvents)
	if err != nil {
		p := &problem{}
		errors.As(s.fail(r.Context(), err), &p)
		if p.Code == api.CodeReopening {
			w.Header().Set("Retry-After", "1")
		}
		refuse(w, p)
		return
	}
	defer use.Done()
	if counts {
		use.Node.Used()
	}
	ctx, cancel := use.Context(r.Context())
	defer cancel()
	contract.ServeHTTP(w, r.WithContext(ctx))
}

// counts reports whether a request shows that the person is there: what the page
// asks for when somebody reads, searches, types or clicks. Programs with the token of
// the discovery file do not count, nor does what the page does by itself: events,
// read marks, and looking how things are.
func (s *Server) counts(r *http.Request, path string) bool {
	switch {
	case s.sessions.isProgram(r.Header.Get("Authorization")):
		return false
	case r.Method == http.MethodGet:
		return strings.HasSuffix(path, "/messages") || path == api.PathSearch
	case r.Method == http.MethodPut && strings.HasSuffix(path, "/read"):
		return false
	}
	return r.Method != http.MethodHead
}

func (s *Server) lockRoutes(a huma.API) {
	huma.Register(a, operation(http.MethodGet, api.PathLock, "get-lock", "How the data folder is protected; answered while locked", http.StatusOK), s.getLock)
	huma.Register(a, operation(http.MethodPatch, api.PathLock, "change-lock", "Change how the data folder is protected", http.StatusOK), s.changeLock)
	huma.Register(a, operation(http.MethodPost, api.PathLock, "lock", "Close the node and forget the key", http.StatusOK), s.lock)
	huma.Register(a, operation(http.MethodPost, api.PathUnlock, "unlock", "Open a locked node", http.StatusOK), s.unlock)
	huma.Register(a, operation(http.MethodPost, api.PathWipe, "wipe", "Destroy everything that is stored, locked or not", http.StatusNoContent), s.wipe)
}

var protections = map[node.Protection]string{
	node.Unprotected: api.ProtectionNone, node.ByPassphrase: api.ProtectionPassphrase, node.ByKeyring: api.ProtectionKeyring,
}

// Protection is what the contract calls a protection.
func Protection(p node.Protection) string { return protections[p] }

func (s *Server) getLock(ctx context.Context, _ *struct{}) (*body[api.Lock], error) {
	p, err := s.gate.Protection()
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(api.Lock{Protection: protections[p], Locked: !s.gate.IsOpen(), AutoLock: s.gate.AutoLock(), Keyring: s.keyring.available(ctx)}), nil
}

// keyringPatience is how long an answer waits for the keyring, which may ask the person something.
const keyringPatience = 2 * time.Second

// keyring remembers whether the system has one that answers.
type keyring struct {
	mu    sync.Mutex
	known bool
	here  bool
}

func (k *keyring) available(ctx context.Context) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known {
		return k.here
	}
	ctx, cancel := context.WithTimeout(ctx, keyringPatience)
	defer cancel()
	k.here = node.CheckKeyring(ctx) == nil
	k.known = k.here || ctx.Err() == nil
	return k.here
}

func (s *Server) changeLock(ctx context.Context, in *struct{ Body api.LockChange }) (*body[api.Lock], error) {
	use, err := s.gate.Use(false)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	defer use.Done()
	if in.Body.Protection == nil && (in.Body.Passphrase != "" || in.Body.Decoy != "") {
		return nil, newProblem(api.CodeInvalid, "Say which protection", "A new passphrase comes with protection \"passphrase\".")
	}
	if err := s.protect(ctx, use.Node, in.Body); err != nil {
		return nil, s.fail(ctx, err)
	}
	if in.Body.AutoLock != nil {
		if err := s.gate.SetAutoLock(*in.Body.AutoLock); err != nil {
			return nil, s.fail(ctx, err)
		}
	}
	return s.getLock(ctx, nil)
}

// protect changes the protection, if that is asked for. Passphrases that come as
// JSON are strings, which cannot be cleared; what is made of them is.
func (s *Server) protect(ctx context.Context, n *node.Node, c api.LockChange) error {
	if c.Protection == nil {
		return nil
	}
	current, next := []byte(c.Current), []byte(c.Passphrase)
	defer node.ClearSecret(current)
	defer node.ClearSecret(next)
	var decoy []byte
	if c.Decoy != "" {
		decoy = []byte(c.Decoy)
		defer node.ClearSecret(decoy)
	}
	return s.gate.Guess(ctx, func() error {
		ctx := context.WithoutCancel(ctx) // half of it would help nobody
		switch *c.Protection {
		case api.ProtectionPassphrase:
			return n.SetPassphrase(ctx, current, next, decoy)
		case api.ProtectionKeyring:
			return n.SetKeyring(ctx, current)
		}
		return n.SetPlain(ctx, current)
	})
}

func (s *Server) lock(ctx context.Context, _ *struct{}) (*body[api.Lock], error) {
	err := s.gate.Lock(ctx)
	if errors.Is(err, gate.ErrUnprotected) {
		return nil, newProblem(api.CodeNotProtected, "There is no passphrase yet", "Without one, locking would keep nobody out. Set a passphrase first, on the page or with: linnet passphrase set")
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return s.getLock(ctx, nil)
}

func (s *Server) unlock(ctx context.Context, in *struct{ Body api.Unlock }) (*body[api.Lock], error) {
	passphrase := []byte(in.Body.Passphrase)
	defer node.ClearSecret(passphrase)
	if err := s.gate.Unlock(ctx, passphrase); err != nil {
		return nil, s.fail(ctx, err)
	}
	return s.getLock(ctx, nil)
}

// wipeWord confirms a wipe.
const wipeWord = "wipe"

func (s *Server) wipe(ctx context.Context, in *struct{ Body api.Wipe }) (*struct{}, error) {
	if in.Body.Confirm != wipeWord {
		return nil, newProblem(api.CodeInvalid, "This destroys everything", "Send confirm: \"wipe\" if that is meant. Nothing was changed.")
	}
	if err := s.gate.Wipe(ctx); err != nil {
		return nil, s.fail(ctx, err)
	}
	return nil, nil
}
