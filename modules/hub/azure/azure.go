// Package azure serves the public REST protocol of Azure Notification Hubs over
// the hub, so that an app moves here by changing its connection string.
//
// A hub of the protocol is an app of Usher's: the first part of a path is its id.
// The way of a request: routes*.go → a description or message read and checked
// (description.go, message.go) → hub.Service. What the protocol says beyond what
// the hub knows is kept beside it and answered as it was written.
package azure

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/cert"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/seal"
)

// Config is the section "azure" of config.yaml.
type Config struct {
	Listen       string   `koanf:"listen"`        // address of its own listener; "": the protocol is off
	PublicHost   string   `koanf:"public_host"`   // host[:port] as clients write it, when a proxy is in between
	Policies     []Policy `koanf:"policies"`      // shared access policies, of every app alike
	TrustDevices bool     `koanf:"trust_devices"` // let a key with listen alone say whose a phone is
	BlobHosts    []string `koanf:"blob_hosts"`    // where jobs may read and write: "host", ".domain", or "host:port" at a private address
	CAFile       string   `koanf:"ca_file"`       // PEM roots of blob hosts to trust beside the system's
	TLS          cert.TLS `koanf:"tls"`
}

// Policy is a shared access policy. Its keys follow from the seal key, the hub,
// the name and the generation: nothing is stored, and raising the generation
// rotates them. The generation before stays good too.
type Policy struct {
	Name       string   `koanf:"name"`
	Rights     []string `koanf:"rights"`     // listen, send, manage
	Generation int      `koanf:"generation"` // 0 is 1
}

// FullPolicy is the policy that an app's back end uses.
const FullPolicy = "DefaultFullSharedAccessSignature"

// Defaults are those of the reference: two policies, and jobs that read and write
// Azure's own storage. The protocol is off.
func Defaults() Config {
	return Config{
		Policies: []Policy{
			{Name: "DefaultListenSharedAccessSignature", Rights: []string{"listen"}, Generation: 1},
			{Name: FullPolicy, Rights: []string{"listen", "send", "manage"}, Generation: 1},
		},
		BlobHosts: []string{".blob.core.windows.net", ".blob.core.usgovcloudapi.net", ".blob.core.chinacloudapi.cn"},
	}
}

// Validate reports every fault of the section at once.
func (c Config) Validate() error {
	var f []fault.Field
	bad := func(name, problem, fix string) {
		f = append(f, fault.Field{Name: "azure." + name, Problem: problem, Fix: fix})
	}
	if _, port, err := net.SplitHostPort(c.Listen); c.Listen != "" && (err != nil || port == "") {
		bad("listen", "is not host:port", "such as :8443, or empty to turn the protocol off")
	}
	if strings.ContainsAny(c.PublicHost, "/ ") {
		bad("public_host", "is not a host", "such as push.example.org, or push.example.org:8443")
	}
	c.validatePolicies(bad)
	for i, h := range c.BlobHosts {
		if strings.Trim(h, ".") == "" || strings.ContainsAny(h, "/ ") {
			bad(fmt.Sprintf("blob_hosts[%d]", i), "is not a host", `"blobs.example.org", ".example.org" for all below it, or "10.0.0.7:9000"`)
		}
	}
	f = append(f, c.TLS.Check("azure.tls")...)
	return fault.BadFields("azure.Config", f)
}

func (c Config) validatePolicies(bad func(name, problem, fix string)) {
	seen := map[string]bool{}
	for i, p := range c.Policies {
		at := fmt.Sprintf("policies[%d]", i)
		if p.Name == "" || len(p.Name) > 128 || strings.ContainsAny(p.Name, ";=&\x00\r\n") {
			bad(at+".name", "is no policy name", "1 to 128 characters without ; = and &")
		}
		if seen[p.Name] {
			bad(at+".name", "is the name of another policy too", "give each its own")
		}
		seen[p.Name] = true
		if len(p.Rights) == 0 {
			bad(at+".rights", "is empty", "some of listen, send, manage")
		}
		for _, r := range p.Rights {
			if !slices.Contains([]string{"listen", "send", "manage"}, r) {
				bad(at+".rights", fmt.Sprintf("has %q", r), "listen, send or manage")
			}
		}
		if p.Generation < 0 {
			bad(at+".generation", fmt.Sprintf("is %d", p.Generation), "1 or nothing at first, and one more for each rotation")
		}
	}
}

// Service answers the protocol over a hub.
type Service struct {
	cfg   Config
	hub   *hub.Service
	db    *db.DB
	keys  Keys
	blobs *http.Client
	log   *slog.Logger
}

// New makes the service. Errors: fault.Invalid when azure.ca_file cannot be read.
func New(cfg Config, h *hub.Service, d *db.DB, key *seal.Key, log *slog.Logger) (*Service, error) {
	blobs, err := newBlobClient(cfg)
	if err != nil {
		return nil, err
	}
	return &Service{cfg: cfg, hub: h, db: d, keys: Keys{Seal: key, Policies: cfg.Policies}, blobs: blobs, log: log.With("module", "azure")}, nil
}
