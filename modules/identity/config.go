package identity

import "time"

// Config is the section "identity" of config.yaml.
type Config struct {
	Providers []Provider    `koanf:"providers"`
	Session   time.Duration `koanf:"session"` // a web session's length without use
}

// Provider is somebody else who knows people: five lines in config.yaml.
type Provider struct {
	Name         string   `koanf:"name"`          // in the address: /auth/<name>
	Kind         string   `koanf:"kind"`          // google, apple, microsoft, facebook, github, … or oidc
	Issuer       string   `koanf:"issuer"`        // kind oidc: where discovery begins
	ClientID     string   `koanf:"client_id"`
	ClientSecret string   `koanf:"client_secret" secret:"true"`
	Label        string   `koanf:"label"`  // on the button; "": by kind
	Scopes       []string `koanf:"scopes"` // beside openid, profile and email
}

// Defaults of the section.
func Defaults() Config { return Config{Session: 30 * 24 * time.Hour} }
