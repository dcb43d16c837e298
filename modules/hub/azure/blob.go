package azure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub/push/webpush"
	"github.com/usherhq/usher/modules/kernel/fault"
)

const opBlob = "azure.Blob"

// newBlobClient makes the client that reads and writes what jobs name: hosts of the
// configuration only, at public addresses unless the host is listed with its port,
// and no redirects.
func newBlobClient(cfg Config) (*http.Client, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil || !roots.AppendCertsFromPEM(pem) {
			return nil, fault.E(opBlob, fault.Invalid, "azure.ca_file holds no certificates: "+cfg.CAFile, err).WithFix("a file of PEM certificates")
		}
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		d := &net.Dialer{Timeout: 20 * time.Second, Control: webpush.RefusePrivate}
		if slices.Contains(cfg.BlobHosts, address) {
			d.Control = nil
		}
		return d.DialContext(ctx, network, address)
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: time.Minute, IdleConnTimeout: time.Minute,
			MaxConnsPerHost: 4, DisableCompression: true, MaxResponseHeaderBytes: 32 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// checkBlobURL says whether a job may use an address. Errors: fault.Invalid, without
// the query: it holds the storage's own secret.
func (c Config) checkBlobURL(field, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fault.BadField(opBlob, field, "is no https URL", "the address of a blob container with its shared access signature")
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	for _, h := range c.BlobHosts {
		host := strings.ToLower(u.Hostname())
		if host == h || net.JoinHostPort(host, port) == h || strings.HasPrefix(h, ".") && strings.HasSuffix(host, h) {
			return nil
		}
	}
	return fault.BadField(opBlob, field, fmt.Sprintf("is at %s, which jobs may not use", u.Hostname()), "storage of azure.blob_hosts; the operator can add hosts")
}

// fetch opens a blob and tells its size, -1 if unknown. Errors: fault.Invalid when it
// cannot be had, fault.Transient when the storage does not answer well.
func (s *Service) fetch(ctx context.Context, address string) (io.ReadCloser, int64, error) {
	res, err := s.call(ctx, http.MethodGet, address, nil, 0)
	if err != nil {
		return nil, 0, err
	}
	return res.Body, res.ContentLength, nil
}

// store writes a file as a block blob into a container, below its path.
func (s *Service) store(ctx context.Context, container, name string, f *os.File) error {
	u, err := url.Parse(container)
	if err != nil {
		return fault.E(opBlob, fault.Invalid, "the output container is no URL", nil)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fault.E(opBlob, fault.Internal, "cannot read what was written", err)
	}
	u.Path = strings.TrimRight(u.Path, "/") + "/" + name
	u.RawPath = ""
	res, err := s.call(ctx, http.MethodPut, u.String(), f, size)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// call makes one request of the storage. Source: "Put Blob", "Get Blob".
func (s *Service) call(ctx context.Context, method, address string, body io.Reader, size int64) (*http.Response, error) {
	if body != nil {
		body = io.NopCloser(body) // the file is closed by its owner
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, fault.E(opBlob, fault.Invalid, "the blob's address is no URL", nil)
	}
	req.Header.Set("x-ms-version", "2020-10-02")
	if method == http.MethodPut {
		req.ContentLength = size
		req.Header.Set("x-ms-blob-type", "BlockBlob")
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	res, err := s.blobs.Do(req)
	if err != nil {
		// The error of net/http holds the address, and that a secret.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, fault.E(opBlob, fault.Transient, "the blob storage does not answer", err)
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	_ = res.Body.Close()
	code := fault.Invalid
	if res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests {
		code = fault.Transient
	}
	return nil, fault.E(opBlob, code, fmt.Sprintf("the blob storage answered %s to %s", res.Status, method), nil).
		WithFix("check that the URL's signature allows it and is still in time")
}
