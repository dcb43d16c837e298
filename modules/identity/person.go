package identity

import "time"

// Vouched is what a provider says of who is there, after everything about its
// word was checked. (Issuer, Subject) is the identity; the rest is only to show.
type Vouched struct {
	Provider string // its name in config.yaml
	Issuer   string
	Subject  string
	Name     string
	Email    string
	Locale   string
	ProvedAt time.Time // when the person proved to the provider who they are; zero: it does not tell
}

// Login is one way a person signs in.
type Login struct {
	Issuer   string    `json:"issuer"`
	Subject  string    `json:"subject"`
	Provider string    `json:"provider"`
	Name     string    `json:"name,omitempty"`
	Email    string    `json:"email,omitempty"`
	LinkedAt time.Time `json:"linked_at"`
	UsedAt   time.Time `json:"used_at"`
}

// firstRunes is s, cut to at most n runes.
func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
