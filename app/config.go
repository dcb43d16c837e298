package app

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/usherhq/usher/app/embedded"
	"github.com/usherhq/usher/modules/analytics"
	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/azure"
	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/cert"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/mail"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/pricing"
	"github.com/usherhq/usher/modules/proximity"
	"github.com/usherhq/usher/modules/sales"
)

// Config is every setting of Usher: one section for each module that has any.
// A field's koanf tag is its name in config.yaml, secret:"true" keeps its value
// out of what we print.
type Config struct {
	DataDir  string          `koanf:"data_dir" validate:"required"` // everything the built-in stores keep
	Roles    []string        `koanf:"roles" validate:"dive,oneof=web worker stream"`
	HTTP     HTTP            `koanf:"http"`
	Database db.Config       `koanf:"database"`
	Redis    Redis           `koanf:"redis"`
	Log      Log             `koanf:"log"`
	Limits   web.LimitConfig `koanf:"limits"`
	Access   Access          `koanf:"access"`
	Seal     Seal            `koanf:"seal"`
	Stream   Stream          `koanf:"stream"`
	Identity identity.Config `koanf:"identity"`
	Hub      hub.Config      `koanf:"hub"`
	Azure    azure.Config    `koanf:"azure"`

	Mail      mail.Config      `koanf:"mail"`
	Sales     sales.Config     `koanf:"sales"`
	Analytics analytics.Config `koanf:"analytics"`
	Pricing   pricing.Config   `koanf:"pricing"`
	Proximity proximity.Config `koanf:"proximity"`

	Guide Guide `koanf:"-"` // of a demo; nil: none plays
}

// HTTP is where and how we answer.
type HTTP struct {
	Listen         string        `koanf:"listen" validate:"required"`
	PublicURL      string        `koanf:"public_url" validate:"omitempty,http_url"` // as browsers see us, behind a proxy
	ReadTimeout    time.Duration `koanf:"read_timeout" validate:"min=1s,max=1h"`
	WriteTimeout   time.Duration `koanf:"write_timeout" validate:"min=1s,max=1h"`
	TrustedProxies []string      `koanf:"trusted_proxies" validate:"dive,cidr"` // whose X-Forwarded-For we believe
	TLS            cert.TLS      `koanf:"tls"`
}

// Redis is the queue's store.
type Redis struct {
	URL string `koanf:"url" secret:"true"` // empty: the built-in one
}

// Log says what is written to stderr.
type Log struct {
	Level  string `koanf:"level" validate:"oneof=debug info warn error"`
	Format string `koanf:"format" validate:"oneof=text json"`
}

// Access lists the keys of machines. People sign in instead.
type Access struct {
	Keys []Key `koanf:"keys" secret:"true" validate:"dive"`
}

// Key lets one machine in.
type Key struct {
	Name   string   `koanf:"name" validate:"required,max=60"`
	Secret string   `koanf:"secret" secret:"true" validate:"required,min=20,max=200"`
	Rights []string `koanf:"rights" validate:"min=1,dive,oneof=listen send manage"`
}

// Seal is the key under which secrets lie in the database.
type Seal struct {
	Key string `koanf:"key" secret:"true"` // base64 of 32 bytes; empty: the file seal.key in data_dir
}

// Stream is what is kept of the past.
type Stream struct {
	RetentionDays int `koanf:"retention_days" validate:"min=1,max=3650"` // facts older than that are dropped
}

// Defaults suit one small machine on its own.
func Defaults() Config {
	dir, _ := embedded.DefaultDir() // none for a user without a home: then data_dir is required
	return Config{
		DataDir:  dir,
		Roles:    allRoles,
		HTTP:     HTTP{Listen: "127.0.0.1:8080", ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute},
		Database: db.Defaults(),
		Log:      Log{Level: "info", Format: "text"},
		Limits:   web.LimitDefaults(),
		Stream:   Stream{RetentionDays: 90},
		Identity: identity.Defaults(),
		Hub:      hub.Defaults(),
		Azure:    azure.Defaults(),

		Mail:      mail.Defaults(),
		Sales:     sales.Defaults(),
		Analytics: analytics.Defaults(),
		Pricing:   pricing.Defaults(),
		Proximity: proximity.Defaults(),
	}
}

