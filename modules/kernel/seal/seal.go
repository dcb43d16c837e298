// Package seal keeps secrets unreadable in the database: AES-256-GCM under one
// key of the installation, which lives in a file (or the environment) and never
// in PostgreSQL, so that a stolen dump alone gives nothing away.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// version is the first byte of an envelope: version ‖ nonce (12) ‖ ciphertext and tag (16).
const version = 1

// Key seals and opens. Safe for concurrent use.
type Key struct {
	aead cipher.AEAD
	root []byte // what Derive starts from; not the sealing key itself
}

// Parse reads a key from the base64 (standard, padding optional) of 32 bytes.
// Errors: fault.Invalid.
func Parse(s string) (*Key, error) {
	const op = "seal.Parse"
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(s), "="))
	if err != nil || len(raw) != KeySize {
		return nil, fault.E(op, fault.Invalid, "the sealing key is not the base64 of 32 bytes", nil).
			WithFix("make one with: openssl rand -base64 32")
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fault.E(op, fault.Internal, "cannot use the sealing key", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fault.E(op, fault.Internal, "cannot use the sealing key", err)
	}
	root, err := hkdf.Extract(sha256.New, raw, []byte("usher derive 1"))
	if err != nil {
		return nil, fault.E(op, fault.Internal, "cannot use the sealing key", err)
	}
	return &Key{aead: aead, root: root}, nil
}

// Derive gives 32 secret bytes that follow from the key and the context alone:
// the same after a restart, unrelated for another context. Source: RFC 5869.
func (k *Key) Derive(context string) []byte {
	out, err := hkdf.Expand(sha256.New, k.root, context, KeySize)
	if err != nil {
		panic("seal: " + err.Error()) // only for more than 255 blocks
	}
	return out
}

// Load reads the key file, or creates it with a fresh key (mode 0600, folders
// 0700). Two processes that start at once agree on one key. Errors:
// fault.Invalid when the file holds no key or others may read it, fault.Internal.
func Load(path string) (*Key, error) {
	const op = "seal.Load"
	k, err := read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := create(path); err != nil {
		return nil, fault.E(op, fault.Internal, "cannot create the sealing key "+path, err)
	}
	return read(path)
}

func read(path string) (*Key, error) {
	const op = "seal.Load"
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, fault.E(op, fault.Internal, "cannot read the sealing key "+path, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.E(op, fault.Invalid, "other users may read the sealing key "+path, nil).WithFix("chmod 600 " + path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.E(op, fault.Internal, "cannot read the sealing key "+path, err)
	}
	return Parse(string(b))
}

// create writes a fresh key aside and links it into place: the file appears
// whole or not at all, and the first of two processes wins.
func create(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".seal-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	raw := make([]byte, KeySize)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the program instead
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(raw) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Seal encrypts plain under a random nonce. context says what the secret
// belongs to: only the same context opens it again, so that a sealed value moved to
// another row stays shut.
func (k *Key) Seal(plain, context []byte) ([]byte, error) {
	out := make([]byte, 1+k.aead.NonceSize(), 1+k.aead.NonceSize()+len(plain)+k.aead.Overhead())
	out[0] = version
	// Read never fails: crypto/rand ends the program instead.
	_, _ = rand.Read(out[1:])
	return k.aead.Seal(out, out[1:], plain, bound(context)), nil //nolint:gosec // G407: it is random, see above
}

// Open gives back what Seal was given. Errors: fault.Internal when the envelope was
// altered, was sealed under another key or context, or is of an unknown version.
func (k *Key) Open(sealed, context []byte) ([]byte, error) {
	const op = "seal.Open"
	head := 1 + k.aead.NonceSize()
	if len(sealed) < head+k.aead.Overhead() || sealed[0] != version {
		return nil, fault.E(op, fault.Internal, "the sealed value is of no known form", nil)
	}
	plain, err := k.aead.Open(nil, sealed[1:head], sealed[head:], bound(context))
	if err != nil {
		return nil, fault.E(op, fault.Internal, "the sealed value does not open with this key", err).
			WithFix("restore the key file that was in use when it was stored, or store the secret again")
	}
	return plain, nil
}

// bound is the additional data: the version too, so that it cannot be rewritten.
func bound(context []byte) []byte { return append([]byte{version}, context...) }
