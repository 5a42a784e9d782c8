package vault

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/zalando/go-keyring"
)

const (
	// keyringService is the name under which the keyring shows our secrets.
	keyringService = "Linnet"
	// keyringPatience is how long a keyring may take: it may ask the person to unlock it.
	keyringPatience = 15 * time.Second
	// forgetPatience is how long it may take to remove a secret: a wipe waits for it.
	forgetPatience = 3 * time.Second
)

// rings speaks with the system's keyring: Secret Service, Keychain or Credential Manager.
// The zero value does; a test puts another in its place.
type rings struct {
	set    func(service, name, secret string) error
	read   func(service, name string) (string, error)
	remove func(service, name string) error
}

func (r rings) orSystem() rings {
	if r.set == nil {
		return rings{keyring.Set, keyring.Get, keyring.Delete}
	}
	return r
}

// CheckKeyring tells whether this system has a keyring that answers, before a program
// offers it: nil or ErrKeyring. It may make the system ask for a password, and takes up to 15 seconds.
func CheckKeyring(ctx context.Context) error { return rings{}.check(ctx) }

func (r rings) check(ctx context.Context) error {
	var id secretID
	rand.Read(id[:])
	if _, err := r.get(ctx, id); !errors.Is(err, ErrSecret) {
		return err
	}
	return nil
}

// make puts a new secret into the keyring and makes sure that it comes out again.
func (r rings) make(ctx context.Context, id secretID) ([]byte, error) {
	secret := make([]byte, KeySize)
	rand.Read(secret)
	text := base64.RawStdEncoding.EncodeToString(secret)
	_, err := ask(ctx, func() (string, error) { return "", r.orSystem().set(keyringService, id.name(), text) })
	if err != nil {
		return nil, err
	}
	again, err := r.get(ctx, id)
	if err != nil {
		return nil, err
	}
	defer Clear(again)
	if subtle.ConstantTimeCompare(secret, again) != 1 {
		return nil, fmt.Errorf("%w (it gives back something else)", ErrKeyring)
	}
	return secret, nil
}

// get reads a secret. ErrSecret where the keyring answers but does not have it.
func (r rings) get(ctx context.Context, id secretID) ([]byte, error) {
	text, err := ask(ctx, func() (string, error) { return r.orSystem().read(keyringService, id.name()) })
	if errors.Is(err, keyring.ErrNotFound) {
		return nil, ErrSecret
	}
	if err != nil {
		return nil, err
	}
	secret, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(secret) != KeySize {
		return nil, ErrSecret
	}
	return secret, nil
}

// forget removes a secret, if the keyring lets it.
func (r rings) forget(ctx context.Context, id secretID) {
	ctx, cancel := context.WithTimeout(ctx, forgetPatience)
	defer cancel()
	_, _ = ask(ctx, func() (string, error) { return "", r.orSystem().remove(keyringService, id.name()) })
}

func (id secretID) name() string { return hex.EncodeToString(id[:]) }

// ask makes one call to the keyring and waits for it within ctx and keyringPatience.
// Such a call cannot be ended from here: one that hangs keeps its goroutine
// until the system answers, or the program ends.
func ask(ctx context.Context, call func() (string, error)) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, keyringPatience)
	defer cancel()
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if r := recover(); r != nil { // the module trusts what comes over the bus
				a.err = fmt.Errorf("the call failed: %v", r)
			}
			done <- a
		}()
		if a.err = sessionBus(); a.err == nil {
			a.text, a.err = call()
		}
	}()
	select {
	case a := <-done:
		if a.err != nil && !errors.Is(a.err, keyring.ErrNotFound) {
			return "", fmt.Errorf("%w (%w)", ErrKeyring, a.err)
		}
		return a.text, a.err
	case <-ctx.Done():
		return "", fmt.Errorf("%w (no answer: %w)", ErrKeyring, context.Cause(ctx))
	}
}
