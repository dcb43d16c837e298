package demo

import (
	"regexp"
	"sync"

	"github.com/usherhq/usher/modules/hub/push/pushtest"
)

// mail is what the simulated push services delivered: the vouchers among it that nobody
// redeemed yet.
type mail struct {
	mu    sync.Mutex
	codes []string
	seen  int64
}

var codeIn = regexp.MustCompile(`"code":"([0-9A-HJKMNP-TV-Z]{16})".*?"stall":"(\w*)"`)

func (m *mail) take(r pushtest.Receipt) {
	if found := codeIn.FindSubmatch(r.Payload); found != nil && r.Status < 300 {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.codes = append(m.codes, string(found[1])+" "+string(found[2]))
		m.seen++
	}
}

// open takes what has come.
func (m *mail) open() (codes []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	codes, m.codes = m.codes, nil
	return codes
}

// count is how many came so far.
func (m *mail) count() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen
}
