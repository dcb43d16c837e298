package identity

import (
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/usherhq/usher/modules/kernel/id"
)

// Secrets of keys look like usher_<32 random characters><7 of a checksum>. The
// prefix and the checksum let a scanner of leaked keys tell one from chance
// without asking us, and let us refuse a mistyped one without asking the database.
const (
	secretPrefix = "usher_"
	secretRandom = 32 // characters, 160 bits
	secretCheck  = 7  // characters, a CRC-32
)

var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// NewKeySecret makes the secret of a machine's key.
func NewKeySecret() string {
	random := id.Code(20)
	return secretPrefix + random + checksum(random)
}

func checksum(random string) string {
	return crockford.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(random))))
}

// wellFormed reports whether s can be one of our secrets.
func wellFormed(s string) bool {
	rest, ok := strings.CutPrefix(s, secretPrefix)
	return ok && len(rest) == secretRandom+secretCheck && checksum(rest[:secretRandom]) == rest[secretRandom:]
}

// hintOf is the end of a secret, for people to tell two by: the checksum's last
// characters, which say little about the rest.
func hintOf(secret string) string { return "…" + secret[max(0, len(secret)-4):] }
