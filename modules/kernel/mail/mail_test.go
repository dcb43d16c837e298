package mail

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// post is a mail server in the process, which keeps what it takes.
type post struct {
	mu      sync.Mutex
	letters [][]byte
	to      []string
	refuse  *smtp.SMTPError
}

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{p: p}, nil }

type session struct{ p *post }

func (*session) Mail(string, *smtp.MailOptions) error { return nil }
func (*session) Reset()                               {}
func (*session) Logout() error                        { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.p.refuse != nil {
		return s.p.refuse
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.to = append(s.p.to, to)
	return nil
}
func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.letters = append(s.p.letters, b)
	return err
}

// serve starts it and gives the configuration that reaches it.
func serve(t *testing.T, p *post) Config {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(p)
	done := make(chan error, 1)
	go func() { done <- s.Serve(listener) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	c := Defaults()
	c.Host, c.Port, c.TLS, c.From = "127.0.0.1", listener.Addr().(*net.TCPAddr).Port, None, "Usher <tickets@example.org>"
	return c
}

func TestALetterArrivesAsItWasWritten(t *testing.T) {
	p := &post{}
	l := Letter{ID: "0198", To: "ana@example.org", Subject: "Ihre Tickets: Jazz für alle", Text: "Grüße\nhttps://x.example/o/abc", HTML: "<p>Grüße</p>"}
	if err := New(serve(t, p)).Send(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if len(p.letters) != 1 || len(p.to) != 1 || p.to[0] != l.To {
		t.Fatal(p.to)
	}
	m, err := mail.ReadMessage(bytes.NewReader(p.letters[0]))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != l.Subject || m.Header.Get("Message-ID") != "<0198@example.org>" || m.Header.Get("Auto-Submitted") != "auto-generated" || !strings.HasPrefix(m.Header.Get("Content-Type"), "multipart/alternative") {
		t.Errorf("%q %v, %v", subject, m.Header, err)
	}
}

func TestWhatTheServerSaysDecidesWhetherToTryAgain(t *testing.T) {
	p := &post{}
	c := serve(t, p)
	l := Letter{ID: "1", To: "ana@example.org", Subject: "s", Text: "t"}
	for code, want := range map[int]fault.Code{550: fault.Invalid, 451: fault.Transient} {
		p.refuse = &smtp.SMTPError{Code: code, Message: "no"}
		if err := New(c).Send(t.Context(), l); !fault.Is(err, want) {
			t.Errorf("%d: %v, want %s", code, err, want)
		}
	}
	c.TLS, p.refuse = StartTLS, nil
	if err := New(c).Send(t.Context(), l); err == nil || len(p.letters) != 0 {
		t.Error("a letter went out in the clear although STARTTLS was asked for:", err)
	}
	c.Port = 1
	if err := New(c).Send(t.Context(), l); !fault.Is(err, fault.Transient) {
		t.Error("out of reach:", err)
	}
}

func TestSettingsThatMakeNoSenseAreRefused(t *testing.T) {
	if err := Defaults().Validate(); err != nil || New(Defaults()) != nil {
		t.Error("without a host nothing is sent:", err)
	}
	bad := Config{Host: "h", Port: 0, From: "x\r\nBcc: all@example.org", TLS: "ssl", User: "u"}
	var f *fault.Error
	if err := bad.Validate(); !errors.As(err, &f) || len(f.Fields) != 4 {
		t.Error(err)
	}
	open := Config{Host: "h", Port: 25, From: "a@example.org", TLS: None, User: "u", Password: "p"}
	if open.Validate() == nil {
		t.Error("a password in the clear")
	}
}

var ours = map[string]bool{"From": true, "To": true, "Subject": true, "Date": true, "Message-Id": true, "Mime-Version": true, "Auto-Submitted": true, "Content-Type": true,
	"Content-Transfer-Encoding": true, "User-Agent": true, "X-Mailer": true}

// FuzzLetter: whatever people put into their name, a title or an address, it writes no header.
func FuzzLetter(f *testing.F) {
	f.Add("ana@example.org", "Tickets\r\nBcc: all@example.org", "text\r\n.\r\nMAIL FROM:<x@example.org>")
	f.Add("ana@example.org\nBcc: b@example.org", "\x00", ".")
	f.Add("a@example.org", strings.Repeat("ü", 200)+"\rX: y", "\xff")
	f.Fuzz(func(t *testing.T, to, subject, text string) {
		m, err := compose("Usher <tickets@example.org>", Letter{ID: subject, To: to, Subject: subject, Text: text, HTML: text})
		if err != nil {
			return
		}
		var b bytes.Buffer
		if _, err := m.WriteTo(&b); err != nil {
			return // refused as a whole
		}
		got, err := mail.ReadMessage(&b)
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range got.Header {
			if !ours[name] || len(values) != 1 {
				t.Fatalf("%q wrote the header %s: %q", subject, name, values)
			}
		}
		if all, err := got.Header.AddressList("To"); err != nil || len(all) != 1 || all[0].Address != to {
			t.Fatalf("%q became %v, %v", to, all, err)
		}
	})
}
