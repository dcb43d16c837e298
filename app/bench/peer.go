package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
)

// A peer is another program that sends to the same simulated APNs in the same run.
//
// Protocol of a peer's program: it reads one peerOrder as JSON from stdin, sends
// that many personal messages to the handles of pushtest, and writes one peerAnswer.
type peer struct {
	name    string
	missing string // why there is no figure
	send    func(ctx context.Context, near *services) (rate float64, how string, err error)
	factor  float64 // usher's goal; 0: none

	rates []float64
	how   string
}

type peerOrder struct {
	addresses
	Handles  []string // device tokens, used in turn
	Messages int
}

type peerAnswer struct {
	Seconds float64
	How     string // the best of its settings
}

// peerMessages is enough for a steady rate, and short enough to be run in turn.
const peerMessages = 100_000

func (b *bench) peers(ctx context.Context) []*peer {
	gorush := &peer{name: "gorush", factor: peerFactor, missing: "not installed"}
	if b.gorush != "" {
		gorush.missing, gorush.send = "", sendBy(b.gorush, b.handles)
	}
	bare := &peer{name: "sideshow/apns2 alone (no database, no queue, no templates)"}
	if program, err := buildPeer(ctx, b.work); err != nil {
		bare.missing = "cannot be built: " + strings.ReplaceAll(err.Error(), "\n", " ")
	} else {
		bare.send = sendBy(program, b.handles)
	}
	wire := &peer{name: "h2load (one message again and again)", send: h2load}
	if _, err := exec.LookPath("h2load"); err != nil {
		wire.missing = "not installed"
	}
	return []*peer{gorush, bare, wire}
}

// measure runs the peer once and remembers its rate.
func (p *peer) measure(ctx context.Context, near *services) {
	if p.missing != "" {
		return
	}
	before, err := near.tell(order{})
	if err == nil {
		var rate float64
		rate, p.how, err = p.send(ctx, near)
		p.rates = append(p.rates, rate)
	}
	if err == nil {
		err = acceptedAll(near, before)
	}
	if err != nil {
		p.missing = strings.ReplaceAll(err.Error(), "\n", " ")
		return
	}
	say("  %s: %.0f/s", p.name, p.rates[len(p.rates)-1])
}

// acceptedAll checks at the service that the peer did what it says.
func acceptedAll(near *services, before counts) error {
	after, err := near.tell(order{})
	if got := after[push.APNs].Accepted - before[push.APNs].Accepted; err == nil && got < peerMessages {
		err = fmt.Errorf("the service accepted %d of %d messages", got, peerMessages)
	}
	return err
}

// compare tells the peer's rate, and usher's against it.
func (p *peer) compare(r *result, rate float64) {
	goal, v := "", noGoal
	if p.factor > 0 {
		goal, v = fmt.Sprintf("usher ≥ %.0f ×", p.factor), notMeasured
	}
	if p.missing != "" {
		r.add(p.name, p.missing, goal, v)
		return
	}
	theirs := mean(p.rates)
	if p.factor > 0 {
		v = verdictOf(rate >= p.factor*theirs)
	}
	r.add(p.name, fmt.Sprintf("%.0f/s (%s); usher is %.2f ×", theirs, p.how, rate/theirs), goal, v)
}

// buildPeer compiles the program that drives apns2 as it comes. It is a module of
// its own: what a peer needs is no dependency of ours.
func buildPeer(ctx context.Context, into string) (string, error) {
	path := filepath.Join(into, "apns2")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, ".")
	cmd.Dir = filepath.Join("app", "bench", "testdata", "apns2")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w %s", err, out)
	}
	return path, nil
}

// sendBy runs a peer's program.
func sendBy(program string, handles *pushtest.Services) func(context.Context, *services) (float64, string, error) {
	return func(ctx context.Context, near *services) (float64, string, error) {
		o := peerOrder{addresses: near.addresses, Messages: peerMessages}
		for i := range 1000 {
			o.Handles = append(o.Handles, handles.Handle(push.APNs, i, "").Value)
		}
		in, err := json.Marshal(o)
		if err != nil {
			return 0, "", err
		}
		cmd := exec.CommandContext(ctx, program)
		cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return 0, "", err
		}
		var a peerAnswer
		if err := json.Unmarshal(out, &a); err != nil || a.Seconds <= 0 {
			return 0, "", errors.Join(errors.New("the peer's answer cannot be read"), err)
		}
		return float64(o.Messages) / a.Seconds, a.How, nil
	}
}

var h2loadRate = regexp.MustCompile(`finished in .*?, ([0-9.]+) req/s`)

// h2load is the wire: what a C client gets out of the service without doing anything.
func h2load(ctx context.Context, near *services) (float64, string, error) {
	token, err := providerToken(near.addresses)
	if err != nil {
		return 0, "", err
	}
	file, err := os.CreateTemp("", "usher-bench-message-")
	if err != nil {
		return 0, "", err
	}
	defer os.Remove(file.Name())
	if _, err = file.WriteString(`{"aps":{"alert":{"title":"Hello, Guest 123456","body":"The gates open at six."}}}`); err != nil {
		return 0, "", err
	}
	if err := file.Close(); err != nil {
		return 0, "", err
	}
	out, err := exec.CommandContext(ctx, "h2load", "-n", strconv.Itoa(peerMessages), "-c", "4", "-m", "250", "-d", file.Name(),
		"-H", "authorization: bearer "+token, "-H", "apns-topic: "+near.APNsTopic, "-H", "apns-push-type: alert",
		near.APNsURL+"/3/device/"+strings.Repeat("0b5e55ed", 8)).Output()
	if err != nil {
		return 0, "", err
	}
	m := h2loadRate.FindSubmatch(out)
	if m == nil {
		return 0, "", errors.New("h2load's output has no rate")
	}
	rate, err := strconv.ParseFloat(string(m[1]), 64)
	return rate, "4 connections × 250 streams", err
}

// providerToken signs what APNs asks for: ES256 over the key's id, the team and the time.
func providerToken(a addresses) (string, error) {
	block, _ := pem.Decode([]byte(a.APNsKeyPEM))
	if block == nil {
		return "", errors.New("the APNs key is no PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return "", errors.New("the APNs key is not ECDSA")
	}
	b64 := base64.RawURLEncoding
	text := b64.EncodeToString(fmt.Appendf(nil, `{"alg":"ES256","kid":%q}`, a.APNsKeyID)) + "." +
		b64.EncodeToString(fmt.Appendf(nil, `{"iss":%q,"iat":%d}`, a.APNsTeamID, time.Now().Unix()))
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", err
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + b64.EncodeToString(sig), nil
}
