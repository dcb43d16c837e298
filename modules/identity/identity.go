// Package identity knows who is asking: people sign in with providers they
// already have, apps and machines show tokens and keys, and every route's right
// is decided by one table (right.go). Usher stores no password.
package identity

import (
	"log/slog"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/seal"
)

// Role is what a person is to the promoter.
type Role string

// Roles, the mightiest first.
const (
	RoleOwner    Role = "owner"
	RoleAdmin    Role = "admin"
	RoleStaff    Role = "staff"
	RoleScanner  Role = "scanner"
	RoleCustomer Role = "customer" // an attendee
)

// Person is somebody who has signed in, or was let in by a claim link.
type Person struct {
	ID        string    `json:"id"`
	Name      string    `json:"name,omitempty"`  // as the provider tells it
	Email     string    `json:"email,omitempty"` // to show, never to recognise anybody by
	Role      Role      `json:"role"`
	Locale    string    `json:"locale,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at,omitzero"`
}

// Service is identity.
type Service struct {
	cfg       Config
	db        *db.DB
	seal      *seal.Key
	site      Site
	log       *slog.Logger
	providers *providers
	machines  []machine
	names     names
}

// Site is where people reach us.
type Site struct {
	PublicURL string // origin as browsers see it; "": http on loopback
	Secure    bool   // browsers reach us by TLS: cookies are __Host- and Secure
}

// New makes identity.
func New(cfg Config, d *db.DB, key *seal.Key, site Site, log *slog.Logger) *Service {
	return &Service{cfg: cfg, db: d, seal: key, site: site, log: log.With("module", "identity"),
		providers: newProviders(cfg.Providers, d, newProviderClient()), machines: machinesOf(cfg.Machines)}
}
