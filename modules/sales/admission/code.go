// Package admission decides who gets in: the signed code of a ticket, which a
// scanner reads without a network, and the rules by which scans are judged and
// settled. It knows neither database nor clock, so that the server and a scanner
// that was offline come to the same verdicts.
package admission

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Ticket is what a code says of itself.
type Ticket struct {
	Event   id.ID
	Order   id.ID
	N       int // 1 … within the order
	Version int // raised by each transfer: the codes of older ones are refused
}

// A code is base32 (RFC 4648, no padding), because QR codes pack capitals and
// digits tightly (alphanumeric mode) and it survives being pasted, of
//
//	format (1) ‖ key id (4) ‖ event (16) ‖ order (16) ‖ n (2) ‖ version (2) ‖ signature (64)
//
// big-endian; the Ed25519 signature is of all bytes before it. 168 characters are a
// QR code of 45 × 45 modules with error correction M.
const (
	format     = 1
	keyIDSize  = 4
	signedSize = 1 + keyIDSize + 16 + 16 + 2 + 2
	codeSize   = signedSize + ed25519.SignatureSize
)

// CodeLength is the number of characters of every code.
const CodeLength = (codeSize*8 + 4) / 5

var letters = base32.StdEncoding.WithPadding(base32.NoPadding)

// KeyID tells keys apart: the first bytes of the public key's SHA-256.
type KeyID [keyIDSize]byte

func idOf(k ed25519.PublicKey) KeyID {
	sum := sha256.Sum256(k)
	return KeyID(sum[:keyIDSize])
}

// Signer writes codes. Safe for concurrent use.
type Signer struct {
	key ed25519.PrivateKey
	id  KeyID
}

// NewSigner signs with the key that follows from a secret seed of 32 bytes; it
// panics when the seed is of another length.
func NewSigner(seed []byte) *Signer {
	key := ed25519.NewKeyFromSeed(seed)
	return &Signer{key, idOf(key.Public().(ed25519.PublicKey))}
}

// Public is what scanners verify with.
func (s *Signer) Public() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

// Code writes the code of a ticket: CodeLength capitals and digits, always the same
// for the same ticket and version.
func (s *Signer) Code(t Ticket) string {
	b := make([]byte, 0, codeSize)
	b = append(append(b, format), s.id[:]...)
	b = append(append(b, t.Event[:]...), t.Order[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(t.N))
	b = binary.BigEndian.AppendUint16(b, uint16(t.Version))
	b = append(b, ed25519.Sign(s.key, b)...)
	return letters.EncodeToString(b)
}

// Keyring holds the public keys whose codes are good: the one in use, and those
// before it while tickets signed with them are about.
type Keyring map[KeyID]ed25519.PublicKey

// NewKeyring holds these keys.
func NewKeyring(keys ...ed25519.PublicKey) Keyring {
	r := Keyring{}
	for _, k := range keys {
		r[idOf(k)] = k
	}
	return r
}

// Open reads a code and checks its signature. Spaces and line breaks, which
// people paste, and small letters do no harm; there is no second spelling beside
// those. Errors: fault.Invalid.
func (r Keyring) Open(code string) (Ticket, error) {
	if len(code) > 4*CodeLength {
		return Ticket{}, notOurs("is no ticket's code")
	}
	code = strings.ToUpper(strings.Join(strings.Fields(code), ""))
	b, err := letters.DecodeString(code)
	if err != nil || len(b) != codeSize || b[0] != format || letters.EncodeToString(b) != code {
		return Ticket{}, notOurs("is no ticket's code")
	}
	key := r[KeyID(b[1:])]
	if key == nil || !ed25519.Verify(key, b[:signedSize], b[signedSize:]) {
		return Ticket{}, notOurs("was not signed here")
	}
	b = b[1+keyIDSize:]
	return Ticket{Event: id.ID(b[:16]), Order: id.ID(b[16:32]), N: int(binary.BigEndian.Uint16(b[32:])), Version: int(binary.BigEndian.Uint16(b[34:]))}, nil
}

// Texts are the keys in base64, for a scanner to keep.
func (r Keyring) Texts() []string {
	out := make([]string, 0, len(r))
	for _, k := range r {
		out = append(out, base64.StdEncoding.EncodeToString(k))
	}
	return out
}

func notOurs(problem string) error {
	return fault.BadField("admission.Open", "code", problem, "scan the code on the ticket again")
}
