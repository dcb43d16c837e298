package app

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/cert"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// What a person must see to from time to time: certificates that end, backups that grow old.
// The page Health, the page Now and `usher doctor` say the same of them.

const (
	certSoon  = 14 * 24 * time.Hour // a certificate that ends so soon should have been renewed,
	certShare = 4                   // or when less than a quarter of its life is left
	backupAge = 8 * 24 * time.Hour  // older than a week and a day is too old
)

// listenerCert is the certificate of a listener. Err: it cannot be read; fault.NotFound before
// the authority has made one.
type listenerCert struct {
	Setting string // such as "http.tls"
	ACME    bool
	Names   []string
	Begins  time.Time
	Ends    time.Time
	Err     error
}

// listenerCerts are those of the listeners that speak TLS by themselves.
func listenerCerts(cfg Config) (all []listenerCert) {
	for _, l := range []struct {
		setting string
		tls     cert.TLS
	}{{"http.tls", cfg.HTTP.TLS}, {"azure.tls", cfg.Azure.TLS}} {
		if !l.tls.On() {
			continue
		}
		c := listenerCert{Setting: l.setting, ACME: l.tls.ACMEHost != ""}
		leaf, err := l.tls.Leaf(cfg.DataDir)
		if c.Err = err; err == nil {
			c.Names, c.Begins, c.Ends = leaf.DNSNames, leaf.NotBefore.UTC(), leaf.NotAfter.UTC()
		}
		all = append(all, c)
	}
	return all
}

func (c listenerCert) ended(now time.Time) bool { return c.Err == nil && !now.Before(c.Ends) }

// soon reports whether it should have been renewed by now.
func (c listenerCert) soon(now time.Time) bool {
	return c.Err == nil && c.Ends.Sub(now) < min(certSoon, c.Ends.Sub(c.Begins)/certShare)
}

// fix is what to do about one that ends.
func (c listenerCert) fix() string {
	if c.ACME {
		return "the authority must reach this listener on port 443; the log says why it does not renew"
	}
	return "get a new one, and put it into the same files: they are read anew"
}

// checkCertificates tells how long the listeners' certificates hold; the first that does not is a fault.
func checkCertificates(cfg Config, now time.Time) (said string, err error) {
	const op = "app.Doctor"
	for _, c := range listenerCerts(cfg) {
		switch {
		case fault.Is(c.Err, fault.NotFound):
			said += c.Setting + ": none obtained yet, which happens at the first visit; "
			continue
		case c.Err != nil:
			return "", fault.E(op, fault.Conflict, c.Setting+": "+fault.Message(c.Err), c.Err).WithFix(c.fix())
		case c.ended(now):
			return "", fault.E(op, fault.Conflict, fmt.Sprintf("the certificate of %s ended on %s", c.Setting, c.Ends.Format(time.DateOnly)), nil).WithFix(c.fix())
		case c.soon(now):
			return "", warning(op, fmt.Sprintf("the certificate of %s ends on %s", c.Setting, c.Ends.Format(time.DateOnly)), c.fix())
		}
		said += fmt.Sprintf("%s until %s, %d days; ", c.Setting, c.Ends.Format(time.DateOnly), days(c.Ends.Sub(now)))
	}
	if said == "" {
		return "no listener has one; a proxy in front does, or should", nil
	}
	return said[:len(said)-2], nil
}

// oldestCredential tells how old the oldest push key is.
func oldestCredential(all []hub.Credential, now time.Time) string {
	var oldest hub.Credential
	for _, c := range all {
		if oldest.StoredAt.IsZero() || c.StoredAt.Before(oldest.StoredAt) {
			oldest = c
		}
	}
	if oldest.StoredAt.IsZero() {
		return ""
	}
	return fmt.Sprintf("; the oldest, %s of the app %s, was stored %d days ago", oldest.Service, oldest.App, days(now.Sub(oldest.StoredAt)))
}

// backupState is how the last backup stands that was made on this machine.
type backupState struct {
	Last   lastBackup
	None   bool // none was made
	Needed bool // there is something to back up
	Old    bool
}

// backupOf reads it. Errors: fault.Invalid for a note that cannot be read.
func backupOf(dataDir string, now time.Time) (backupState, error) {
	_, err := os.Stat(filepath.Join(dataDir, "seal.key"))
	s := backupState{Needed: err == nil}
	s.Last, err = readBackupNote(dataDir)
	switch {
	case os.IsNotExist(err):
		s.None = true
		return s, nil
	case err != nil:
		return s, fault.E("app.Backup", fault.Invalid, "cannot read "+backupNote, err).WithFix("remove it, and run `usher backup FILE`")
	}
	s.Old = now.Sub(s.Last.At) > backupAge
	return s, nil
}

func days(d time.Duration) int { return int(d.Hours() / 24) }