// Validate reports every fault of every section at once, by key. Errors: fault.Invalid.
func (c Config) Validate() error {
	const op = "app.Config"
	var all []fault.Field
	for _, err := range []error{web.Check(op, c, "koanf"), c.checkRoles(), c.HTTP.Validate(), c.Redis.Validate(), c.Access.Validate(), c.Identity.Validate(), c.Hub.Validate(), c.Azure.Validate(), c.Mail.Validate(), c.mailLinks(), c.Sales.Validate(), c.Analytics.Validate(), c.Pricing.Validate(), c.Proximity.Validate()} {
		all = append(all, fieldsOf(err)...)
	}
	return fault.BadFields(op, all)
}

// mailLinks refuses letters whose links would lead nowhere.
func (c Config) mailLinks() error {
	if c.Mail.On() && c.HTTP.PublicURL == "" {
		return fault.BadField("app.Config", "http.public_url", "is missing: letters hold links to Usher", "as people reach it, such as https://tickets.example.org")
	}
	return nil
}

// Validate checks what tags cannot say.
func (h HTTP) Validate() error {
	var f []fault.Field
	if _, port, err := net.SplitHostPort(h.Listen); err != nil || port == "" {
		f = append(f, fault.Field{Name: "http.listen", Problem: "is not host:port", Fix: "such as 127.0.0.1:8080, or :8080 for every interface"})
	}
	f = append(f, h.TLS.Check("http.tls")...)
	if u, err := url.Parse(h.PublicURL); err == nil && strings.Trim(u.Path, "/") != "" {
		f = append(f, fault.Field{Name: "http.public_url", Problem: "has a path", Fix: "give Usher a host name of its own"})
	}
	return fault.BadFields("app.HTTP", f)
}

// Origin is the scheme and host of PublicURL; "" when there is none.
func (h HTTP) Origin() string { return strings.TrimRight(h.PublicURL, "/") }

// reachable is the origin that people use: the configured one, or else local's.
func (h HTTP) reachable(local string) string {
	if o := h.Origin(); o != "" {
		return o
	}
	return local
}

// Loopback reports whether only this machine can reach us.
func (h HTTP) Loopback() bool {
	host, _, _ := net.SplitHostPort(h.Listen)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Validate checks the form of the URL, not the server behind it.
func (r Redis) Validate() error {
	u, err := url.Parse(r.URL)
	known := map[string]bool{"": r.URL == "", "redis": true, "rediss": true, "redis-socket": true, "redis-sentinel": true}
	if err != nil || !known[u.Scheme] {
		return fault.BadField("app.Redis", "redis.url", "is not a Redis URL", "such as redis://127.0.0.1:6379/0, or empty for the built-in store")
	}
	return nil
}

// machines are the keys as identity takes them.
func (a Access) machines() []identity.Machine {
	all := make([]identity.Machine, len(a.Keys))
	for i, k := range a.Keys {
		all[i] = identity.Machine{Name: k.Name, Secret: k.Secret}
		for _, r := range k.Rights {
			all[i].Rights = append(all[i].Rights, web.Right(r))
		}
	}
	return all
}

// site is where people reach us.
func (h HTTP) site() identity.Site {
	return identity.Site{PublicURL: h.Origin(), Secure: strings.HasPrefix(h.PublicURL, "https://") || h.PublicURL == "" && h.TLS.On()}
}

// Validate checks that a name tells one machine from another: it is who the log
// and the rate limit know.
func (a Access) Validate() error {
	var f []fault.Field
	seen := map[string]bool{}
	for i, k := range a.Keys {
		if seen[k.Name] {
			f = append(f, fault.Field{Name: fmt.Sprintf("access.keys[%d].name", i), Problem: "is the name of another key too", Fix: "give each machine its own"})
		}
		seen[k.Name] = true
	}
	return fault.BadFields("app.Access", f)
}
