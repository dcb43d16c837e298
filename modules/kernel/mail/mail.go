// Package mail sends letters by SMTP, through github.com/wneessen/go-mail.
package mail

import (
	"context"
	"errors"
	"net/mail"
	"strings"
	"time"
	"unicode"

	smtp "github.com/wneessen/go-mail"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Config is the section "mail" of config.yaml. Without a host nothing is sent.
type Config struct {
	Host     string `koanf:"host"`
	Port     int    `koanf:"port"`
	User     string `koanf:"user"`
	Password string `koanf:"password" secret:"true"`
	From     string `koanf:"from"` // "Usher <tickets@example.org>"
	TLS      string `koanf:"tls"`  // starttls, tls (from the first byte), or none
}

// TLS modes.
const (
	StartTLS = "starttls"
	TLS      = "tls"
	None     = "none"
)

// sendTime bounds one letter.
const sendTime = 30 * time.Second

// Defaults submit with STARTTLS. Source of the port: RFC 6409.
func Defaults() Config { return Config{Port: 587, TLS: StartTLS} }

// On reports whether letters are sent at all.
func (c Config) On() bool { return c.Host != "" }

// Validate reports every fault of the section at once.
func (c Config) Validate() error {
	if !c.On() {
		return nil
	}
	var f []fault.Field
	bad := func(name, problem, fix string) {
		f = append(f, fault.Field{Name: "mail." + name, Problem: problem, Fix: fix})
	}
	if c.Port < 1 || c.Port > 65535 {
		bad("port", "is no port", "587 with starttls, 465 with tls")
	}
	if _, err := mail.ParseAddress(c.From); err != nil || !plain(c.From) {
		bad("from", "is no address", "such as Usher <tickets@example.org>")
	}
	if c.TLS != StartTLS && c.TLS != TLS && c.TLS != None {
		bad("tls", "is "+c.TLS, "starttls, tls or none")
	}
	if (c.User == "") != (c.Password == "") {
		bad("password", "is missing, or there is no user for it", "give both or none")
	}
	if c.TLS == None && c.User != "" {
		bad("tls", "would send the password in the clear", "starttls or tls")
	}
	return fault.BadFields("mail.Config", f)
}

// Letter is one e-mail. Subject is one line: line breaks and other control characters
// become spaces, so that nobody writes a header with it.
type Letter struct {
	ID      string // of the letter: sent twice, it is recognised as one
	To      string // a bare address
	Subject string
	Text    string
	HTML    string
}

// Sender sends letters. Errors: fault.Invalid when this letter will never be taken,
// fault.Transient when it may be later.
type Sender interface {
	Send(ctx context.Context, l Letter) error
}

// New sends by the server of the configuration; nil when there is none.
func New(c Config) Sender {
	if !c.On() {
		return nil
	}
	return server{c}
}

type server struct{ cfg Config }

// Send submits one letter over a connection of its own.
func (s server) Send(ctx context.Context, l Letter) error {
	const op = "mail.Send"
	m, err := compose(s.cfg.From, l)
	if err != nil {
		return err
	}
	client, err := smtp.NewClient(s.cfg.Host, s.options()...)
	if err != nil {
		return fault.E(op, fault.Internal, "the mail server's settings make no sense", err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	err = client.DialAndSendWithContext(ctx, m)
	var refused *smtp.SendError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.ErrorCode() >= 500 && !refused.IsTemp():
		return fault.E(op, fault.Invalid, "the mail server refused the letter", err)
	}
	return fault.E(op, fault.Transient, "the mail server did not take the letter", err)
}

func (s server) options() []smtp.Option {
	out := []smtp.Option{smtp.WithTimeout(sendTime)}
	switch s.cfg.TLS {
	case TLS:
		out = append(out, smtp.WithSSL())
	case None:
		out = append(out, smtp.WithTLSPolicy(smtp.NoTLS))
	default:
		out = append(out, smtp.WithTLSPolicy(smtp.TLSMandatory))
	}
	if s.cfg.User != "" {
		out = append(out, smtp.WithSMTPAuth(smtp.SMTPAuthAutoDiscover), smtp.WithUsername(s.cfg.User), smtp.WithPassword(s.cfg.Password))
	}
	return append(out, smtp.WithPort(s.cfg.Port))
}

// compose makes the message. Errors: fault.Invalid for an address that is none.
func compose(from string, l Letter) (*smtp.Msg, error) {
	const op = "mail.Send"
	a, err := mail.ParseAddress(l.To)
	if err != nil || a.Address != l.To || a.Name != "" || !plain(l.To) {
		return nil, fault.BadField(op, "to", "is no e-mail address", "such as ana@example.org")
	}
	m := smtp.NewMsg()
	if err := errors.Join(m.From(from), m.To(l.To)); err != nil {
		return nil, fault.E(op, fault.Invalid, "the letter has no good address", err)
	}
	m.Subject(oneLine(l.Subject))
	m.SetDate()
	m.SetMessageIDWithValue(oneLine(l.ID) + "@" + from[strings.LastIndex(from, "@")+1:len(strings.TrimRight(from, "> "))])
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answer by holiday notices
	m.SetBodyString(smtp.TypeTextPlain, l.Text)
	if l.HTML != "" {
		m.AddAlternativeString(smtp.TypeTextHTML, l.HTML)
	}
	return m, nil
}

func plain(text string) bool { return !strings.ContainsFunc(text, unicode.IsControl) }

func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"), func(r rune) bool { return unicode.IsControl(r) || r == ' ' || r == '\u2028' || r == '\u2029' }), " ")
}
