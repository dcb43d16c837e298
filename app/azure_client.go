package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/usherhq/usher/modules/hub/azure"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// importDesk talks to the running Usher through its listener of Azure's protocol: the
// built-in database is open to one process alone.
type importDesk struct {
	client *http.Client
	url    string // of the import, without its query
	base   string
	keys   azure.Keys
	app    string
}

func newImportDesk(cfg azure.Config, keys azure.Keys, app string) (*importDesk, error) {
	d := &importDesk{keys: keys, app: app, base: "http://" + dialable(cfg.Listen) + "/"}
	transport := &http.Transport{}
	if cfg.TLS.On() {
		d.base = "https://" + dialable(cfg.Listen) + "/"
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cfg.TLS.ACMEHost}
	}
	if cfg.TLS.CertFile != "" {
		own, err := tls.LoadX509KeyPair(cfg.TLS.CertFile, cfg.TLS.KeyFile)
		if err != nil {
			return nil, fault.E("app.Import", fault.Invalid, "cannot read azure.tls.cert_file", err)
		}
		// The certificate names the public host, not this address: it must be the very one we serve.
		transport.TLSClientConfig.InsecureSkipVerify = true
		transport.TLSClientConfig.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error { //nolint:gosec // G123: a client without a session cache resumes nothing
			if len(raw) == 0 || !bytes.Equal(raw[0], own.Certificate[0]) {
				return errors.New("another certificate than azure.tls.cert_file answers")
			}
			return nil
		}
	}
	d.client = &http.Client{Transport: transport, Timeout: 3 * time.Minute}
	d.url = d.base + url.PathEscape(app) + "/$import"
	return d, nil
}

// Tries of one batch, and the wait before the second; each next one is twice as long.
const (
	postTries = 5
	postWait  = time.Second
)

// post sends lines, again when the server does not answer well.
func (d *importDesk) post(ctx context.Context, from int64, lines []byte) (in azure.Intake, err error) {
	wait := postWait
	for range postTries {
		if in, err = d.once(ctx, from, lines); !fault.Retryable(err) {
			return in, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return in, err
		}
		wait *= 2
	}
	return in, err
}

func (d *importDesk) once(ctx context.Context, from int64, lines []byte) (azure.Intake, error) {
	const op = "app.Import"
	var in azure.Intake
	token, err := d.keys.Token(d.base, d.app, azure.FullPolicy, clock.System{}.Now().Add(10*time.Minute))
	if err != nil {
		return in, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s?from=%d", d.url, from), bytes.NewReader(lines))
	if err != nil {
		return in, fault.E(op, fault.Invalid, "azure.listen is no address to call", err)
	}
	req.Header.Set("Authorization", token)
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := d.client.Do(req)
	if err != nil {
		return in, fault.E(op, fault.Transient, "usher does not answer at "+d.base, err).WithFix("start it: usher serve")
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return in, fault.E(op, fault.Transient, "usher's answer broke off", err)
	}
	if res.StatusCode != http.StatusOK {
		return in, refusal(op, res.StatusCode, body)
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return in, fault.E(op, fault.Internal, "usher's answer is not understood", err)
	}
	return in, nil
}

// refusal is what the server says is wrong.
func refusal(op string, status int, body []byte) error {
	var e struct{ Detail string }
	if xml.Unmarshal(body, &e) != nil || e.Detail == "" {
		e.Detail = http.StatusText(status)
	}
	code := fault.Invalid
	if status >= 500 || status == http.StatusTooManyRequests {
		code = fault.Transient
	}
	return fault.E(op, code, fmt.Sprintf("usher answers %d: %s", status, e.Detail), nil)
}
