package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
)

// azureHouse is an Usher that speaks Azure's protocol, with a private authority for its
// certificate and phones that tell what they got.
type azureHouse struct {
	*house
	host   string // of the protocol's listener
	ca     string // file of the authority
	phones *httptest.Server
	blobs  *httptest.Server

	mu       sync.Mutex
	receipts []pushtest.Receipt
	stored   map[string][]byte // blobs by path
}

func newAzureHouse(t *testing.T) *azureHouse {
	t.Helper()
	a := &azureHouse{stored: map[string][]byte{}}
	services, err := pushtest.Start(pushtest.Config{Headers: []string{"apns-topic", "apns-priority", "apns-push-type", "apns-collapse-id", "apns-expiration", "ttl", "urgency", "topic"},
		OnMessage: func(r pushtest.Receipt) { a.mu.Lock(); a.receipts = append(a.receipts, r); a.mu.Unlock() }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = services.Close() })
	dir := t.TempDir()
	pair := privateCertificate(t, dir)
	a.ca = filepath.Join(dir, "ca.pem")
	a.blobs = httptest.NewUnstartedServer(http.HandlerFunc(a.blob))
	a.blobs.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	a.blobs.StartTLS()
	t.Cleanup(a.blobs.Close)
	a.phones = httptest.NewServer(http.HandlerFunc(a.phone))
	t.Cleanup(a.phones.Close)
	both := filepath.Join(dir, "services.pem")
	if err := os.WriteFile(both, services.CAPEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	a.host = freeAddress(t) // last: the servers above take free ports too
	a.house = newHouse(t,
		"azure.listen="+a.host, "azure.tls.cert_file="+filepath.Join(dir, "tls.crt"), "azure.tls.key_file="+filepath.Join(dir, "tls.key"),
		"azure.blob_hosts="+strings.TrimPrefix(a.blobs.URL, "https://"), "azure.ca_file="+a.ca,
		"hub.services.apns_endpoint="+services.APNsURL(), "hub.services.fcm_endpoint="+services.FCMURL(),
		"hub.services.webpush_hosts="+services.WebPushHost(), "hub.services.ca_file="+both)
	a.services = services
	a.festival(0)
	return a
}

// freeAddress is a port of this machine that nobody uses.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// privateCertificate writes ca.pem, tls.crt and tls.key for this machine.
func privateCertificate(t *testing.T, dir string) tls.Certificate {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	now := time.Now()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Usher test authority"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	must(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	for name, block := range map[string]*pem.Block{"ca.pem": {Type: "CERTIFICATE", Bytes: caDER}, "tls.crt": {Type: "CERTIFICATE", Bytes: leafDER}, "tls.key": {Type: "PRIVATE KEY", Bytes: keyDER}} {
		must(os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	return tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key}
}

// phone answers what one handle got: a list of payloads with their headers, in order.
func (a *azureHouse) phone(w http.ResponseWriter, r *http.Request) {
	type message struct {
		Payload json.RawMessage   `json:"payload"`
		Header  map[string]string `json:"header"`
		Status  int               `json:"status"`
	}
	list := []message{}
	a.mu.Lock()
	for _, got := range a.receipts {
		if got.Handle == r.URL.Query().Get("handle") {
			payload := json.RawMessage(got.Payload)
			if !json.Valid(payload) {
				payload, _ = json.Marshal(string(got.Payload))
			}
			list = append(list, message{payload, got.Header, got.Status})
		}
	}
	a.mu.Unlock()
	_ = json.NewEncoder(w).Encode(list)
}

// blob is a blob storage of our own: PUT and GET, with a signature in the query.
func (a *azureHouse) blob(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case r.URL.Query().Get("sig") != "secret":
		http.Error(w, "AuthenticationFailed", http.StatusForbidden)
	case r.Method == http.MethodPut && r.Header.Get("x-ms-blob-type") == "BlockBlob" && r.Header.Get("x-ms-version") != "":
		a.stored[r.URL.Path], _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodGet && a.stored[r.URL.Path] != nil:
		_, _ = w.Write(a.stored[r.URL.Path])
	default:
		http.Error(w, "BlobNotFound", http.StatusNotFound)
	}
}

// usher runs a command beside the running Usher and gives what it prints.
func (a *azureHouse) usher(args ...string) (stdout string, err error) {
	a.t.Helper()
	for _, s := range a.settings {
		args = append(args, "--set", s)
	}
	program, err := os.Executable()
	a.must(err)
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), asUsher+"=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String() + errs.String(), err
	}
	return out.String(), nil
}

// handles are phones of all kinds for the client's script.
func (a *azureHouse) handles() map[string]any {
	out := map[string]any{}
	for name, of := range map[string]struct {
		service push.Service
		n       int
		prefix  string
	}{
		"apple": {push.APNs, 1, ""}, "apple2": {push.APNs, 2, ""}, "apple3": {push.APNs, 3, ""}, "fcmGone": {push.FCM, 9, "unregistered-"}, "appleRegistered": {push.APNs, 5, ""},
		"fcm": {push.FCM, 1, ""}, "fcm2": {push.FCM, 2, ""}, "fcm3": {push.FCM, 3, ""}, "gcm": {push.FCM, 4, ""},
		"browser": {push.WebPush, 1, ""}, "browser2": {push.WebPush, 2, ""},
	} {
		x := a.services.Handle(of.service, of.n, of.prefix)
		out[name] = x.Value
		if of.service == push.WebPush {
			out[name] = map[string]string{"endpoint": x.Value, "p256dh": x.P256dh, "auth": x.Auth}
		}
	}
	return out
}

// The true client, from npm, unchanged: each of its methods, with the outcome looked
// up on the phones, and the errors it must understand.
func TestAzureClient(t *testing.T) {
	a := newAzureHouse(t)
	full, err := a.usher("keys", "connection-string", "--app", "festival")
	if err != nil {
		t.Fatal(full)
	}
	listen, err := a.usher("keys", "connection-string", "--app", "festival", "--policy", "DefaultListenSharedAccessSignature")
	if err != nil {
		t.Fatal(listen)
	}
	input, err := json.Marshal(map[string]any{"full": strings.TrimSpace(full), "listen": strings.TrimSpace(listen), "hub": "festival",
		"phones": a.phones.URL, "blobs": a.blobs.URL, "handles": a.handles(), "topic": a.services.APNsTopic()})
	a.must(err)
	cmd := exec.CommandContext(t.Context(), "node", "client.mjs")
	cmd.Dir = "../test/clients/azure"
	cmd.Stdin = bytes.NewReader(input)
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+a.ca)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(out, 8000))
	}
	if !strings.Contains(string(out), "26 of 26 client methods") {
		t.Errorf("the script did not come to its end:\n%s", tail(out, 8000))
	}
	t.Log(string(out))
}
