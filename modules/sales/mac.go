package sales

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// macs makes HMACs with one key, many a second: preparing a key is most of the work,
// and is done once.
type macs struct{ idle sync.Pool } // of hash.Hash

func newMACs(key []byte) *macs {
	return &macs{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// append appends the HMAC-SHA-256 of message to b.
func (m *macs) append(b, message []byte) []byte {
	h := m.idle.Get().(hash.Hash)
	defer m.idle.Put(h)
	h.Reset()
	h.Write(message)
	return h.Sum(b)
}
