package fcm

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"

	"github.com/usherhq/usher/modules/hub/push/wire"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

const (
	scope = "https://www.googleapis.com/auth/firebase.messaging"
	// fetchTimeout bounds a call of the token endpoint, which serves every
	// message that waits and so belongs to none of their contexts.
	fetchTimeout = 10 * time.Second
	// renewBefore its end a bearer is renewed while it still works.
	renewBefore = 5 * time.Minute
	// innocent is the age below which a bearer is not to blame for a 401.
	innocent = time.Minute
)

// account is a service account's key file.
type account struct {
	project string
	config  *jwt.Config
}

func readAccount(op string, key []byte) (account, error) {
	const fix = "give the whole JSON key file of a service account, from the Firebase console: Project settings, Service accounts"
	var file struct {
		ProjectID string `json:"project_id"`
	}
	config, err := google.JWTConfigFromJSON(key, scope)
	if err != nil || json.Unmarshal(key, &file) != nil {
		return account{}, fault.BadField(op, "service_account", "is not a service account's key file", fix)
	}
	if file.ProjectID == "" || config.Email == "" || len(config.PrivateKey) == 0 {
		return account{}, fault.BadField(op, "service_account", "lacks project_id, client_email or private_key", fix)
	}
	if !strings.HasPrefix(config.TokenURL, "https://") {
		return account{}, fault.BadField(op, "service_account", "has a token_uri that is not https://", fix)
	}
	return account{file.ProjectID, config}, nil
}

// fetcher fetches a new bearer over link.
func (a account) fetcher(link wire.Link) func() (*oauth2.Token, error) {
	hc := wire.Client(link)
	hc.Timeout = fetchTimeout
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, hc)
	return func() (*oauth2.Token, error) { return a.config.TokenSource(ctx).Token() }
}

// bearers holds the access token that all clients share. oauth2's own cache
// would make every message wait for a slow token endpoint beyond its context.
type bearers struct {
	fetch func() (*oauth2.Token, error)
	clock clock.Clock

	mu      sync.Mutex
	current *oauth2.Token
	since   time.Time
	pending *fetching
}

type fetching struct {
	done  chan struct{}
	token *oauth2.Token
	err   error
}

// get is a bearer that works, from the cache if it can.
func (b *bearers) get(ctx context.Context) (string, error) {
	b.mu.Lock()
	now := b.clock.Now()
	left := time.Duration(0)
	if b.current != nil {
		left = b.current.Expiry.Sub(now)
	}
	if left < renewBefore && b.pending == nil {
		b.pending = &fetching{done: make(chan struct{})}
		go b.renew(b.pending)
	}
	if left > 0 {
		defer b.mu.Unlock()
		return b.current.AccessToken, nil
	}
	f := b.pending
	b.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if f.err != nil {
		return "", f.err
	}
	return f.token.AccessToken, nil
}

func (b *bearers) renew(f *fetching) {
	f.token, f.err = b.fetch()
	b.mu.Lock()
	b.pending = nil
	if f.err == nil {
		b.current, b.since = f.token, b.clock.Now()
	}
	b.mu.Unlock()
	close(f.done)
}

// discard drops the bearer that FCM refused, and reports whether a repeat is
// worth while: one that is fresh was not the reason.
func (b *bearers) discard(used string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current == nil || b.current.AccessToken != used {
		return true
	}
	if b.clock.Now().Sub(b.since) < innocent {
		return false
	}
	b.current = nil
	return true
}
