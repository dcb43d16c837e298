package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// writeCertificate writes push.crt and push.key with a serial number.
func writeCertificate(t *testing.T, dir string, serial int64, changed time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: noon, NotAfter: noon.AddDate(1, 0, 0), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"push.crt": {Type: "CERTIFICATE", Bytes: der}, "push.key": {Type: "PRIVATE KEY", Bytes: pkcs}} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
}

// Connections get the certificate that lies there now; while the files are half
// written, the one before.
func TestARenewedCertificateIsReadAnew(t *testing.T) {
	dir := t.TempDir()
	writeCertificate(t, dir, 1, noon)
	cfg, err := TLS{CertFile: filepath.Join(dir, "push.crt"), KeyFile: filepath.Join(dir, "push.key")}.Config(dir)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).Handshake()
			_ = c.Close()
		}
	}()
	serial := func() int64 {
		t.Helper()
		c, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Fatalf("certificate %d at first", got)
	}
	writeCertificate(t, dir, 2, noon.Add(time.Hour))
	if got := serial(); got != 2 {
		t.Errorf("certificate %d after it was renewed", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "push.crt"), []byte("half of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 2 {
		t.Errorf("certificate %d while the file is written", got)
	}
	if err := os.Remove(filepath.Join(dir, "push.crt")); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 2 {
		t.Errorf("certificate %d without a file", got)
	}
	writeCertificate(t, dir, 3, noon.Add(2*time.Hour))
	if got := serial(); got != 3 {
		t.Errorf("certificate %d at the end", got)
	}
}

func TestAMissingCertificateIsSaid(t *testing.T) {
	if _, err := (TLS{CertFile: "none", KeyFile: "none"}).Config(t.TempDir()); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}
