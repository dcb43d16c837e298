package identity

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Config is the section "identity" of config.yaml.
type Config struct {
	Providers []Provider    `koanf:"providers" secret:"true"`
	Session   time.Duration `koanf:"session"` // a web session's length without use

	Machines []Machine `koanf:"-"` // the keys under access.keys
}

// Provider is somebody else who knows people: five lines in config.yaml.
type Provider struct {
	Name         string   `koanf:"name"`   // in the address: /auth/<name>
	Kind         string   `koanf:"kind"`   // google, apple, microsoft, facebook, github, … or oidc
	Issuer       string   `koanf:"issuer"` // kind oidc: where discovery begins
	ClientID     string   `koanf:"client_id"`
	ClientSecret string   `koanf:"client_secret" secret:"true"` // kind apple: the private key, PEM
	Label        string   `koanf:"label"`                       // on the button; "": by kind
	Scopes       []string `koanf:"scopes"`                      // beside openid, profile and email
	AppIDs       []string `koanf:"app_ids"`                     // client ids of your apps, whose ID tokens are taken too
	TeamID       string   `koanf:"team_id"`                     // kind apple
	KeyID        string   `koanf:"key_id"`                      // kind apple
}

// Machine is a key of the configuration: it lets one machine in.
type Machine struct {
	Name   string
	Secret string
	Rights []web.Right
}

// Defaults of the section.
func Defaults() Config { return Config{Session: 30 * 24 * time.Hour} }

var providerName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Validate reports every fault of the section at once.
func (c Config) Validate() error {
	var f []fault.Field
	if c.Session < time.Hour || c.Session > 365*24*time.Hour {
		f = append(f, fault.Field{Name: "identity.session", Problem: "is " + c.Session.String(), Fix: "between 1h and 8760h"})
	}
	seen := map[string]bool{}
	for i, p := range c.Providers {
		at := fmt.Sprintf("identity.providers[%d].", i)
		if seen[p.Name] {
			f = append(f, fault.Field{Name: at + "name", Problem: "is the name of another provider too", Fix: "give each its own"})
		}
		seen[p.Name] = true
		f = append(f, p.faults(at)...)
	}
	return fault.BadFields("identity.Config", f)
}

func (p Provider) faults(at string) (f []fault.Field) {
	bad := func(name, problem, fix string) {
		f = append(f, fault.Field{Name: at + name, Problem: problem, Fix: fix})
	}
	if !providerName.MatchString(p.Name) {
		bad("name", "is no part of an address", "1 to 40 of a-z, 0-9 and -, such as google")
	}
	if _, ok := catalogue[p.Kind]; !ok {
		fix := "one of " + strings.Join(kinds(), ", ")
		if near := web.Nearest(p.Kind, kinds()); near != "" {
			fix = "did you mean " + near + "?"
		}
		bad("kind", fmt.Sprintf("is %q", p.Kind), fix)
	}
	if p.ClientID == "" {
		bad("client_id", "is missing", "the id that "+orElse(p.Kind, "the provider")+" gave to your registration")
	}
	if p.Kind == kindOIDC && p.Issuer == "" {
		bad("issuer", "is missing", "such as https://login.example.org; its discovery document is below it")
	}
	if p.Issuer != "" && !secureOrLocal(p.Issuer) {
		bad("issuer", "is no https address", "such as https://login.example.org")
	}
	if p.Kind == kindApple && (p.TeamID == "" || p.KeyID == "") {
		bad("team_id", "and key_id are needed for Apple", "both are shown in Apple's developer account")
	}
	if p.Kind == kindApple {
		if _, err := applePrivateKey(p.ClientSecret); err != nil {
			bad("client_secret", "is not Apple's private key", "the whole text of the .p8 file, in PEM")
		}
	}
	return f
}

// kinds lists the catalogue, for messages.
func kinds() []string {
	var all []string
	for k := range catalogue {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// secureOrLocal accepts https, and plain http on this machine alone (tests, the demo).
func secureOrLocal(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && loopbackName(u.Hostname())
}

func loopbackName(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}
