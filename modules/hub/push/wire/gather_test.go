package wire

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
)

// gatheredPipe is a gathering connection and its TLS peer.
func gatheredPipe(t *testing.T) (*gathering, *tls.Conn) {
	t.Helper()
	ts := httptest.NewUnstartedServer(nil) // for its certificate
	ts.StartTLS()
	t.Cleanup(ts.Close)
	near, far := net.Pipe()
	server := tls.Server(far, ts.TLS)
	client := tls.Client(near, &tls.Config{InsecureSkipVerify: true}) // the peer is ours
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	g := gather(client)
	t.Cleanup(func() { _ = g.Close(); _ = server.Close() })
	return g, server
}

// What many goroutines write arrives whole, each write unbroken, in the order of each writer.
func TestGatheringKeepsEveryWrite(t *testing.T) {
	g, far := gatheredPipe(t)
	const writers, writes = 8, 500
	got := make(chan []byte, 1)
	go func() {
		b := make([]byte, writers*writes*3)
		n, _ := io.ReadFull(far, b)
		got <- b[:n]
	}()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range writes {
				if _, err := g.Write([]byte{byte(w), byte(i >> 8), byte(i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	next := [writers]int{}
	for b := <-got; len(b) > 0; b = b[3:] {
		w, i := b[0], int(b[1])<<8|int(b[2])
		if i != next[w] {
			t.Fatalf("writer %d: %d after %d", w, i, next[w]-1)
		}
		next[w]++
	}
	for w, n := range next {
		if n != writes {
			t.Errorf("writer %d: %d of %d writes arrived", w, n, writes)
		}
	}
}

// A peer that does not read holds the writers back, and closing frees them.
func TestGatheringIsBounded(t *testing.T) {
	g, _ := gatheredPipe(t)
	freed := make(chan error, 1)
	go func() {
		chunk := bytes.Repeat([]byte("x"), 64<<10)
		for {
			if _, err := g.Write(chunk); err != nil {
				freed <- err
				return
			}
			g.mu.Lock()
			waiting := len(g.next)
			g.mu.Unlock()
			if waiting > gatherLimit+len(chunk) {
				t.Errorf("%d bytes wait", waiting)
			}
			if waiting >= gatherLimit {
				go g.Close() // the write's error is what counts
			}
		}
	}()
	if err := <-freed; err == nil {
		t.Error("a write after Close succeeded")
	}
}

// A peer that goes away ends the writes and the reads.
func TestGatheringEndsWithItsPeer(t *testing.T) {
	g, far := gatheredPipe(t)
	_ = far.NetConn().Close()
	for {
		if _, err := g.Write([]byte("x")); err != nil {
			break
		}
	}
	if _, err := g.Read(make([]byte, 1)); err == nil {
		t.Error("a read succeeded")
	}
}
