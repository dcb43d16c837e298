package cert

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"golang.org/x/net/dns/dnsmessage"
)

const name = "tickets.usher.test"

// TestACertificateIsObtainedByACME lets a listener get its certificate from Pebble, the
// authority that Let's Encrypt tests clients with: account, order, a tls-alpn-01
// challenge answered by the listener itself, and a chain that verifies.
func TestACertificateIsObtainedByACME(t *testing.T) {
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	roots, directory, trust := authority(t, port.Addr().(*net.TCPAddr).Port)
	dir := t.TempDir()
	settings := TLS{ACMEHost: name, ACMEDirectory: directory, ACMEEmail: "tls@usher.test", ACMECAFile: trust}
	cfg, err := settings.Config(dir)
	if err != nil {
		t.Fatal(err)
	}
	first, err := serialBehind(t, port, cfg, roots, name)
	if err != nil {
		t.Fatal(err)
	}
	// It is kept: after a restart, with the authority gone, it is the same.
	settings.ACMEDirectory = "https://127.0.0.1:1/dir"
	again, err := settings.Config(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := serialBehind(t, second, again, roots, name); err != nil || kept != first {
		t.Errorf("certificate %s at first, %s after a restart: %v", first, kept, err)
	}
	third, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := serialBehind(t, third, again, roots, "other.usher.test"); err == nil {
		t.Error("a certificate for a name that is not ours")
	}
}

// serialBehind serves on l, and tells the number of the certificate that host is shown.
func serialBehind(t *testing.T, l net.Listener, cfg *tls.Config, roots *x509.CertPool, host string) (string, error) {
	t.Helper()
	srv := &http.Server{Handler: http.NotFoundHandler(), TLSConfig: cfg, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() { _ = srv.Close() })
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
}

// authority starts Pebble, which checks names on the given port of this machine.
func authority(t *testing.T, tlsPort int) (roots *x509.CertPool, directory, trust string) {
	t.Helper()
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "test"}})
	checker := va.New(quiet, 1, tlsPort, false, resolver(t), store)
	front := wfe.New(quiet, store, checker, issuer, []string{"usher.test"}, false, false, 1, 1)
	srv := httptest.NewTLSServer(front.Handler())
	t.Cleanup(srv.Close)
	roots = x509.NewCertPool()
	roots.AddCert(issuer.GetRootCert(0).Cert)
	trust = filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(trust, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return roots, srv.URL + wfe.DirectoryPath, trust
}

// resolver is a name server, over TCP as Pebble asks, that knows every name by this
// machine's address.
func resolver(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for answerNext(conn) == nil {
				}
			}()
		}
	}()
	return l.Addr().String()
}

// answerNext answers one question; each message stands behind its length.
func answerNext(conn net.Conn) error {
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	query := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, query); err != nil {
		return err
	}
	answer, err := answerTo(query)
	if err != nil {
		return err
	}
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	return err
}

func answerTo(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
		return nil, fmt.Errorf("no question: %w", err)
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
	}
	return m.Pack()
}
