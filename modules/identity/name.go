package identity

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

const (
	nameAge   = time.Minute // how long a name is believed
	nameLimit = 1000        // of them kept
	nameWait  = time.Second // for the database: a page must not wait for a name
)

// names are what people were called a moment ago, by their actor's name.
type names struct {
	mu   sync.Mutex
	seen map[string]seenName
}

type seenName struct {
	name string
	at   time.Time
}

// NameOf is what people call an actor, such as one of a price's history: a person by the
// name, or else the address, of the present account; anybody else, and whoever's account
// is gone, as the actor is called.
func (s *Service) NameOf(actor string) string {
	person, ok := strings.CutPrefix(actor, personActor(""))
	if !ok {
		return actor
	}
	now := s.db.Now()
	if n, ok := s.names.find(actor, now); ok {
		return n
	}
	ctx, cancel := context.WithTimeout(context.Background(), nameWait)
	defer cancel()
	p, err := s.Person(ctx, person)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return actor
	}
	name := orElse(p.Name, orElse(p.Email, actor))
	s.names.keep(actor, seenName{name, now}) // whose account is gone, too: a history asks for him in every row
	return name
}

func (n *names) find(actor string, now time.Time) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, ok := n.seen[actor]
	return s.name, ok && now.Sub(s.at) < nameAge
}

func (n *names) keep(actor string, s seenName) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.seen) >= nameLimit || n.seen == nil {
		n.seen = map[string]seenName{}
	}
	n.seen[actor] = s
}
