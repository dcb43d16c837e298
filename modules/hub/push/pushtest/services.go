package pushtest

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest/h2"
	"github.com/usherhq/usher/modules/kernel/clock"
)

// Services are the three simulated services, running.
type Services struct {
	ca      *authority
	apns    *apns
	fcm     *fcm
	webpush *webPush
	running map[push.Service]*service
}

// Start starts the services. Errors: a port that cannot be listened on.
func Start(cfg Config) (*Services, error) {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	ca, err := newAuthority(cfg.Clock.Now())
	if err != nil {
		return nil, err
	}
	s := &Services{ca: ca, running: map[push.Service]*service{}}
	s.apns, err = newAPNs(cfg)
	if err == nil {
		s.fcm, err = newFCM(cfg)
	}
	if err == nil {
		s.webpush, err = newWebPush(cfg)
	}
	if err != nil {
		return nil, err
	}
	for name, p := range map[push.Service]protocol{push.APNs: s.apns, push.FCM: s.fcm, push.WebPush: s.webpush} {
		if err := s.start(name, cfg, p); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func (s *Services) start(name push.Service, cfg Config, p protocol) error {
	own := map[push.Service]ServiceConfig{push.APNs: cfg.APNs, push.FCM: cfg.FCM, push.WebPush: cfg.WebPush}[name]
	ln, err := net.Listen("tcp", cmp.Or(own.Addr, "127.0.0.1:0"))
	if err != nil {
		return fmt.Errorf("pushtest: simulated %s: %w", name, err)
	}
	p.reachedAt("https://" + ln.Addr().String())
	svc := &service{
		name: name, cfg: own, protocol: p, onMessage: cfg.OnMessage, keep: cfg.Headers, clock: cfg.Clock,
		prefixes: byPrefix(name), tries: map[string]int{}, refused: map[string]string{},
	}
	svc.mode.Store(new(Off))
	svc.server = h2.Serve(ln, h2.Config{
		TLS:        &tls.Config{Certificates: []tls.Certificate{s.ca.leaf}, MinVersion: tls.VersionTLS12},
		Handler:    svc.serve,
		MaxStreams: uint32(cmp.Or(own.MaxStreams, 1000)), GoAwayEvery: own.GoAwayEvery,
		CutEvery: own.CutEvery, RefuseEvery: own.RefuseEvery,
	})
	s.running[name] = svc
	return nil
}

// Close stops every service and waits for its goroutines.
func (s *Services) Close() error {
	var errs []error
	for _, svc := range s.running {
		errs = append(errs, svc.server.Close())
	}
	return errors.Join(errs...)
}

// Outage switches a service's failure on, or off again.
func (s *Services) Outage(name push.Service, mode Mode) {
	svc := s.running[name]
	svc.mode.Store(&mode)
	svc.server.Refuse(mode == Reset)
}

// Stats counts what a service has seen.
func (s *Services) Stats(name push.Service) Count {
	svc := s.running[name]
	return Count{
		Requests: svc.requests.Load(), Accepted: svc.accepted.Load(), Refused: svc.declined.Load(),
		Unanswered: svc.unanswered.Load(), Connections: svc.server.Connections(), Open: int64(svc.server.Open()),
	}
}

// RootCAs trusts the services' certificate authority, made at Start.
func (s *Services) RootCAs() *x509.CertPool { return s.ca.pool }

// CAPEM is that authority's certificate, for clients outside this process.
func (s *Services) CAPEM() []byte { return s.ca.pem }

// APNsURL is the endpoint for an APNs client.
func (s *Services) APNsURL() string { return s.apns.origin }

// APNsKeyPEM is the signing key, as in the .p8 file Apple gives out.
func (s *Services) APNsKeyPEM() []byte { return s.apns.keyPEM }

// APNsKeyID is the signing key's name.
func (s *Services) APNsKeyID() string { return apnsKeyID }

// APNsTeamID is the team the key belongs to.
func (s *Services) APNsTeamID() string { return apnsTeamID }

// APNsTopic is the app's bundle id.
func (s *Services) APNsTopic() string { return apnsTopic }

// FCMURL is the base under which an SDK appends /projects/{p}/messages:send.
func (s *Services) FCMURL() string { return s.fcm.origin + "/v1" }

// TokenURL is the OAuth token endpoint, as named in ServiceAccountJSON.
func (s *Services) TokenURL() string { return s.fcm.tokenURL() }

// ServiceAccountJSON is a service account's key file.
func (s *Services) ServiceAccountJSON() []byte { return s.fcm.accountJSON() }

// ForgetBearers makes FCM refuse the access tokens it has given out, as after
// a revocation, until a client fetches another.
func (s *Services) ForgetBearers() { s.fcm.bearers.clear() }

// WebPushOrigin is the scheme, host and port of every subscription endpoint.
func (s *Services) WebPushOrigin() string { return s.webpush.origin }

// WebPushHost is WebPushOrigin's host and port.
func (s *Services) WebPushHost() string { return s.webpush.origin[len("https://"):] }
