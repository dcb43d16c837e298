// Package cert is where a listener's certificate comes from: files, or an authority that
// speaks ACME.
package cert

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// TLS is the settings of a listener's certificate. All empty: a proxy in front has one.
type TLS struct {
	CertFile      string        `koanf:"cert_file"`      // PEM, with its chain; read anew when it changes
	KeyFile       string        `koanf:"key_file"`       // PEM
	ACMEHost      string        `koanf:"acme_host"`      // obtain a certificate for this name
	ACMEDirectory string        `koanf:"acme_directory"` // "": Let's Encrypt
	ACMEEmail     string        `koanf:"acme_email"`     // whom the authority may write to
	ACMECAFile    string        `koanf:"acme_ca_file"`   // PEM roots of an authority of your own, beside the system's
	Renew         time.Duration `koanf:"renew"`          // so long before its end; 0: 30 days
}

// On reports whether the listener speaks TLS by itself.
func (t TLS) On() bool { return t.CertFile != "" || t.ACMEHost != "" }

// Check tells what is wrong with the settings, which stand below section.
func (t TLS) Check(section string) []fault.Field {
	var f []fault.Field
	if (t.CertFile == "") != (t.KeyFile == "") {
		f = append(f, fault.Field{Name: section, Problem: "has one of cert_file and key_file", Fix: "give both or none"})
	}
	if t.ACMEHost != "" && t.CertFile != "" {
		f = append(f, fault.Field{Name: section, Problem: "has cert_file and acme_host", Fix: "a certificate of your own, or one by ACME"})
	}
	if t.ACMEHost != "" && (!strings.Contains(t.ACMEHost, ".") || strings.ContainsAny(t.ACMEHost, ":/ ")) {
		f = append(f, fault.Field{Name: section + ".acme_host", Problem: "is not a host name", Fix: "such as tickets.example.org"})
	}
	return f
}

// Config is what the listener serves TLS with; nil for none: a proxy in front has the
// certificate. What ACME obtains is kept in the data directory. Errors: fault.Invalid
// for files that hold no certificate.
func (t TLS) Config(dataDir string) (*tls.Config, error) {
	switch {
	case t.CertFile != "":
		files := &certFiles{cert: t.CertFile, key: t.KeyFile}
		if _, err := files.get(nil); err != nil {
			return nil, fault.E("cert.Config", fault.Invalid, t.CertFile+" and "+t.KeyFile+" hold no certificate", err).
				WithFix("PEM files of the certificate with its chain, and of its key")
		}
		return &tls.Config{GetCertificate: files.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
	case t.ACMEHost != "":
		m := &autocert.Manager{
			Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(t.ACMEHost), Email: t.ACMEEmail,
			Cache: autocert.DirCache(filepath.Join(dataDir, "acme")), RenewBefore: t.Renew,
		}
		client, err := t.client()
		if err != nil {
			return nil, err
		}
		m.Client = client
		cfg := m.TLSConfig() // answers tls-alpn-01, so port 443 must lead here
		cfg.MinVersion = tls.VersionTLS12
		return cfg, nil
	}
	return nil, nil
}

// Leaf is the certificate that the listener has now. Errors: fault.NotFound when the authority
// has made none yet, fault.Invalid when it cannot be read.
func (t TLS) Leaf(dataDir string) (*x509.Certificate, error) {
	const op = "cert.Leaf"
	if t.CertFile != "" {
		return leafIn(op, t.CertFile)
	}
	at := filepath.Join(dataDir, "acme", t.ACMEHost)
	for _, kind := range []string{"", "+rsa"} { // autocert's names: ECDSA, and RSA for old clients
		leaf, err := leafIn(op, at+kind)
		if !errors.Is(err, os.ErrNotExist) {
			return leaf, err
		}
	}
	return nil, fault.E(op, fault.NotFound, "no certificate has been obtained yet for "+t.ACMEHost, nil).WithFix("open https://" + t.ACMEHost + ": the first visit obtains it")
}

// leafIn reads the first certificate of a PEM file, which may hold a key before it.
func leafIn(op, file string) (*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "cannot read "+file, err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			leaf, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fault.E(op, fault.Invalid, file+" holds no certificate", err)
			}
			return leaf, nil
		}
	}
	return nil, fault.E(op, fault.Invalid, file+" holds no certificate", nil)
}

// client talks to the authority. Errors: fault.Invalid for roots that cannot be read.
func (t TLS) client() (*acme.Client, error) {
	c := &acme.Client{DirectoryURL: t.ACMEDirectory} // "" is Let's Encrypt for autocert
	if t.ACMEDirectory == "" {
		c.DirectoryURL = autocert.DefaultACMEDirectory
	}
	if t.ACMECAFile == "" {
		return c, nil
	}
	text, err := os.ReadFile(t.ACMECAFile)
	if err != nil {
		return nil, fault.E("cert.Config", fault.Invalid, "cannot read acme_ca_file "+t.ACMECAFile, err).WithFix("a PEM file of certificates, or leave it out")
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, fault.E("cert.Config", fault.Invalid, "acme_ca_file "+t.ACMECAFile+" has no certificate in it", nil).WithFix("a PEM file that begins with BEGIN CERTIFICATE")
	}
	own := http.DefaultTransport.(*http.Transport).Clone()
	own.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	c.HTTPClient = &http.Client{Transport: own, Timeout: time.Minute}
	return c, nil
}

// certFiles reads a certificate anew when its file changed: who renews it need not
// restart Usher.
type certFiles struct {
	cert, key string

	mu      sync.Mutex
	changed time.Time
	loaded  *tls.Certificate
}

// get is tls.Config's GetCertificate. A file that cannot be read leaves the one before in use.
func (f *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.cert)
	if err == nil && f.loaded != nil && info.ModTime().Equal(f.changed) {
		return f.loaded, nil
	}
	pair, pairErr := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil || pairErr != nil {
		if f.loaded != nil {
			return f.loaded, nil
		}
		return nil, pairErr
	}
	f.loaded, f.changed = &pair, info.ModTime()
	return f.loaded, nil
}
