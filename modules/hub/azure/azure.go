// Package azure serves the public REST protocol of Azure Notification Hubs over
// the hub, so that an app moves here by changing its connection string.
package azure

import "time"

// Config is the section "azure" of config.yaml.
type Config struct {
	Listen   string   `koanf:"listen"`   // address of its own listener; "": the protocol is off
	Policies []Policy `koanf:"policies"` // shared access policies
	TLS      TLS      `koanf:"tls"`
}

// Policy is a shared access policy. Its keys follow from the seal key, the hub,
// the name and the generation: nothing is stored, and raising the generation
// rotates them. The generation before stays good too.
type Policy struct {
	Name       string   `koanf:"name"`
	Rights     []string `koanf:"rights"` // listen, send, manage
	Generation int      `koanf:"generation"`
}

// TLS is where the listener's certificate comes from: files, or ACME.
type TLS struct {
	CertFile string        `koanf:"cert_file"`
	KeyFile  string        `koanf:"key_file"`
	ACMEHost string        `koanf:"acme_host"` // obtain a certificate for this name
	Renew    time.Duration `koanf:"renew"`
}
