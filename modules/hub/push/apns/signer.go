package apns

import (
	"sync"
	"time"

	"github.com/sideshow/apns2/token"

	"github.com/usherhq/usher/modules/kernel/clock"
)

// minRenewal is how soon Apple allows another provider token; it takes one for
// an hour, and apns2 renews after 50 minutes.
const minRenewal = 20 * time.Minute

// signer holds the one provider token that all clients share.
type signer struct {
	token *token.Token
	clock clock.Clock

	mu     sync.Mutex
	forced time.Time // of the last renewal that Apple's answer forced
}

func (s *signer) bearer() string { return s.token.GenerateIfExpired() }

// renew replaces the token that Apple called expired, and reports whether a
// repeat is worth while: many messages are refused at once, but only the first
// makes a token, and within minRenewal no other is made.
func (s *signer) renew(used string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token.Lock()
	defer s.token.Unlock()
	if s.token.Bearer != used {
		return true
	}
	now := s.clock.Now()
	if !s.forced.IsZero() && now.Sub(s.forced) < minRenewal {
		return false
	}
	s.forced = now
	ok, err := s.token.Generate()
	return ok && err == nil
}
